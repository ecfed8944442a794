"""A device's windows, merged to decisions. Pure.

A decision takes at least so many inputs, so that all have about the same scatter, and at least so long, so that a
device with a hundred times the traffic of others is not judged a hundred times as often. Windows count once, in the
order of their boots and sequences, whatever order they came in; a device that restarts, changes its bundle's φ or
pauses for long begins the decision anew, since one must not hold two worlds.

>>> def window(at: float) -> Window:
...     moments = Moments(1, 0, 1)
...     moments.update([at])
...     return Window(("boot", int(at)), at, 60.0, moments)
>>> [one.phi.means for one in decide([window(2.0), window(1.0), window(1.0), window(3.0)], inputs=2, seconds=60)]
[[1.5]]
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from roost_shared.sketches import Moments

__all__ = ["Decision", "Window", "decide"]

_PAUSES: Final = 4.0  # decisions long, that windows of one may lie apart


@dataclass(frozen=True)
class Window:
    """One of a device's windows, as far as φ goes.

    Attributes:
        identity: boot and sequence of its record; a second of the same is the same.
        received_s: when the cloud had it: device clocks are not trusted.
        seconds: how long it was.
        phi: its moments.
    """

    identity: tuple[str, int]
    received_s: float
    seconds: float
    phi: Moments


@dataclass(frozen=True)
class Decision:
    """Windows merged.

    Attributes:
        windows: of which, in order.
        at_s: when the cloud had the last.
        seconds: how long they were together.
        phi: their moments.
    """

    windows: tuple[tuple[str, int], ...]
    at_s: float
    seconds: float
    phi: Moments


def decide(windows: Iterable[Window], *, inputs: int, seconds: float) -> list[Decision]:
    """Merge a device's windows; what is left at the end waits for more.

    Args:
        windows: in any order, some perhaps twice.
        inputs: with φ measured, that a decision takes.
        seconds: that it takes.
    """
    ordered = sorted(
        {window.identity: window for window in windows}.values(), key=lambda one: (one.received_s, one.identity)
    )
    decisions: list[Decision] = []
    gathered: list[Window] = []
    for window in ordered:
        if gathered and not _goes_on(gathered[-1], window, seconds):
            gathered = []
        gathered.append(window)
        if sum(one.phi.count for one in gathered) >= inputs and sum(one.seconds for one in gathered) >= seconds:
            decisions.append(_merged(gathered))
            gathered = []
    return decisions


def _goes_on(last: Window, window: Window, seconds: float) -> bool:
    is_like = (last.phi.kind, last.phi.source, last.phi.size) == (window.phi.kind, window.phi.source, window.phi.size)
    return is_like and window.received_s - last.received_s <= _PAUSES * max(seconds, last.seconds)


def _merged(windows: list[Window]) -> Decision:
    phi = windows[0].phi
    for window in windows[1:]:
        phi = phi.merge(window.phi)
    identities = tuple(one.identity for one in windows)
    return Decision(identities, windows[-1].received_s, sum(one.seconds for one in windows), phi)
