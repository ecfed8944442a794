"""Tasks as this device runs them.

- `entry.py`: a task as it shall run, whoever says so; `unassigned.py`: one that nobody has assigned yet.
- `lineup.py`: from that and its bundles to a task with its workers; `worker_ear.py` hears these.
- `board.py`: the tasks that run, and all that hangs on each.
- `task.py`: the task: policy, workers, bundles, counts.
- `injection.py`: external state that is stamped on its requests.
- `tally.py`: its counts, with `agreement.py` and `late_scores.py`.
- `readiness.py`: whether it could answer.
"""
