"""The agent's subprocesses: how one is started, kept and ended, and how it gives way to the agent.

- `offspring.py`: starts one, and says what it died of.
- `second_place.py`: what it does first itself; `serving.py`: what it does then.
- `places.py`: who goes before whom.
- `companion.py`: one that serves the agent beside the workers; workers have more to tell, see `workers/child.py`.
- `attendant.py`: such a one that comes back when it dies.
- `packets.py`: messages to it and from it, however large.
"""
