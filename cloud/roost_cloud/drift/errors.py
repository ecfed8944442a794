"""Why it cannot be said yet whether anything has changed: no alarm comes of these, and none at random."""

from roost_shared.errors import ContentError

__all__ = ["BaselineShortError", "FleetSmallError", "ReferenceSmallError"]


class BaselineShortError(ContentError):
    """A device has too few commissioning windows to be judged against.

    Args:
        windows: those it has.
        wanted: those it takes.
    """

    code = "drift.baseline_short"

    def __init__(self, windows: int, wanted: int) -> None:
        super().__init__(
            f"{windows} commissioning windows, a baseline takes {wanted}: wait for {wanted - windows} more"
        )
        self.windows = windows
        self.wanted = wanted


class ReferenceSmallError(ContentError):
    """All commissioning windows together are too few to tell how much windows scatter.

    Args:
        devices: how many they are of.
        freedom: how often it was seen how far windows of a device are apart.
        wanted: how often it takes.
    """

    code = "drift.reference_small"

    def __init__(self, devices: int, freedom: int, wanted: int) -> None:
        super().__init__(
            f"the commissioning windows of {devices} devices leave {freedom} degrees of freedom when one is judged, "
            f"{wanted} are wanted: commission longer, or more devices"
        )
        self.devices = devices
        self.freedom = freedom
        self.wanted = wanted


class FleetSmallError(ContentError):
    """There are too few devices to say where one stands among them.

    Args:
        devices: others that there are.
        wanted: those it takes.
    """

    code = "drift.fleet_small"

    def __init__(self, devices: int, wanted: int) -> None:
        super().__init__(
            f"{devices} other devices are commissioned, it takes {wanted} to say where one stands among them"
        )
        self.devices = devices
        self.wanted = wanted
