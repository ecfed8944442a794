"""Training runs: what opens them, who works on them, and what becomes of them. The row is the truth, not the cluster.

- `state`: from queued to registered, refused, failed or cancelled. Pure.
- `retrying`: which faults are worth another attempt. Pure.
- `policy`: what a tenant wants of the training of a task; `policies`: where it is kept
- `openings`: whether a task is due for a run. Pure. `opening`: opens it; `awaiting`: how near it is,
  by labels
- `store`: runs in the database, for people; `claiming`: for workers, each write fenced by the attempt's number
- `stepping`: a run's step, written down, and told to whom it concerns
- `executor`: what runs a process of a job; `local` does so here, `ray_executor` on a cluster, by way of `ray_driver`
  here, `on_node` there and `packing` in between
- `supervising`: a process watched: its lines, its time, its silence, and by `usage` its memory
- `workshop`: the folders that processes work in, and their end; `stragglers`: processes that would outlive it
- `dataset`, `candidates`, `verdict`, `registrar`: what a run has of other rooms, and gives them
- `reporting`: what a process says, to the database; whose the run is, back. `hand`: the run's row meanwhile
- `conducting`: an attempt from its claim to its end; `faults`: whose fault it is if it fails. Pure.
- `worker`: what the role does; `role` makes it

What is learnt from whom is `datasets`' to say, how is `training`'s, whether it is good enough `gate`'s.
"""
