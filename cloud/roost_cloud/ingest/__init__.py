"""The role `ingest`: what devices say of themselves, from the broker to the database.

- `worker.py`: takes batches from the broker, has them stored, acknowledges them.
- `states.py`: births and wills, read and stored; what they mean is decided in `roost_cloud.fleet.presence`.
"""
