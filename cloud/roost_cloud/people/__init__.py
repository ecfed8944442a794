"""Tenants, who may do what, and the record of what was done."""

from roost_cloud.people.principal import Principal, Role

__all__ = ["Principal", "Role"]
