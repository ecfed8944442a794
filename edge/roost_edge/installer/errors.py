"""How an assignment may end badly on its way to a disk. What runs goes on running after any of these.

the assignment ─▶ PinMismatchError, MisnamedBundleError    what is assigned is not what is released
this machine ─▶ NoRuntimeHereError, WrongArchitectureError, NoMemoryError, NoDiskError    it would not fit
the network ─▶ LyingServerError, SlowDownloadError, UrlExpiredError    and what `roost_edge.uplink.http` raises
the disk ─▶ StoreUnwritableError, PointerDamagedError, PlanDamagedError
the agent ─▶ NotStagedError    it speaks of a version that is not there
"""

from roost_shared.errors import ContentError, DeviceError, TransportError

__all__ = [
    "FitError",
    "InstallingEndedError",
    "LyingServerError",
    "MisnamedBundleError",
    "NoDiskError",
    "NoMemoryError",
    "NoRootError",
    "NoRuntimeHereError",
    "NotStagedError",
    "PinMismatchError",
    "PlanDamagedError",
    "PointerDamagedError",
    "SlowDownloadError",
    "StoreUnwritableError",
    "UrlExpiredError",
    "WrongArchitectureError",
]


class NoRootError(DeviceError):
    """Nothing tells this device whom to believe."""

    code = "trust.no_root"


class PinMismatchError(ContentError):
    """The assignment names another manifest than a releaser has signed under that name and version."""

    code = "install.pin_mismatch"


class MisnamedBundleError(ContentError):
    """The bundle says another name, version or task of itself than the assignment does."""

    code = "install.misnamed"


class FitError(DeviceError):
    """This machine cannot run what is assigned."""

    code = "fit"


class NoRuntimeHereError(FitError):
    """No runtime that the bundle can use is installed."""

    code = "fit.runtime"


class WrongArchitectureError(FitError):
    """The bundle is made for other processors."""

    code = "fit.architecture"


class NoMemoryError(FitError):
    """What runs and what is new do not fit into the memory together."""

    code = "fit.memory"


class NoDiskError(FitError):
    """What has to be fetched does not fit on the disk beside what is left to others."""

    code = "fit.disk"


class LyingServerError(TransportError):
    """What came is not what was asked for: other bytes, more or fewer of them, or another part."""

    code = "download.wrong_bytes"


class SlowDownloadError(TransportError):
    """Bytes come too slowly to be worth waiting for on this connection."""

    code = "download.too_slow"


class UrlExpiredError(TransportError):
    """The signed URL is no longer good; the cloud gives another."""

    code = "download.url_expired"


class StoreUnwritableError(DeviceError):
    """The disk does not take, or does not give, what bundles are made of."""

    code = "install.disk"


class PointerDamagedError(DeviceError):
    """What says which assignment is in force cannot be read."""

    code = "install.pointer_damaged"


class PlanDamagedError(DeviceError):
    """An assignment that lay on the disk cannot be read any more, or its bundles are gone."""

    code = "install.plan_damaged"


class NotStagedError(DeviceError):
    """The agent speaks of a version that is neither staged nor in force."""

    code = "install.not_staged"


class InstallingEndedError(DeviceError):
    """The thread that installs has ended, and nothing would be installed any more: the process shall be replaced."""

    code = "install.ended"
