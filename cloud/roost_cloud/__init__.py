"""The cloud, and the command `roost` by which people use it.

- A process of the cloud: `start` leads to `serve`, which runs the `roles` it was given, each with the `services` it
  needs and by its `settings`: `api/` and `dashboard/`, made an application in `app` and served by `tls` and
  `impatient_protocol`; and those that `workers` lists, whose rounds go under `guard`: `ingest/`, `scorer/`,
  `monitor/`, `runs/`, `director/`.
- Who there is: `people/` (tenants, tokens, audit; the first by `bootstrap`), `fleet/` (devices, certificates),
  `fence/` (keeps revoked ones out of a broker).
- Models: `registry/` (bundles), `trust/` and `keyring/` (who releases them), `tasks/` (which bundle answers),
  `scorer/` (runs them for devices), `asking/` (asks scorers for callers without a device).
- What devices do and keep: `assignments/` says what they shall, `ingest/` stores what they say, `activity/` adds it
  up, `shards/` takes the inputs that they bring, `samples/` shows both.
- From a change to a better bundle: `drift/` decides whether there is one, `alarms/` wait for somebody, `events/`
  tell; `labels/`, `datasets/`, `training/`, the `gate/`; `rollouts/` bring it to the fleet.
- Ground: `db/` (tables, migrations), `objects/` (bytes), `broker/` (MQTT), `deployment` (whose database it is),
  `secret_files`, `secret_text`, `logs`.
- On a person's machine: `commands/`, by `loading` and `client/` (the API) with the `credentials` of `roost login`;
  `transfer/` pushes and pulls bundles, `export/` fetches samples, `replay/` asks what would have been.

A device runs none of this, and nothing here imports the agent.
"""
