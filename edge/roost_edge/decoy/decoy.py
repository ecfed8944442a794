"""The decoy: sees each input as the models do, with all that was said of it, and has it kept where that is worth it.

Whoever sent an input hears that we have it once it is durable, or once it was decided not to keep it
(`acknowledgements`); the answer has long left by then.
"""

from collections import Counter
from functools import partial
from typing import Any, Final

import msgspec

from roost_edge.decoy.acknowledgements import Acknowledgements, Settle
from roost_edge.decoy.answered import Answered
from roost_edge.decoy.config import CaptureConfig
from roost_edge.decoy.decision import Keeping, decide, decide_late
from roost_edge.decoy.interface import Keeper
from roost_edge.decoy.witness import Witness
from roost_edge.loop.reactor import Reactor
from roost_edge.workers import SharedPayload
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.records import SampleRecord
from roost_shared.rendezvous import Late

__all__ = ["Decoy"]

_HELD: Final = 64  # inputs not kept that late scores may yet speak for: each costs its bytes and a descriptor
_COMING: Final = 4096  # inputs that may come again; far more than a broker can have unacknowledged


class _Watched:
    """An answered request that is still open: late scores may come."""

    __slots__ = ("answered", "by_chance", "payload", "sample")

    def __init__(self, answered: Answered, sample: str | None) -> None:
        self.answered = answered
        self.sample = sample  # what its record is named, if there is one
        self.by_chance = False  # it is told of by the base rate, and would be in any case if a late score spoke for it
        self.payload: SharedPayload | None = None  # held while the input is not kept

    def let_go(self) -> None:
        """Its input will not be kept."""
        payload, self.payload = self.payload, None
        if payload is not None:
            payload.release()


class _Kept(msgspec.Struct, frozen=True):
    """An input that is being kept or is durable, and whose sender has not been told."""

    sample: str
    fingerprint: int


