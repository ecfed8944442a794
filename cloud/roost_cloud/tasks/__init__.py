"""Tasks whose contestants run in the cloud: what a task says, and which bundles it stands for.

- `document.py`: what a task says, as people write it.
- `store.py`: tasks in the database.
- `resolution.py`: the bundles that its references stand for at this moment.

Scorers run them (`roost_cloud.scorer`), and `roost_cloud.asking` answers by their rules. A device's own tasks are in
its agent.toml.
"""
