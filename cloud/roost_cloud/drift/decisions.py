"""A contestant's windows on a device, merged to decisions. Pure.

A decision takes at least so many inputs, so that all have about the same scatter, and at least so long, so that a
device with a hundred times the traffic of others is not judged a hundred times as often. Windows count once, in the
order in which the cloud had them; what comes late falls into a later decision, and changes none that was made.
Windows of another bundle, or of another φ, gather by themselves, since a decision must not hold two worlds: a few of
an old bundle that come between do not disturb those of the new one. After a long pause a decision begins anew.

>>> def window(at: float) -> Window:
...     moments = Moments(1, 0, 1)
...     moments.update([at])
...     return Window(("boot", int(at)), at, 60.0, 1, Sketches(phi=moments))
>>> decided = decide([window(2.0), window(1.0), window(1.0), window(3.0)], inputs=2, seconds=60)
>>> [one.sketches.phi.means for one in decided.decisions], [one.identity for one in decided.waiting]
([[1.5]], [('boot', 3)])
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self, TypeVar

from roost_shared.sketches import ConfidenceHistogram, LabelCounts, Moments

__all__ = ["Decided", "Decision", "Sketches", "Window", "decide"]

_Sketch = TypeVar("_Sketch", Moments, LabelCounts, ConfidenceHistogram)

_PAUSES: Final = 4.0  # decisions long, that windows of one may lie apart


@dataclass(frozen=True)
class Sketches:
    """What of windows is judged; None where nothing was measured."""

    phi: Moments | None = None
    labels: LabelCounts | None = None
    confidence: ConfidenceHistogram | None = None

    def merge(self, other: Self) -> Self:
        """Of both together; they are of the same φ and label space."""
        return type(self)(
            _merged(self.phi, other.phi),
            _merged(self.labels, other.labels),
            _merged(self.confidence, other.confidence),
        )


@dataclass(frozen=True)
class Window:
    """One of a device's windows.

    Attributes:
        identity: boot and sequence of its record; a second of the same is the same.
        received_s: when the cloud had it: device clocks are not trusted.
        seconds: how long it was.
        count: requests in it.
        sketches: of them.
        bundle: that its contestant ran.
    """

    identity: tuple[str, int]
    received_s: float
    seconds: float
    count: int
    sketches: Sketches = field(default_factory=Sketches)
    bundle: str | None = None

    @property
    def inputs(self) -> int:
        """How many inputs were looked at: with φ measured, where it is."""
        return self.count if self.sketches.phi is None else self.sketches.phi.count


@dataclass(frozen=True)
class Decision:
    """Windows merged.

    Attributes:
        windows: of which, in order.
        began_s: when the cloud had the first.
        ended_s: when the cloud had the last.
        seconds: how long they were together.
        count: requests in them.
        sketches: of them together.
        bundle: that their contestant ran.
    """

    windows: tuple[tuple[str, int], ...]
    began_s: float
    ended_s: float
    seconds: float
    count: int
    sketches: Sketches
    bundle: str | None = None


class Decided(NamedTuple):
    """What windows became.

    Attributes:
        decisions: made of them.
        waiting: those that wait for more; the others are in a decision, or were passed over after a pause.
    """

    decisions: list[Decision]
    waiting: list[Window]


_World = tuple[str | None, tuple[int, int, int] | None, int | None]  # bundle, φ, label space


def decide(windows: Iterable[Window], *, inputs: int, seconds: float) -> Decided:
    """Merge a contestant's windows on one device.

    Args:
        windows: in any order, some perhaps twice.
        inputs: that a decision takes, 0 if time alone is asked for.
        seconds: that it takes.
    """
    ordered = sorted(
        {window.identity: window for window in windows}.values(), key=lambda one: (one.received_s, one.identity)
    )
    decisions: list[Decision] = []
    gathering: dict[_World, list[Window]] = {}
    known: dict[str | None, _World] = {}  # of a bundle, the world that its windows last showed
    for window in ordered:
        world = known[window.bundle] = _world(window, known.get(window.bundle))
        gathered = gathering.setdefault(world, [])
        if gathered and not _goes_on(gathered[-1], window, seconds):
            gathered.clear()
        gathered.append(window)
        if sum(one.inputs for one in gathered) >= inputs and sum(one.seconds for one in gathered) >= seconds:
            decisions.append(_decision(gathered))
            gathered.clear()
    waiting = [
        one for gathered in gathering.values() for one in gathered if _goes_on(gathered[-1], ordered[-1], seconds)
    ]
    return Decided(decisions, waiting)


def _world(window: Window, last: _World | None) -> _World:
    """Where a window belongs; what it does not show is as its bundle's windows last showed."""
    phi, labels = window.sketches.phi, window.sketches.labels
    _, same_phi, same_space = last or (None, None, None)
    return (
        window.bundle,
        same_phi if phi is None else (phi.kind, phi.source, phi.size),
        same_space if labels is None else labels.space,
    )


def _goes_on(last: Window, window: Window, seconds: float) -> bool:
    return window.received_s - last.received_s <= _PAUSES * max(seconds, last.seconds)


def _decision(windows: list[Window]) -> Decision:
    sketches = windows[0].sketches
    for window in windows[1:]:
        sketches = sketches.merge(window.sketches)
    return Decision(
        windows=tuple(one.identity for one in windows),
        began_s=windows[0].received_s,
        ended_s=windows[-1].received_s,
        seconds=sum(one.seconds for one in windows),
        count=sum(one.count for one in windows),
        sketches=sketches,
        bundle=windows[0].bundle,
    )


def _merged(mine: _Sketch | None, its: _Sketch | None) -> _Sketch | None:
    if mine is None or its is None:
        return its if mine is None else mine
    return mine.merge(its)
