"""Who this device is to the cloud: a key made here, a certificate for it, and where the cloud is.

- `record.py`: what lies in `{state_dir}/identity/`, read. The agent's own process uses this much and `watch.py`.
- `store.py`: the same written: whole or not at all, by one process at a time, as the folder's `owner.py`.
- `keys.py`: keys, requests and certificates; with `roost_edge.uplink.api` the only users of `cryptography`.
- `answer.py`: what the cloud's answer makes of us.
- `enrol.py`: `roost-agent enrol`: from a token to an identity.
- `schedule.py`: when to ask the cloud for a new certificate; pure.
- `watch.py`: the agent's eye on the identity: has it changed, is it time? It starts
- `renew.py`: a process of its own that gets the new certificate, so that the agent need not load what that takes.
"""

from roost_edge.identity.errors import IdentityMismatchError, IdentityUnreadableError
from roost_edge.identity.record import CloudBroker, CloudRecord, Identity, is_enrolled, read_identity

__all__ = [
    "CloudBroker",
    "CloudRecord",
    "Identity",
    "IdentityMismatchError",
    "IdentityUnreadableError",
    "is_enrolled",
    "read_identity",
]
