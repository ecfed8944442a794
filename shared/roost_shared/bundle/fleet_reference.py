"""How devices that look well differ in their φ, as a bundle brings it along."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["FleetReference", "PhiName", "check_reference"]

PhiName = Literal["image", "tensor", "embedding", "none"]
_Finite = Annotated[float, Meta(gt=-1e300, lt=1e300)]
_Row = Annotated[tuple[_Finite, ...], Meta(min_length=1, max_length=64)]


class FleetReference(msgspec.Struct, frozen=True, kw_only=True):
    """How devices that look well differ in their φ, as `roost drift reference` tells of a fleet.

    A device is judged against itself; this is for showing where it stands among others, also where there are few.
    """

    phi: PhiName
    devices: Annotated[int, Meta(ge=2)]  # that it is of
    windows: Annotated[float, Meta(ge=2)]  # of each, on average
    mean: _Row  # of devices' means, (statistics,)
    between: Annotated[tuple[_Row, ...], Meta(max_length=64)]  # covariance of devices' means
    within: Annotated[tuple[_Row, ...], Meta(max_length=64)]  # of windows about their device's mean


def check_reference(reference: FleetReference, phi: PhiName) -> str | None:
    """The first rule that a reference breaks in a bundle of this φ, as "field: problem", or None."""
    if reference.phi != phi:
        return f"$.fleet_reference.phi: is {reference.phi}, but the bundle's φ is {phi}"
    size = len(reference.mean)
    for name, matrix in (("between", reference.between), ("within", reference.within)):
        if [len(row) for row in matrix] != [size] * size:
            return f"$.fleet_reference.{name}: is not {size} rows of {size}, as many as `mean` has"
        if any(matrix[place][place] < 0 for place in range(size)):
            return f"$.fleet_reference.{name}: has a variance below 0"
    return None
