"""The process that keeps what the device has to remember: inputs, records for the cloud, and their upload.

`protocol` is what the agent and the process say to each other, `spooler` the agent's side, `process` the other. What
is kept, and how, is the room `spool`; sending it to the cloud, `upload`.
"""
