"""What the agent tells the installer's process when it starts it."""

import msgspec

__all__ = ["InstallerSettings"]


class InstallerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All it has to know.

    Attributes:
        state_dir: the agent's; bundles and assignments lie in it, and the identity that they are fetched by.
        cloud_url: where to fetch; None: where the identity says.
        free_disk_bytes: how much of the disk is left to others.
        downlink_bytes_per_s: how fast to fetch; None: as fast as the link goes.
        start_jitter_s: a new assignment is looked at within so long, not at once: a fleet gets them together.
        misfit_pause_s: for how long one that does not fit this machine is left alone before another look.
    """

    state_dir: str
    cloud_url: str | None
    free_disk_bytes: int
    downlink_bytes_per_s: float | None
    start_jitter_s: float = 5.0
    misfit_pause_s: float = 3600.0
