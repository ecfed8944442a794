"""The cloud, and the command `roost` by which people use it.

- A process of the cloud: `serve` runs the `roles` it was given, each with the `services` it needs and by its
  `settings`: `api/`, HTTP, made an application in `app`, and those that `workers` lists: `ingest/`, `scorer/`,
  `director/`.
- Who there is: `people/` (tenants, tokens, audit), `fleet/` (devices and their certificates), `fence/` (keeps revoked
  ones out of a broker).
- Models: `registry/` (bundles), `tasks/` (which bundle answers), `scorer/` (runs them for devices), `asking/` (asks
  scorers for callers without a device).
- What devices keep: `ingest/` stores what they say, `shards/` the inputs that they bring, `samples/` shows both.
- Ground: `db/` (tables, migrations), `objects/` (bytes), `broker/` (MQTT), `secret_files`, `logs`.
- On a person's machine: `commands/`, by the API's `client` with the `credentials` of `roost login`; `transfer/` pushes
  and pulls bundles, `export/` fetches samples.

A device runs none of this, and nothing here imports the agent.
"""
