"""One window, from its first request to its record. Pure."""

from datetime import datetime

from roost_shared.clock import SECOND, ns_to_ms, timestamp
from roost_shared.messages import Reason
from roost_shared.phi.vector import PhiVector
from roost_shared.records import WindowRecord
from roost_shared.sketches import (
    ConfidenceHistogram,
    Disagreements,
    LabelCounts,
    LabelSpace,
    LatencyHistogram,
    Moments,
    ReasonCounts,
)

__all__ = ["OpenWindow"]


class OpenWindow:
    """A window that has not ended.

    Args:
        task: the task's name.
        contestant: whose scores are in it; None: the task's answers.
        bundle: that the contestant runs.
        space: of the labels that can be said; None where none are.
        started_ns: monotonic.
        started_at: by the device's wall clock.

    Attributes:
        bundle: as given.
        count: scores, or answers, in it.
    """

    def __init__(
        self,
        task: str,
        contestant: str | None,
        bundle: str | None,
        space: LabelSpace | None,
        *,
        started_ns: int,
        started_at: datetime,
    ) -> None:
        self.bundle = bundle
        self.count = 0
        self._task = task
        self._contestant = contestant
        self._space = space
        self._started_ns = started_ns
        self._started_at = started_at
        self._phi: Moments | None = None
        self._labels = None if space is None else LabelCounts(space.digest)
        self._confidence = ConfidenceHistogram()
        self._latency = LatencyHistogram()
        self._reasons = ReasonCounts()
        self._disagreements = Disagreements()
        self._missed: int | None = 0 if contestant is None else None

    def say(self, label: str | None, confidence: float | None, elapsed_ns: int, reason: Reason | None = None) -> None:
        """Count a score, or an answer with its reason.

        Args:
            label: that was said.
            confidence: 0…1, if there is one.
            elapsed_ns: from receipt of the input.
            reason: of an answer.
        """
        self.count += 1
        if self._labels is not None and self._space is not None:
            self._labels.update(self._space.slot(label))
        if confidence is not None:
            self._confidence.update(confidence)
        self._latency.update(ns_to_ms(elapsed_ns))
        if reason is not None:
            self._reasons.update(reason)

    def gave(self, reason: Reason) -> None:
        """Count that an answer was the contestant's score."""
        self._reasons.update(reason)

    def miss(self) -> None:
        """Count an answer that was not handed over by its deadline."""
        self._missed = (self._missed or 0) + 1

    def compare(self, other: str, *, differs: bool) -> None:
        """Count that contestant `other` said something else of an input, or the same."""
        self._disagreements.update(other, differs=differs)

    def measures(self, phi: PhiVector) -> bool:
        """Whether this φ can be added to what is here: a bundle that sees inputs otherwise begins another window."""
        mine = self._phi
        return mine is None or (mine.kind, mine.source, mine.size) == (phi.kind, phi.source, len(phi.values))

    def measure(self, phi: PhiVector) -> None:
        """Add φ of an input.

        Raises:
            UnmeasurableError: its values are not finite.
        """
        if self._phi is None:
            self._phi = Moments(phi.kind, phi.source, len(phi.values))
        self._phi.update(phi.values)

    @property
    def is_empty(self) -> bool:
        """Nothing was said, and nothing measured."""
        return not self.count and self._phi is None

    def record(self, now_ns: int) -> WindowRecord:
        """The window, if it ends now; what it has nothing of is left out."""
        sketches = {
            "confidence": self._confidence.to_bytes() if self._confidence.total else b"",
            "latency": self._latency.to_bytes() if self._latency.total else b"",
            "reasons": self._reasons.to_bytes() if self._reasons.total else b"",
            "disagreements": self._disagreements.to_bytes() if self._disagreements.total.compared else b"",
            "labels": self._labels.to_bytes() if self._labels is not None and self._labels.total else b"",
            "phi": self._phi.to_bytes() if self._phi is not None else b"",
        }
        return WindowRecord(
            task=self._task,
            contestant=self._contestant,
            bundle=self.bundle,
            started_at=timestamp(self._started_at),
            seconds=round((now_ns - self._started_ns) / SECOND, 3),
            count=self.count,
            missed=self._missed,
            sketches={name: sketch for name, sketch in sketches.items() if sketch},
        )
