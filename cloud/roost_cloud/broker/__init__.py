"""The broker as the cloud sees it.

- `link.py`: the cloud's own connection to whatever broker there is, by its `settings.py`: one `session.py` after the
  other, each with a `paho_client.py`; `faults.py`: why a message could not be published. A `message.py` waits in the
  `inbox.py` until a role takes it; `waker.py` has the link's thread look up.
- `embedded.py`: the broker that comes along, for a demo on one machine; `access.py` says who may do what there,
  and `fenced.py` has it asked. Each client passes a gate: `packets.py` reads its CONNECT, `gate.py` hands on the rest.
  `amqtt_log.py` keeps quiet what needs nobody.
- `python -m roost_cloud.broker`: the embedded broker as a program of its own.
"""
