"""Training runs: what opens them, who works on them, and what becomes of them. The row is the truth, not the cluster.

- `state`: from queued to registered, refused, failed or cancelled. Pure.
- `retrying`: which faults are worth another attempt. Pure.
- `policy`: what a tenant wants of the training of a task; `policies`: where it is kept
- `openings`: whether a task is due for a run. Pure. `opening`: opens it
- `store`: runs in the database, for people; `claiming`: for workers, each write fenced by the attempt's number
- `job`: the folders that a trainer and the gate work in, and their end
- `executor`: what runs a process of a job; `local` does so here, `ray` on a cluster
- `supervising`: a process watched: its lines, its time, its memory, its silence
- `reporting`: what a process says, to the database, and what the database says of the run, to the process
- `conducting`: an attempt from its claim to its end
- `worker`: the role `trainer`

What is learnt from whom is `datasets`' to say, how is `training`'s, whether it is good enough `gate`'s.
"""
