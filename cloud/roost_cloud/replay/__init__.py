"""Replay: what recorded requests would have been answered by other rules, or with another bundle.

- `source.py`: where recorded requests come from; `span.py`: of which time.
- `other_rules.py`, `other_bundle.py`: what shall be different.
- `replayer.py`: one request, as it was and as it would have been; `roost_shared.rendezvous.replay` plays it.
- `truth.py`: what people say that answers should have been.
- `tally.py`: many of them, in sums that a file can hold; `report.py`: what those say.
- `run.py`: page after page, going on where an interrupted run stopped.
"""
