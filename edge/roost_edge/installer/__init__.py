"""Brings to the device what it is assigned: believed, fitting, fetched, verified, staged; and keeps what is in force.

A process of its own, for it loads TUF and hashes bundles. It starts no model: whether a bundle works here, the agent's
workers find out (`roost_edge.changeover`), and tell it what to put in force.

- What the agent's own process uses: `installer.py`, the process seen from there; `plan.py`, `protocol.py`,
  `settings.py`; `pointer.py`, what is in force on the disk, by the rules of `standing.py`.
- `process.py`: the process. `service.py` answers the agent; `installing.py` is the thread that does the rest, turn by
  turn: `work.py`, with a `job.py` in hand.
- An attempt: `attempt.py`, of which `bringer.py` makes one after another: whom to believe, `trusted_cloud.py`; does it
  fit, `fit.py` and `machine.py`; bytes, `download.py` from `bundle_cloud.py` into `store.py`; how far it is,
  `headway.py`; again or not, `retrying.py`; and what nobody needs any more, `garbage.py`.
"""
