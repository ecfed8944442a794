"""The role `scorer`: questions in, scores out.

What is answered quickly is worked out in the thread that reads the socket, where no question waits for another thread
to wake; what takes longer goes to threads of its own, so that the socket is read, probes come back and the hopeless is
refused meanwhile. Nothing waits for a batch to fill: whoever is free takes what has come.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import structlog

from roost_cloud.broker.link import BrokerLink
from roost_cloud.broker.message import Message
from roost_cloud.broker.settings import LinkSettings
from roost_cloud.scorer.asked import Asked, read_question, reply_topic, version_refusals
from roost_cloud.scorer.fair_queue import FairQueue, Job, Lane
from roost_cloud.scorer.faults import (
    ExpiredError,
    FaultError,
    OverloadedError,
    UnavailableError,
    UnknownContestantError,
)
from roost_cloud.scorer.figures import Figures
from roost_cloud.scorer.librarian import Librarian
from roost_cloud.scorer.shelf import Shelf
from roost_cloud.tasks.resolution import ContestantKey
from roost_shared.clock import MS, Clock, ns_to_ms
from roost_shared.complaints import Complaints
from roost_shared.errors import RoostError, TransportError
from roost_shared.messages import ErrorInfo, MessageError, VersionMismatchError
from roost_shared.questions import CloudScore, encode_msgpack
from roost_shared.scored import Scored

if TYPE_CHECKING:
    from roost_cloud.scorer.engine import Engine, Outcome

__all__ = ["Scorer"]

log = structlog.get_logger(__name__)

_BATCH: Final = 32  # inputs, at most
_BATCH_NS: Final = 50 * MS  # as long as a batch may be expected to take, since all its scores leave at its end
_HERE_NS: Final = 5 * MS  # the same, where the socket is not read meanwhile
_BULKY_BYTES: Final = 64 << 10  # decoding more takes milliseconds
_MAX_WAITING: Final = 512  # questions
_MAX_WAITING_BYTES: Final = 256 << 20
_IDLE_S: Final = 0.5
_GOODBYE_S: Final = 5.0


class Scorer:
    """The role.

    Args:
        settings: of its connection, subscribed to questions.
        shelf: who answers for whom.
        librarian: fills the shelf; started and stopped here.
        figures: where its numbers go.
        threads: for what takes long.
        clock: of receipts.
    """

    def __init__(
        self,
        settings: LinkSettings,
        shelf: Shelf,
        librarian: Librarian,
        figures: Figures,
        *,
        threads: int,
        clock: Clock,
    ) -> None:
        self.figures = figures
        self._shelf = shelf
        self._librarian = librarian
        self._clock = clock
        self._complaints = Complaints(clock)
        self._link = BrokerLink(settings, clock=clock, between=self._between)
        self._changed = threading.Condition()  # guards what follows, and every engine's numbers
        self._queue = FairQueue(_MAX_WAITING, _MAX_WAITING_BYTES)
        self._busy = 0  # batches in hand
        self._draining = False  # no more questions come
        self._stopping = False
        self._threads = [threading.Thread(target=self._work, name=f"scorer-{number}") for number in range(threads)]
        figures.waiting.set_function(lambda: len(self._queue))
        figures.bundles.set_function(lambda: len(shelf.engines))

    @property
    def problem(self) -> str | None:
        """Why nothing is scored just now, in a line; None if it is."""
        if self._link.problem is None and not self._link.subscribed:
            return "the broker has not confirmed the subscription yet"
        return self._link.problem or self._librarian.problem

    def start(self) -> None:
        """Begin."""
        self._librarian.start()
        for thread in self._threads:
            thread.start()
        self._link.start()

    def stop(self) -> None:
        """Take no more questions, answer those in hand, and end."""
        if self._link.connected:
            try:
                self._link.unsubscribe().result(_GOODBYE_S)
            except (TransportError, TimeoutError) as error:
                self._complaints.note("scorer.goodbye", f"the broker was not told: {error}")
        with self._changed:
            self._draining = True
            self._changed.wait_for(lambda: not (self._link.waiting or len(self._queue) or self._busy), _GOODBYE_S)
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._link.stop()
        self._librarian.stop()

    # ---- in the link's thread

    def _between(self) -> float:
        """Admit what has come, and work out a batch of what is quick; for how long the socket may be waited for."""
        for message in self._link.take():
            self._admit(message)
        worked = self._work_once(here=True)
        with self._changed:
            self._notify()
        return 0.0 if worked else _IDLE_S

    def _admit(self, message: Message) -> None:
        try:
            asked = read_question(message)
        except MessageError as error:
            self._count(error.code)
            self._complaints.note(error.code, f"{message.topic[:255]}: {error}")
            if isinstance(error, VersionMismatchError):
                for refusal in version_refusals(message.payload, error):
                    self._link.post(reply_topic(message.topic), encode_msgpack(refusal))
            return
        if not asked.question.contestants:
            self._send(asked, CloudScore(id=asked.question.id, scorer_ms=self._elapsed_ms(asked)))
            self._count("probe")
            return
        bulky = len(asked.question.payload) > _BULKY_BYTES
        for name in asked.question.contestants:
            self._admit_to(Job(asked, Lane(ContestantKey(asked.tenant, asked.task, name), bulky)))

    def _admit_to(self, job: Job) -> None:
        key = job.lane.key
        if key not in self._shelf:
            if self._shelf.known:
                self._fail(job, UnknownContestantError(f"task {key.task} has no contestant {key.contestant} here"))
            else:
                self._fail(job, UnavailableError("this scorer has just started"))
            return
        self._shelf.asked_ns[key] = job.asked.received_ns
        if self._shelf.engine(key) is None:
            self._fail(job, UnavailableError(f"the bundle of {key.contestant} is not loaded"))
            return
        with self._changed:
            refused = self._queue.put(job)
        for one in refused:
            self._fail(one, OverloadedError("too many questions wait"))

    # ---- in any thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._anything())
                if self._stopping:
                    return
            if self._work_once(here=False) and len(self._queue):
                self._link.wake()  # what waited for the engine may be for the other thread

    def _anything(self) -> bool:
        now_ns = self._clock.now_ns()
        return any(self._limit(lane, now_ns, here=False) for lane in self._queue.lanes)

    def _work_once(self, *, here: bool) -> bool:
        """Take a batch and score it; whether there was one."""
        now_ns = self._clock.now_ns()
        with self._changed:
            jobs = self._queue.take(lambda lane: self._limit(lane, now_ns, here=here))
            if not jobs:
                return False
            engine = self._shelf.engine(jobs[0].lane.key)
            self._busy += 1
            if engine is not None:
                engine.running += 1
        try:
            self._score(jobs, engine)
        finally:
            with self._changed:
                self._busy -= 1
                if engine is not None:
                    engine.running -= 1
                self._notify()
        return True

    def _notify(self) -> None:
        """Wake the other threads, if there may be something for them: each wakening delays whoever is at work."""
        if len(self._queue) or self._draining:
            self._changed.notify_all()

    def _limit(self, lane: Lane, now_ns: int, *, here: bool) -> int:
        """How many jobs a lane may give to whoever asks; `here` is where the socket is read."""
        engine = self._shelf.engine(lane.key)
        if engine is None:
            return _BATCH  # they fail, which is quick
        quick = not lane.bulky and engine.is_quick(now_ns)
        if here is not quick or engine.running >= engine.at_once:
            return 0
        return max(1, min(_BATCH, (_HERE_NS if here else _BATCH_NS) // engine.expected_ns))

    def _score(self, jobs: Sequence[Job], engine: "Engine | None") -> None:
        began_ns = self._clock.now_ns()
        current = []
        for job in jobs:
            if engine is None:
                self._fail(job, UnavailableError(f"the bundle of {job.lane.key.contestant} was taken away"))
            elif job.asked.until_ns <= began_ns:
                self._fail(job, ExpiredError("time was up before it was its turn"))
            else:
                current.append(job)
        if engine is None or not current:
            return
        try:
            self._score_with(engine, current, began_ns)
        except Exception:  # the boundary of a batch: whatever an input does to us, the next one is scored
            log.exception("scorer.fault", bundle=engine.reference, tenant=current[0].asked.tenant)
            for job in current:
                self._fail(job, FaultError("a fault of the scorer's own; its log says more"))

    def _score_with(self, engine: "Engine", jobs: Sequence[Job], began_ns: int) -> None:
        prepared = []
        for job in jobs:
            features = engine.prepare(job)
            if isinstance(features, RoostError):
                self._fail(job, features)
            else:
                prepared.append((job, features))
        prepared_ns = self._clock.now_ns()
        outcomes = engine.run([features for _, features in prepared])
        ran_ns = self._clock.now_ns()
        for (job, _), outcome in zip(prepared, outcomes, strict=True):
            self._tell(job, outcome, engine)
        with self._changed:
            engine.took(ran_ns - began_ns, len(jobs), ran_ns)
            self.figures.batch(
                len(jobs),
                waited_ns=began_ns - jobs[0].asked.received_ns,
                prepared_ns=prepared_ns - began_ns,
                ran_ns=ran_ns - prepared_ns,
            )

    # ---- telling

    def _tell(self, job: Job, outcome: "Outcome", engine: "Engine") -> None:
        if not isinstance(outcome, Scored):
            self._fail(job, outcome, engine)
            return
        score = CloudScore(
            id=job.asked.question.id,
            contestant=job.lane.key.contestant,
            bundle=engine.reference,
            label=outcome.label,
            confidence=outcome.confidence,
            top=outcome.top,
            output=outcome.output,
            scorer_ms=self._elapsed_ms(job.asked),
            input=engine.input,
        )
        self._send(job.asked, score)
        self._count("scored")

    def _fail(self, job: Job, error: RoostError, engine: "Engine | None" = None) -> None:
        score = CloudScore(
            id=job.asked.question.id,
            contestant=job.lane.key.contestant,
            bundle=engine.reference if engine is not None else None,
            error=ErrorInfo(error.code, str(error)),
            scorer_ms=self._elapsed_ms(job.asked),
        )
        self._send(job.asked, score)
        self._count(error.code)

    def _send(self, asked: Asked, score: CloudScore) -> None:
        self._link.post(asked.reply_topic, encode_msgpack(score))

    def _count(self, outcome: str) -> None:
        with self._changed:
            self.figures.count(outcome)

    def _elapsed_ms(self, asked: Asked) -> float:
        return ns_to_ms(self._clock.now_ns() - asked.received_ns)
