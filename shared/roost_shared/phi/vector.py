"""φ of one input, as it travels from the process that measured it."""

import msgspec

__all__ = ["PhiVector"]


class PhiVector(msgspec.Struct, frozen=True, array_like=True):
    """What was measured.

    Attributes:
        kind: number of the `PhiKind`.
        source: tells φ whose values may be compared from others, see `choice.ChosenPhi`.
        values: the statistics, in the kind's order.
    """

    kind: int
    source: int
    values: list[float]
