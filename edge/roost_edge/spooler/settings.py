"""What the agent tells the spooler's process when it starts it."""

import msgspec

__all__ = ["SpoolerSettings"]


class SpoolerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All it has to know.

    Attributes:
        state_dir: the agent's; the spool lies in it, and the identity that uploads go by.
        boot: this start of the agent.
        cloud_url: where to upload; None: where the identity says, or nowhere as long as there is none.
        spool_bytes: how much the inputs may take.
        free_disk_bytes: how much of the disk is left to others.
        retention_s: how long an input is kept that cannot be uploaded.
        uplink_bytes_per_s: how fast to upload; None: as fast as the link goes.
        upload_after_s: how long inputs are gathered before they go up together.
    """

    state_dir: str
    boot: str
    cloud_url: str | None
    spool_bytes: int
    free_disk_bytes: int
    retention_s: float
    uplink_bytes_per_s: float | None
    upload_after_s: float
