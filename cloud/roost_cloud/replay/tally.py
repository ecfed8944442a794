"""Sums over replayed requests: small, whatever their number, and a file can hold them between two runs.

Every share is known twice: of the requests that are recorded, and weighted by how many each of them stands for.
"""

from typing import Final

import msgspec

from roost_cloud.replay.replayer import LeftOutError, Outcome, Said
from roost_shared.rendezvous import agree

__all__ = ["Change", "Example", "Side", "Sum", "Tally"]

_EXAMPLES: Final = 10
_DIGITS: Final = 3  # of a latency


class Sum(msgspec.Struct, array_like=True):
    """Requests: how many, and how many they stand for."""

    count: int = 0
    weight: float = 0.0

    def add(self, weight: float) -> None:
        """One more."""
        self.count += 1
        self.weight += weight


class Change(msgspec.Struct, frozen=True):
    """What was answered, in short."""

    contestant: str | None
    label: str | None
    reason: str
    elapsed_ms: float


class Example(msgspec.Struct, frozen=True):
    """A request that shows something."""

    device: str
    sample: str
    recorded: Change
    replayed: Change


class Side(msgspec.Struct):
    """Answers, either as they were or as they would have been."""

    answers: dict[str, Sum] = {}  # by contestant and reason
    at_edge: Sum = msgspec.field(default_factory=Sum)
    asked: Sum = msgspec.field(default_factory=Sum)
    deadline_met: Sum = msgspec.field(default_factory=Sum)
    elapsed_us: dict[int, Sum] = {}  # three digits of each
    right: Sum = msgspec.field(default_factory=Sum)
    agreeing: dict[str, Sum] = {}  # by teacher

    def add(self, said: Said, weight: float) -> None:
        """One more answer."""
        _add(self.answers, f"{said.contestant or '-'} {said.reason}", weight)
        for holds, kind in ((said.at_edge, self.at_edge), (said.asked, self.asked)):
            if holds:
                kind.add(weight)
        if said.deadline_met:
            self.deadline_met.add(weight)
        elapsed_us = max(0, round(said.elapsed_ms * 1000))
        scale = 10 ** max(0, len(str(elapsed_us)) - _DIGITS)
        found: Sum = self.elapsed_us.setdefault(elapsed_us // scale * scale, Sum())
        found.add(weight)


class Tally(msgspec.Struct):
    """All that a report tells of.

    Attributes:
        read: records.
        left_out: of these, by reason.
        why_left_out: by reason, in words, of the first.
        replayed: of these, the rest.
        differing: their own policy does not give what was answered.
        unknown: by contestant, requests for which nobody knows what it would have said.
        unknown_requests: those, each once.
        as_recorded: the other bundle has no score of these; what was recorded stands.
        changed: the caller would have got something else.
        changes: these by what it was and would have been.
        judged: those whose truth is known.
        taught: by teacher, those it has scored.
    """

    read: int = 0
    left_out: dict[str, int] = {}
    why_left_out: dict[str, str] = {}
    replayed: Sum = msgspec.field(default_factory=Sum)
    differing: Sum = msgspec.field(default_factory=Sum)
    differing_examples: list[Example] = []
    unknown: dict[str, int] = {}
    unknown_requests: Sum = msgspec.field(default_factory=Sum)
    as_recorded: int = 0
    changed: Sum = msgspec.field(default_factory=Sum)
    changes: dict[str, Sum] = {}
    changed_examples: list[Example] = []
    judged: Sum = msgspec.field(default_factory=Sum)
    taught: dict[str, Sum] = {}
    was: Side = msgspec.field(default_factory=Side)
    would_be: Side = msgspec.field(default_factory=Side)

    def leave_out(self, error: LeftOutError) -> None:
        """A request cannot be played."""
        self.read += 1
        self.left_out[error.reason] = self.left_out.get(error.reason, 0) + 1
        self.why_left_out.setdefault(error.reason, str(error))

    def add(self, outcome: Outcome, truth: str | None) -> None:
        """A request was played.

        Args:
            outcome: what came of it.
            truth: the label it should have got; None if nobody knows.
        """
        self.read += 1
        weight = outcome.weight
        self.replayed.add(weight)
        self.was.add(outcome.recorded, weight)
        self.would_be.add(outcome.replayed, weight)
        self.as_recorded += outcome.same_elsewhere
        self._note_differing(outcome)
        self._note_changed(outcome)
        for name in outcome.unknown:
            self.unknown[name] = self.unknown.get(name, 0) + 1
        if outcome.unknown:
            self.unknown_requests.add(weight)
        if truth is not None:
            self.judged.add(weight)
            for side, said in self._sides(outcome):
                if said.label == truth:
                    side.right.add(weight)
        self._note_teachers(outcome)

    def _note_differing(self, outcome: Outcome) -> None:
        recorded, original = outcome.recorded, outcome.original
        if _decision(recorded) != _decision(original):
            self.differing.add(outcome.weight)
            if len(self.differing_examples) < _EXAMPLES:
                self.differing_examples.append(_example(outcome, original))

    def _note_changed(self, outcome: Outcome) -> None:
        recorded, replayed = outcome.recorded, outcome.replayed
        if _same_to_caller(recorded, replayed, outcome.tolerance):
            return
        self.changed.add(outcome.weight)
        _add(self.changes, f"{_called(recorded)} → {_called(replayed)}", outcome.weight)
        if len(self.changed_examples) < _EXAMPLES:
            self.changed_examples.append(_example(outcome, replayed))

    def _note_teachers(self, outcome: Outcome) -> None:
        for name, score in sorted(outcome.teachers.items()):
            _add(self.taught, name, outcome.weight)
            for side, said in self._sides(outcome):
                if said.score is not None and agree(said.score, score, outcome.tolerance):
                    _add(side.agreeing, name, outcome.weight)

    def _sides(self, outcome: Outcome) -> tuple[tuple[Side, Said], tuple[Side, Said]]:
        return (self.was, outcome.recorded), (self.would_be, outcome.replayed)


def _add(sums: dict[str, Sum], key: str, weight: float) -> None:
    sums.setdefault(key, Sum()).add(weight)


def _decision(said: Said) -> tuple[str | None, str | None, str]:
    return said.contestant, said.label, said.reason


def _same_to_caller(one: Said, other: Said, tolerance: float | None) -> bool:
    """Whether the caller would see no difference; of an output that was not recorded, who gave it tells."""
    if one.label is not None or other.label is not None:
        return one.label == other.label
    if one.score is None or other.score is None or one.score.output is None or other.score.output is None:
        return one.contestant == other.contestant
    return agree(one.score, other.score, tolerance)


def _called(said: Said) -> str:
    """An answer in a word: its label, or who gave it."""
    return said.label if said.label is not None else f"({said.contestant or 'default'})"


def _example(outcome: Outcome, replayed: Said) -> Example:
    return Example(outcome.device, outcome.sample, _change(outcome.recorded), _change(replayed))


def _change(said: Said) -> Change:
    return Change(said.contestant, said.label, said.reason, said.elapsed_ms)
