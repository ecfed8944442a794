"""The role `ingest`: what devices say of themselves and of their work, from the broker to the database.

- `worker.py`: the role; `stream.py`: takes messages from the broker, has them stored, acknowledges them.
- `states.py`: births and wills, read and stored; what they mean is decided in `roost_cloud.fleet.presence`.
- `records.py`: batches of records by MQTT; those by HTTP come through `roost_cloud.api.records`. `batches.py` reads
  them, `progress.py` decides what of them is new, `rows.py` makes rows of it, `storing.py` stores these,
  `tally.py` counts them.

Reports of what devices run, and telling them what they shall, are `roost_cloud.assignments`'.
"""
