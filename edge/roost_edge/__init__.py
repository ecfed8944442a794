"""The edge agent: takes inputs, has contestants score them, answers each by its deadline, and keeps those that matter.

One request, from the socket to the answer:

- `intake/`: what came by MQTT, from a folder or by HTTP becomes an `inputs.Input` with a `Reply`, the way back. MQTT
  is spoken in `mqtt/`, on the `site_connection`; HTTP in `http/`; `intakes` starts and stops the others.
- `desk/`: has the `task`'s contestants score it and gives the one answer. What is decided, and when, is decided by
  `roost_shared.rendezvous`; state of the site is stamped on by `injection`.
- `workers/`: models in processes of their own. `lineup` makes them from the bundles that agent.toml names.
- `cloud_link/` and `shrinking/`: ask cloud contestants, with a smaller picture where that pays.
- `tally`, with `agreement` and `late_scores`: what became of a task's answers.

An input that is kept, after its answer (`capture` puts these together):

- `decoy/`: which inputs, and with what probability. `telemetry` carries their records to the cloud by MQTT.
- `spooler/`: a process of its own for all that waits for a disk; in it `spool/`, what is kept, and `upload/`, its way
  to the object store.

Around it: `agent` puts all together; `reactor` is the loop it runs in, with `timers`, `socket_watch`, and `errands`
for what blocks; `offspring` starts its processes, of which those beside the workers are each a `companion`; `config`
is agent.toml; `uplink` is the way to the cloud, by a `cloud_connection` or the site's own; `presence` is what a device
says of itself, `identity/` who it is; `watchdog` is what systemd hears, `status` what a person does.
"""
