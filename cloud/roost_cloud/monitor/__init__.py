"""The role `monitor`: from devices' windows to decisions, to verdicts, to alarms.

- `worker.py`: the role, by any number of processes
- `work.py`: a round of it, a transaction for each task on a device
- `settings.py`: a tenant's budget, and how large decisions are
- `reading.py`: a window's row, as it can be merged
- `merging.py`: undecided windows of a task on a device, to decision windows
- `judged.py`, `policies.py`: which contestants are judged
- `baselines.py`: what each is judged against, from its first decisions on; begun anew by a person
- `anew.py`: a person's word, or another camera's, that what comes now is the new normal
- `references.py`: what all devices of a task have in common: measure and threshold, kept until they change
- `judging.py`: verdicts of a decision
- `raising.py`: three of five, and an alarm
- `telling.py`: what an alarm says of itself. Pure.
- `status.py`: how each device stands
- `history.py`: how each went, decision by decision
- `among.py`: where devices and cohorts stand among the others, by the bundle's reference or the fleet itself
- `expiry.py`: windows and decisions that came too long ago are removed
- `simulation.py`: alarms a week that the recorded decisions have under another budget

A task on a device is worked on in one transaction that holds its row (`DriftStream`): windows that are in a decision
say so, so that what comes twice, late or in another order changes nothing twice, and two processes do not decide the
same. The statistics are `roost_cloud.drift`'s; what becomes of an alarm is `roost_cloud.alarms`'s.
"""
