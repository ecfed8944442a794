"""Between a process and its run's row: what it says goes there, and the lease with it; whose the run is comes back.

One thread writes for a run as long as it is in hand: soon where there is news, at most once a second, and every ten
seconds where there is none. A database that is away costs no line, until the lease is over; then nobody may work on
the run any more, since another worker may.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import structlog

from roost_cloud.db import Database, DatabaseUnavailableError
from roost_cloud.guard import typed
from roost_cloud.runs import claiming
from roost_cloud.runs.claiming import LEASE, LINES_KEPT, Claim, News, RunLostError
from roost_cloud.training.lines import ErrorLine, Line, LogLine, MetricLine, StepLine, TrainerLine
from roost_shared.clock import Clock

__all__ = ["Reporter"]

log = structlog.get_logger(__name__)

_EVERY_S: Final = 1.0
_BEAT_S: Final = 10.0
_METRICS: Final = 256


class Reporter:
    """Tells the database of a run in hand, for the length of a `with`.

    Args:
        database: where the run is.
        mine: the run.
        clock: tells the time.
        every_s: from a report to the next, where there is news.
    """

    def __init__(self, database: Database, mine: Claim, clock: Clock, *, every_s: float = _EVERY_S) -> None:
        self._database = database
        self._mine = mine
        self._clock = clock
        self._every_s = every_s
        self._lock = threading.Lock()
        self._step: StepLine | None = None
        self._trainer: str | None = None
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._metrics: dict[str, float] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"run-{mine.run}")
        self._reported_s = time.monotonic()
        self.lost: RunLostError | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the run is out of our hands: ended by a person, or another worker's."""
        return self.lost is not None

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; what was heard is told first, by `flush`, or not at all."""
        self._ending.set()
        self._thread.join()

    def hear(self, line: Line) -> None:
        """What the process says."""
        with self._lock:
            match line:
                case StepLine():
                    self._step = line
                case MetricLine(name=name, value=value):
                    if value is not None and (name in self._metrics or len(self._metrics) < _METRICS):
                        self._metrics[name] = value
                case LogLine(text=text):
                    self._lines.append(text)
                case TrainerLine(version=version):
                    self._trainer = version
                case ErrorLine(code=code, message=message):
                    self._lines.append(f"{code}: {message}")

    def say(self, text: str) -> None:
        """Add a line of our own to the run's log."""
        self.hear(LogLine(text))

    def note(self, figures: Mapping[str, float]) -> None:
        """Record figures of our own."""
        for name, value in figures.items():
            self.hear(MetricLine(name, value))

    def step(self, done: int, total: int, what: str) -> None:
        """Say how far work of our own is."""
        self.hear(StepLine(done, total, what))

    def flush(self) -> None:
        """Tell what was heard.

        Raises:
            RunLostError: the run is not ours any more.
            DatabaseUnavailableError: the database is away; nothing is lost.
        """
        news = self._take()
        try:
            with self._database.begin() as session:
                claiming.report(session, self._mine, news, self._clock.wall())
        except BaseException:
            self._put_back(news)
            raise
        self._reported_s = time.monotonic()

    def patiently(self, write: Callable[[], None]) -> None:
        """Write something, again and again while the database is away and the lease is not over.

        Raises:
            RunLostError: the run is not ours any more.
            DatabaseUnavailableError: the database stayed away for too long.
        """
        while True:
            try:
                write()
            except DatabaseUnavailableError:
                if self._silent_s > LEASE.total_seconds():
                    raise
                time.sleep(self._every_s)
            else:
                return

    @property
    def _silent_s(self) -> float:
        return time.monotonic() - self._reported_s

    def _work(self) -> None:
        while not self._ending.wait(self._every_s):
            if not self._has_news and self._silent_s < _BEAT_S:
                continue
            try:
                self.flush()
            except RunLostError as error:
                self.lost = error
                return
            except Exception as raised:  # noqa: BLE001 - it is away, or full: whatever it is, the lease decides
                fault = typed(raised, run=self._mine.run)
                log.warning("run.not_reported", run=self._mine.run, code=fault.code, message=str(fault))
                if self._silent_s > LEASE.total_seconds():
                    self.lost = RunLostError("queued")
                    return

    @property
    def _has_news(self) -> bool:
        with self._lock:
            return bool(self._step or self._lines or self._metrics)

    def _take(self) -> News:
        with self._lock:
            step, self._step = self._step, None
            lines, metrics = list(self._lines), self._metrics.copy()
            self._lines.clear()
            self._metrics.clear()
        told = News(lines=lines, metrics=metrics, trainer_version=self._trainer)
        return told if step is None else replace(told, done=step.done, total=step.total, what=step.what)

    def _put_back(self, news: News) -> None:
        with self._lock:
            if self._step is None and news.done is not None:
                self._step = StepLine(news.done, news.total, news.what)
            self._lines.extendleft(reversed(news.lines))
            self._metrics = {**news.metrics, **self._metrics}
