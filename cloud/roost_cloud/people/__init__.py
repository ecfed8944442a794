"""Tenants, who may do what, and the record of what was done.

- `tenants.py`, and `tokens.py`: how people and programs show who they are.
- `ended_sessions.py`: the dashboard's sessions that were signed out of.
- `principal.py`: who is asking, and what that one may do. Pure.
- `audit.py`: an entry for every change, in the change's own transaction.

Devices are not people: they are in `roost_cloud.fleet`.
"""

from roost_cloud.people.principal import Principal, Role

__all__ = ["Principal", "Role"]
