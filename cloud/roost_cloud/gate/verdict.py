"""A verdict: whether a candidate passed, and of each check what was found, what was asked for, and a sentence."""

from typing import Final, Literal

import msgspec

__all__ = ["Check", "Confused", "NewBar", "Predicted", "Reason", "Verdict", "encode_verdict"]

_VERSION: Final = 1

Check = Literal[
    "bundle",
    "parent",
    "labels",
    "golden",
    "outputs",
    "better",
    "reference",
    "twin",
    "latency",
    "bars",
    "disagreement",
]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A check.

    Attributes:
        check: which.
        passed: whether it passed.
        figure: what was found; None: no single number tells.
        bound: what was asked for.
        sentence: both, for people.
    """

    check: Check | str  # a newer gate checks more
    passed: bool
    figure: float | None = None
    bound: float | None = None
    sentence: str


class NewBar(msgspec.Struct, frozen=True):
    """A bar of a contestant's that has to be another for the candidate, to mean the same."""

    contestant: str
    old: float
    new: float


class Predicted(msgspec.Struct, frozen=True):
    """Share of inputs of which candidate and incumbent say different things; None: there was nothing to tell by."""

    new: float | None
    old: float | None

    @property
    def highest(self) -> float | None:
        """The larger of the two: what a device may show that nobody knows the world of."""
        return max((share for share in (self.new, self.old) if share is not None), default=None)


class Confused(msgspec.Struct, frozen=True):
    """Inputs of which a person said one thing, the incumbent one and the candidate one: a cell of both's confusion.

    Attributes:
        world: `new` or `old`, as `figures.Outcome` has it.
        truth: what people said.
        incumbent: what the incumbent did; None: nothing.
        candidate: what the candidate did; None: nothing.
        inputs: how many there are, each counted once.
    """

    world: Literal["new", "old"]
    truth: str
    incumbent: str | None
    candidate: str | None
    inputs: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate says of a candidate.

    Attributes:
        passed: all checks.
        snapshot: digest of the snapshot whose test part it was judged by.
        incumbent: the manifest's digest of the bundle that it is to be better than.
        candidate: its own, as it lies there after the gate; empty: it is no bundle.
        inputs: that it was judged by: of the changed world, and of the old.
        reasons: all checks, in order.
        bars: that ship with it, in place of those that rules ask for.
        disagreement: with the incumbent, as predicted.
        confused: what the two said of inputs by what these show, the most frequent cells; of numbers, nothing.
    """

    schema_version: int = _VERSION
    passed: bool
    snapshot: str = ""
    incumbent: str = ""
    candidate: str = ""
    inputs: tuple[int, int] = (0, 0)
    reasons: tuple[Reason, ...]
    bars: tuple[NewBar, ...] = ()
    disagreement: Predicted = Predicted(None, None)
    confused: tuple[Confused, ...] = ()


def encode_verdict(verdict: Verdict) -> bytes:
    """As JSON, the same bytes for the same verdict."""
    return msgspec.json.encode(verdict, order="deterministic")
