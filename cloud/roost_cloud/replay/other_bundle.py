"""Another bundle in a contestant's place: what it says of recorded inputs, run in this process within the limits.

Nobody knows how long it would have taken: it is given the time that the contestant took.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from roost_shared.bundle import Bundle
from roost_shared.bundle.manifest import NoConfidence
from roost_shared.errors import ContentError, RoostError
from roost_shared.limits import InputLimits
from roost_shared.messages import Candidate, ErrorInfo
from roost_shared.pipeline import Pipeline
from roost_shared.rendezvous import PolicyDocument, Score
from roost_shared.rendezvous.replay import Arrival, Case

__all__ = ["OtherBundle", "UnclearContestantError"]

_LIMITS: Final = InputLimits()


class UnclearContestantError(ContentError):
    """Nobody can tell in whose place a bundle shall be."""

    code = "replay.unclear_contestant"


class OtherBundle:
    """A bundle, loaded and proven.

    Args:
        bundle: opened.
        contestant: in whose place; None: of the one whose recorded bundle has the same name.

    Raises:
        RoostError: it cannot be run here, or is not what it should be.
    """

    def __init__(self, bundle: Bundle, contestant: str | None = None) -> None:
        self.contestant = contestant
        self._reference = bundle.reference
        self._name = bundle.config.name
        self._confident = not isinstance(bundle.config.confidence, NoConfidence)
        self._pipeline = Pipeline.load(bundle)
        self._pipeline.check_golden()

    def find_place(self, candidates: Sequence[Candidate]) -> str | None:
        """In whose place it is, if that is known by now.

        Raises:
            UnclearContestantError: of several contestants the bundles have its name.
        """
        if self.contestant is None:
            named = [one.contestant for one in candidates if (one.bundle or "").partition(":")[0] == self._name]
            if len(named) > 1:
                names = ", ".join(sorted(named))
                raise UnclearContestantError(f"{names} all run a bundle {self._name}: name one with --contestant")
            self.contestant = named[0] if named else None
        return self.contestant

    def policy_of(self, document: PolicyDocument, place: str) -> PolicyDocument:
        """A policy in which the contestant is sure of what it says, or not, as this bundle is."""
        contestants = [
            msgspec.structs.replace(one, has_confidence=self._confident) if one.name == place else one
            for one in document.contestants
        ]
        return msgspec.structs.replace(document, contestants=contestants)

    def case_of(
        self, case: Case, place: str, payload: bytes, *, content_type: str | None, inject: Mapping[str, Any]
    ) -> Case:
        """A case in which the contestant's score is this bundle's; an error stays the error it was."""
        said = self._say(place, payload, content_type, inject)
        arrivals = tuple(
            _instead(one, said) if one.contestant == place and one.score is not None else one for one in case.arrivals
        )
        return msgspec.structs.replace(case, arrivals=arrivals)

    def _say(
        self, place: str, payload: bytes, content_type: str | None, inject: Mapping[str, Any]
    ) -> Score | ErrorInfo:
        try:
            scored = self._pipeline.score(payload, content_type=content_type, inject=inject, limits=_LIMITS)
        except RoostError as error:  # of a bad input or a model that fails on it: that is what it says
            return ErrorInfo(error.code, str(error))
        return Score(place, scored.label, scored.confidence, tuple(scored.top), scored.output, self._reference)


def _instead(arrival: Arrival, said: Score | ErrorInfo) -> Arrival:
    if isinstance(said, Score):
        return msgspec.structs.replace(arrival, score=said)
    return msgspec.structs.replace(arrival, score=None, error=said)
