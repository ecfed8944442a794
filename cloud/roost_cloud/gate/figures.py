"""What was measured of a candidate and its incumbent, side by side."""

from typing import NamedTuple

from roost_cloud.datasets.snapshot import World
from roost_shared.bundle import BundleConfig

__all__ = ["Measured", "Outcome", "Pair", "Timing", "Twin"]


class Pair(NamedTuple):
    """What the two say of themselves, and what was asked for.

    Attributes:
        candidate: its document.
        incumbent: its document.
        incumbent_digest: of its manifest.
        labels: the label space that the snapshot has.
    """

    candidate: BundleConfig
    incumbent: BundleConfig
    incumbent_digest: str
    labels: tuple[str, ...]


class Twin(NamedTuple):
    """What the candidate says in float of an input.

    Attributes:
        agrees: with the candidate.
        confidence: of it.
    """

    agrees: bool
    confidence: float | None


class Outcome(NamedTuple):
    """What the two made of a labelled input.

    Attributes:
        world: `new`: since it changed; `old`: reference data.
        weight: of how many inputs like it this one is the survivor.
        device: that it came from; empty: not known.
        incumbent_right: whether the incumbent says what the label does.
        candidate_right: whether the candidate does.
        agree: whether the two say the same.
        incumbent_confidence: 0…1; None: it gives none.
        candidate_confidence: 0…1; None: it gives none.
        twin: what the candidate says in float; None: nobody left it.
        truth: the label.
        incumbent_said: the incumbent's label; None: it has none to say.
        candidate_said: the candidate's.
    """

    world: World
    weight: float
    device: str
    incumbent_right: bool
    candidate_right: bool
    agree: bool
    incumbent_confidence: float | None = None
    candidate_confidence: float | None = None
    twin: Twin | None = None
    truth: str = ""
    incumbent_said: str | None = None
    candidate_said: str | None = None


class Timing(NamedTuple):
    """Median latencies from payload to answer on this machine, in milliseconds, measured in turns."""

    incumbent_ms: float
    candidate_ms: float
    inputs: int


class Measured(NamedTuple):
    """All that was measured.

    Attributes:
        outcomes: of all inputs that at least one of the two can read.
        unreadable: inputs that neither can.
        failures: why the candidate failed on inputs that the incumbent reads.
        golden: what is wrong with the golden vectors here; None: they pass.
        timing: None: there was no input to measure with.
    """

    outcomes: tuple[Outcome, ...]
    unreadable: int = 0
    failures: tuple[str, ...] = ()
    golden: str | None = None
    timing: Timing | None = None
