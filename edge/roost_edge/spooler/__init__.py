"""The process that keeps what the device has to remember: inputs, records for the cloud, and their upload.

- `protocol.py`: what the agent and the process say to each other. `spooler.py`: the agent's side of it.
- `process.py`: the other side, told by `settings.py`. In it `service.py` is the thread that keeps, and `courier.py`
  the one that uploads.

What is kept, and how, is the room `spool`; sending it to the cloud, `upload`; what to keep, the agent's `decoy`.
"""
