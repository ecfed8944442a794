"""Whether bundles from a folder may run: not on a device that was told whom to believe.

A device that has a cloud, and pinned a root of trust when it was enrolled, gets its bundles signed. There a folder
whose signature nobody checks would be a way around all that, so the two are refused together, at the start.
"""

from roost_edge.identity import Identity
from roost_edge.settings.config import AgentConfig
from roost_shared.errors import ContentError

__all__ = ["UnsignedRefusedError", "refuse_unsigned"]


class UnsignedRefusedError(ContentError):
    """agent.toml allows unsigned bundles, and this device has pinned a root of trust."""

    code = "trust.unsigned_refused"


def refuse_unsigned(config: AgentConfig, identity: Identity | None) -> None:
    """See that no unsigned bundle can run where signed ones are to be had.

    Raises:
        UnsignedRefusedError: agent.toml says otherwise.
    """
    pinned = None if identity is None else identity.trust_root
    if config.trust.allow_unsigned and config.cloud is not None and pinned is not None:
        remedy = "set trust.allow_unsigned = false and have the cloud assign the bundles, or take [cloud] out"
        raise UnsignedRefusedError(f"trust.allow_unsigned is true, and {pinned} says whom to believe: {remedy}")
