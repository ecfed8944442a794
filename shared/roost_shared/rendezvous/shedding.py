"""What to leave out when there is more to do than time: shadows first, then baselines, answers never.

Shadows and baselines cost the answers processor time and answer nobody. A shed contestant is passed to
`Rendezvous.open` as absent, with the error below, so that its records say why its score is missing.
"""

from typing import Final, Literal

from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous.policy import Role

__all__ = ["SHED", "Pressure", "pressure_of", "roles_to_shed"]

Pressure = Literal["none", "high", "severe"]

SHED: Final = ErrorInfo("shed", "left out because the device is overloaded")

# Shares of the in-flight limit. A queue half full is already deadlines' worth of waiting.
HIGH: Final = 0.5
SEVERE: Final = 0.75

_ROLES: Final[dict[Pressure, frozenset[Role]]] = {
    "none": frozenset(),
    "high": frozenset({"shadow"}),
    "severe": frozenset({"shadow", "baseline"}),
}


def pressure_of(in_flight: int, limit: int) -> Pressure:
    """How pressed a machine is that answers `in_flight` requests of at most `limit`."""
    if in_flight >= limit * SEVERE:
        return "severe"
    return "high" if in_flight >= limit * HIGH else "none"


def roles_to_shed(pressure: Pressure) -> frozenset[Role]:
    """Roles whose contestants sit a request out under this pressure.

    >>> sorted(roles_to_shed("severe"))
    ['baseline', 'shadow']
    """
    return _ROLES[pressure]
