"""Alarms: findings that need somebody's time, from the first that finds it until somebody has resolved it.

- `state.py`: open, acknowledged, resolved; muted for a while. Pure.
- `store.py`: alarms in the database, changed with a record of who changed them
- `cohorts.py`: alarms of several devices that belong together. Pure.
- `showing.py`: samples that show what an alarm is about, and labels by name

Who raises one is another room's business (`roost_cloud.monitor`); whom it is told to, `roost_cloud.events`'s.
"""
