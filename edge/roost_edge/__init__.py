"""The edge agent: takes inputs, has contestants score them, answers each by its deadline, and keeps those that matter.

One request, from the socket to the answer:

- `intake/`: what came by MQTT, from a folder or by HTTP becomes an `Input` with a `Reply`, the way back. MQTT is
  spoken in `mqtt/`, HTTP in `http/`.
- `desk/`: has the task's contestants score it and gives the one answer. What is decided, and when, is decided by
  `roost_shared.rendezvous`.
- `tasks/`: what runs: policy, bundles, workers, counts, external state.
- `workers/`: models in processes of their own.
- `asking/` and `shrinking/`: ask cloud contestants, with a smaller picture where that pays.

After its answer:

- `decoy/`: which inputs are kept, and with what probability. `monitor/`: what a stretch of requests was like.
- `spooler/`: a process of its own for all that waits for a disk; in it `spool/`, what is kept, and `upload/`, its way
  to the object store.

What runs is brought by `installer/`, a process that fetches and keeps it, and changed by `changeover/`, which tries it
first.

Around it: `agent.py` puts all together; `loop/` is what it runs in, `subprocesses/` how its processes are kept,
`settings/` agent.toml; `uplink/` is the way to the cloud, `identity/` who goes it; `watchdog.py` is what systemd
hears, `status/` what a person does, `check.py` what would go wrong; `state_folder.py` keeps a second agent out.
"""
