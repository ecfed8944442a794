"""A task's windows: one of its answers, and one for each contestant that scored; they begin and end together. Pure.

- The window of answers is told of even if it is empty: that nothing came is what an event rate is about.
- A contestant that changes its bundle, or sees inputs otherwise, ends its window and begins another.
- Contestants are compared with each other as far as they had scored when the answer left; one that comes later, with
  those that had.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from roost_edge.monitor.config import MonitorConfig
from roost_edge.monitor.window import OpenWindow
from roost_shared.clock import SECOND
from roost_shared.phi.vector import PhiVector
from roost_shared.records import WindowRecord
from roost_shared.rendezvous import Answer, Late, Score, agree
from roost_shared.sketches import LabelSpace

__all__ = ["TaskWindows"]

_ENDED: Final = 16  # windows that ended before their time, and wait for the others


class TaskWindows:
    """Those of one task.

    Args:
        task: its name.
        config: when they end.
        now_ns: monotonic.
        wall: the device's wall clock.
    """

    def __init__(self, task: str, config: MonitorConfig, *, now_ns: int, wall: datetime) -> None:
        self._task = task
        self._config = config
        self._labels: frozenset[str] | None = None
        self._space: LabelSpace | None = None
        self._ended: list[WindowRecord] = []
        self._begin(now_ns, wall)

    def _begin(self, now_ns: int, wall: datetime) -> None:
        self._started_ns = now_ns
        self._wall = wall
        self._open: dict[str | None, OpenWindow] = {}
        self._begun_ns: dict[str | None, int] = {}  # of those that begin later than the others

    @property
    def due_ns(self) -> int:
        """When they end at the latest, monotonic."""
        return self._started_ns + round(self._config.window_s * SECOND)

    @property
    def is_full(self) -> bool:
        """Whether they shall end before that: there are answers enough, or many ended one by one."""
        answers = self._open.get(None)
        return len(self._ended) >= _ENDED or (answers is not None and answers.count >= self._config.window_inputs)

    def labels(self, labels: frozenset[str] | None) -> None:
        """What contestants can say from now on; None: no labels."""
        if labels is not self._labels:
            self._labels = labels
            self._space = None if labels is None else LabelSpace(labels)

    # ---- what is told

    def answered(self, answer: Answer, tolerance: float | None, now_ns: int, *, in_time: bool) -> None:
        """An answer left, with what contestants had said until then.

        Args:
            answer: as decided.
            tolerance: within which numeric outputs agree, as the task's policy has it.
            now_ns: monotonic.
            in_time: it was handed over by its deadline.
        """
        chosen = answer.score
        label, confidence = (None, None) if chosen is None else (chosen.label, chosen.confidence)
        answers = self._of(None, None, now_ns)
        answers.say(label, confidence, answer.elapsed_ns, answer.reason)
        if not in_time:
            answers.miss()
        said: list[Score] = []
        for seen in answer.candidates:
            if seen.score is not None:
                self._say(seen.score, seen.elapsed_ns, now_ns)
                self._compare(seen.score, said, tolerance, now_ns)
                said.append(seen.score)
        if chosen is not None:
            self._of(chosen.contestant, chosen.bundle, now_ns).gave(answer.reason)

    def late(self, late: Late, answer: Answer | None, tolerance: float | None, now_ns: int) -> None:
        """A score came after the answer, `answer`."""
        self._say(late.score, now_ns - late.request.received_ns, now_ns)
        if answer is not None:
            before = [seen.score for seen in answer.candidates if seen.score is not None]
            self._compare(late.score, before, tolerance, now_ns)

    def measured(self, contestant: str, bundle: str | None, phi: PhiVector, now_ns: int) -> None:
        """φ of an input as a contestant sees it.

        Raises:
            UnmeasurableError: it is not finite.
        """
        window = self._of(contestant, bundle, now_ns)
        if not window.measures(phi):
            self._end(contestant, now_ns)
            window = self._of(contestant, bundle, now_ns)
        window.measure(phi)

    def _say(self, score: Score, elapsed_ns: int, now_ns: int) -> None:
        self._of(score.contestant, score.bundle, now_ns).say(score.label, score.confidence, elapsed_ns)

    def _compare(self, score: Score, others: Iterable[Score], tolerance: float | None, now_ns: int) -> None:
        for other in others:
            differs = not agree(score, other, tolerance)
            self._of(score.contestant, score.bundle, now_ns).compare(other.contestant, differs=differs)
            self._of(other.contestant, other.bundle, now_ns).compare(score.contestant, differs=differs)

    # ---- windows

    def end(self, now_ns: int, wall: datetime) -> list[WindowRecord]:
        """The windows, ended; others begin."""
        answers = self._of(None, None, self._started_ns).record(now_ns)
        records = [
            window.record(now_ns) for name, window in self._open.items() if name is not None and not window.is_empty
        ]
        ended, self._ended = [*self._ended, answers, *records], []
        self._begin(now_ns, wall)
        return ended

    def _of(self, contestant: str | None, bundle: str | None, now_ns: int) -> OpenWindow:
        window = self._open.get(contestant)
        if window is not None and window.bundle != bundle and bundle is not None:
            self._end(contestant, now_ns)
            window = None
        if window is None:
            started_ns = self._begun_ns.get(contestant, self._started_ns)
            started_at = self._wall + timedelta(microseconds=(started_ns - self._started_ns) / 1000)
            window = OpenWindow(
                self._task, contestant, bundle, self._space, started_ns=started_ns, started_at=started_at
            )
            self._open[contestant] = window
        return window

    def _end(self, contestant: str | None, now_ns: int) -> None:
        """End one window before its time."""
        window = self._open.pop(contestant)
        self._ended.append(window.record(now_ns))
        self._begun_ns[contestant] = now_ns
