"""Who is asking, and what they may do. Pure.

>>> Principal(name="token:a1", role="operator", tenant="acme").may("viewer")
True
>>> Principal(name="token:a1", role="operator", tenant="acme").may("admin")
False
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

__all__ = ["ROLES", "Principal", "Role"]

Role = Literal["viewer", "operator", "admin"]  # each may what the one before may
ROLES: Final[tuple[Role, ...]] = get_args(Role)


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A person or program that has proved who it is."""

    name: str  # as the audit names it: "token:ID"
    role: Role
    tenant: str | None  # None: the platform, which sees no tenant's data

    def may(self, role: Role) -> bool:
        """Whether its role reaches `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)