class Decoy:
    """Those of the tasks that capture.

    Args:
        keeper: keeps it.
        reactor: the agent's loop.
        complaints: hears of what could not be kept.
        boot: this start of the agent.
        unsettled_limit: inputs that may wait unacknowledged for a disk that stalls.
    """

    def __init__(
        self,
        keeper: Keeper,
        reactor: Reactor,
        complaints: Complaints,
        *,
        boot: str,
        unsettled_limit: int,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._tasks: dict[str, CaptureConfig] = {}
        self._keeper = keeper
        self._reactor = reactor
        self._complaints = complaints
        self._witness = Witness(keeper, complaints, self.counts, boot=boot)
        self._acknowledgements = Acknowledgements(
            keeper, reactor, complaints, self.counts, unsettled_limit=unsettled_limit
        )
        self._watched: dict[str, _Watched] = {}
        self._held: dict[str, _Watched] = {}  # those whose payload is held, the oldest first
        self._coming: dict[str, _Kept] = {}  # the oldest first

    @property
    def has_tasks(self) -> bool:
        """Whether any task has anything kept."""
        return bool(self._tasks)

    def capture(self, task: str, config: CaptureConfig | None) -> None:
        """Keep of a task's inputs from now on what this says; None: nothing."""
        if config is None:
            self._tasks.pop(task, None)
        else:
            self._tasks[task] = config

    def captures(self, task: str) -> bool:
        """Whether anything of a task is kept: then its inputs are held until they are answered."""
        return task in self._tasks

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        return {**self.counts, "unsettled": len(self._acknowledgements), "spool": self._keeper.figures}

    # ---- what the desk tells

    def answered(self, answered: Answered) -> None:
        """Decide about an input, now that its answer is on the way."""
        config = self._tasks.get(answered.input.task)
        if config is None:
            return
        tolerance = answered.policy.agreement_tolerance
        keeping = decide(answered.decision, config, tolerance=tolerance, wanted=answered.input.keep)
        before = self._coming.get(answered.input.key)
        if before is not None and before.fingerprint == answered.decision.request.fingerprint:
            # Nobody was there to take its first answer, for so long that this was forgotten: it is one input.
            self.counts["kept_before"] += 1
            self._watched[answered.input.key] = _Watched(answered, before.sample)
            return
        watched = _Watched(answered, None)
        self._watched[answered.input.key] = watched
        if keeping is not None or config.answers == "all":
            self._record(watched, config, keeping)
        if not config.pixels:
            watched.by_chance = keeping is not None and keeping.probability < 1
        if not config.pixels or answered.payload is None:
            return
        if keeping is None:
            self._hold(watched, answered.payload)
        elif keeping.probability < 1:
            self._hold(watched, None)

    def late(self, key: str, late: Late) -> None:
        """A score came after the answer."""
        watched = self._watched.get(key)
        if watched is None:
            return
        likelier = 1.0
        config = self._tasks.get(watched.answered.input.task)
        if config is not None and late.differs and config.disagreement:
            likelier = self._speak_for(watched, config)
        if watched.sample is not None:
            elapsed_ns = self._reactor.now_ns() - watched.answered.input.received_ns
            self._witness.tell_late(watched.sample, late, elapsed_ns=elapsed_ns, likelier=likelier)

    def closed(self, key: str) -> None:
        """Nothing more will be said of a request."""
        watched = self._watched.pop(key, None)
        if watched is not None:
            self._held.pop(key, None)
            watched.let_go()

    def settle(self, key: str, settle: Settle) -> None:
        """Let an input be acknowledged: now, or once it is durable."""
        self._coming.pop(key, None)
        self._acknowledgements.settle(key, settle)

    def stop(self) -> None:
        """The agent stops: what is not durable in time is left to the next boot."""
        self._acknowledgements.stop()

    def stopped(self) -> None:
        """Nothing is kept any more."""
        self._acknowledgements.stopped()

    # ---- keeping

    def _record(self, watched: _Watched, config: CaptureConfig, keeping: Keeping | None) -> None:
        """Have the record kept, and the input where it is worth it and there is one to keep."""
        answered = watched.answered
        if watched.sample is None:
            watched.sample = self._witness.new_sample()
        record = self._witness.record(watched.sample, answered, config, keeping)
        payload = answered.payload if watched.payload is None else watched.payload
        if keeping is None or not config.pixels:
            self._witness.tell(record)
        elif payload is None:
            self._refused("capture.no_memory", answered, "its bytes were not to be had")
            self._witness.tell(record)
        else:
            self._keep(answered, keeping, record, payload)

    def _keep(self, answered: Answered, keeping: Keeping, record: SampleRecord, payload: SharedPayload) -> None:
        key = answered.input.key
        taken = self._keeper.keep(
            record,
            payload,
            partial(self._kept, answered, record),
            priority=keeping.priority,
            content_type=answered.input.content_type,
            correlation=answered.input.correlation,
            redelivered=answered.input.redelivered,
        )
        if not taken:
            self._refused("capture.overloaded", answered, "too much waits for the disk")
            self._witness.tell(record)
            return
        self.counts.update(f"kept_for_{reason}" for reason in keeping.kept_for[:1])
        self._acknowledgements.hold(key, record.sample, backlog=answered.input.backlog)
        if answered.input.repeatable:
            self._coming[key] = _Kept(record.sample, answered.decision.request.fingerprint)
            if len(self._coming) > _COMING:
                del self._coming[next(iter(self._coming))]

    def _kept(self, answered: Answered, record: SampleRecord, error: ErrorInfo | None) -> None:
        """The input is durable, or will not be."""
        if error is None:
            self.counts["durable"] += 1
        else:
            self._refused(error.code, answered, error.message)
            self._witness.tell(record)  # what was said of it is small, and may find room
            self._coming.pop(answered.input.key, None)
        self._acknowledgements.written(answered.input.key, record.sample)

    def _speak_for(self, watched: _Watched, config: CaptureConfig) -> float:
        """A late score says something else than the answer did; by how much likelier its sample was to be told of."""
        keeping = decide_late()
        was_held = self._held.pop(watched.answered.input.key, None) is not None
        if watched.payload is not None:
            self._record(watched, config, keeping)
            watched.let_go()
        elif watched.sample is not None:
            likelier = 1 / config.base_rate if was_held or watched.by_chance else 1.0
            watched.by_chance = False
            self._keeper.raise_priority(watched.sample, keeping.priority, likelier)
            return likelier
        elif config.pixels:
            self.counts["late_missed"] += 1
        else:
            self._record(watched, config, keeping)
        return 1.0

    def _hold(self, watched: _Watched, payload: SharedPayload | None) -> None:
        """Keep an input in memory for a while: a late score may speak for it.

        One that the base rate keeps already takes its place there without its bytes. So it is known whether a late
        score would have had it kept anyway: then it stands for itself alone, and not for others like it.
        """
        watched.payload = None if payload is None else payload.hold()
        self._held[watched.answered.input.key] = watched
        if len(self._held) > _HELD:
            self._held.pop(next(iter(self._held))).let_go()

    def _refused(self, code: str, answered: Answered, why: str) -> None:
        self.counts["not_kept"] += 1
        self._complaints.note(code, f"{answered.input.task} {answered.input.id} is not kept: {why}")
