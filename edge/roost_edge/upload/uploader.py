"""Brings one sealed list after another to the cloud, and lets the spool forget what the cloud has.

    sealed list ──▶ Delivery, through cuts and faults ──▶ committed ──▶ the spool forgets its entries

What people wait for goes first (`wishes`): before the next list, not in the middle of one.
At least once: a response that was lost is asked for again, and every step does no harm twice. A shard that the cloud
refuses is set aside for an hour and said, and the others go on. It blocks, and lives in a thread of its own in the
spooler's process; `wake`, `flush`, `stop` and `describe` are for the others.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, Literal

import msgspec

from roost_edge.spool.errors import EntryDamagedError, EntryGoneError
from roost_edge.spool.interface import Entry, SealLimits, SpoolReader
from roost_edge.uplink.http import CloudRefusedError
from roost_edge.upload.delivery import Delivery
from roost_edge.upload.errors import UploadRefusedError
from roost_edge.upload.reachability import can_connect
from roost_edge.upload.shard_cloud import ShardCloud
from roost_edge.upload.shard_tar import ShardTar
from roost_edge.upload.token_bucket import TokenBucket
from roost_edge.upload.wishes import Wishes
from roost_shared.backoff import Backoff
from roost_shared.chance import CHANCE
from roost_shared.clock import SECOND, Clock, SystemClock
from roost_shared.errors import RoostError, TransportError
from roost_shared.messages import ErrorInfo

__all__ = ["Uploader"]

_FIRST_NS: Final = SECOND
_LIMIT_NS: Final = 300 * SECOND
_ASIDE_NS: Final = 3600 * SECOND
_LOOK_EVERY_S: Final = 5.0  # at most, for a list that has come due
_LOOK_PAUSE_S: Final = 0.5  # at least
_KNOCK_SHARE: Final = 1 / 16  # of a wait for a cloud that is away: its return is noticed this much later, for a packet
_KNOCK_PAUSE_S: Final = 2.0  # at least

State = Literal["idle", "uploading", "waiting"]


class _StoppedError(Exception):
    """Somebody has called `stop`."""


class Uploader:
    """The spool's way to the cloud.

    Args:
        reader: of the spool, made in the thread that calls `run`.
        cloud: where to.
        limits: when a list is due.
        bucket: how fast to send.
        clock: what times are measured by.
        draw: randomness for waits, evenly in 0…1.
        knock: whether anybody is at an address.
    """

    def __init__(
        self,
        reader: SpoolReader,
        cloud: ShardCloud,
        *,
        limits: SealLimits,
        bucket: TokenBucket,
        clock: Clock | None = None,
        draw: Callable[[], float] = CHANCE.random,
        knock: Callable[[str], bool] = can_connect,
    ) -> None:
        self._reader = reader
        self._cloud = cloud
        self._limits = limits
        self._bucket = bucket
        self._clock = clock or SystemClock()
        self._draw = draw
        self._knock = knock
        self._wishes = Wishes(cloud, self._clock)
        self._backoff = Backoff(_FIRST_NS, _LIMIT_NS)
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._flush = threading.Event()
        self._aside: dict[str, int] = {}  # refused shards, and until when they are left alone
        self._made: ShardTar | None = None  # the last, which sealing has made already
        self._state: State = "idle"
        self._problem: ErrorInfo | None = None
        self._done = {"shards": 0, "inputs": 0, "sent_bytes": 0}

    # ---- from other threads

    def wake(self) -> None:
        """The link is back: what had no answer is tried again now; what was refused, when its time has come."""
        self._woken.set()

    def flush(self) -> None:
        """Bring whatever there is now, as if it were due."""
        self._flush.set()
        self._woken.set()

    def stop(self) -> None:
        """End soon, in the middle of a part if need be; what arrived stays there."""
        self._stopping.set()
        self._woken.set()

    def describe(self) -> dict[str, Any]:
        """Its part of the status document: what it does, what was done, and what stands in the way."""
        problem = self._problem
        return {
            "state": self._state,
            **self._done,
            "refused": len(self._aside),
            "problem": None if problem is None else {"code": problem.code, "message": problem.message},
        }

    # ---- the thread

    def run(self) -> None:
        """Upload until somebody calls `stop`."""
        with suppress(_StoppedError):
            while True:
                self._turn()

    def _turn(self) -> None:
        try:
            if not self.upload_next():
                self._wait(_look_every_s(self._limits))
        except RoostError as error:  # refused; or of the spool, whose disk may come round
            self._note(error, "waiting")
            self._wait(self._backoff.next_ns(self._draw()) / SECOND)

    def upload_next(self) -> bool:
        """Bring the next shard, through every failure that may pass; whether there was one.

        Raises:
            UploadRefusedError: the cloud will not have it; it is left alone for an hour.
            SpoolError: the spool cannot be read now.
        """
        tar = self._next()
        if tar is None:
            self._state = "idle"
            return False
        try:
            self._bring(tar)
        except (EntryGoneError, EntryDamagedError) as error:
            self._note(error, "uploading")
            self._reader.dissolve(tar.shard)  # what is left of it is sealed anew
            return True
        except UploadRefusedError:
            self._aside[tar.shard] = self._clock.now_ns() + _ASIDE_NS
            raise
        self._reader.committed(tar.shard)
        self._done["shards"] += 1
        self._done["inputs"] += len(tar.opening.entries)
        self._problem = None
        return True

    def _next(self) -> ShardTar | None:
        now_ns = self._clock.now_ns()
        self._aside = {shard: until_ns for shard, until_ns in self._aside.items() if until_ns > now_ns}
        wanted = self._wishes.now() if self._reader.holds_any() else []
        if wanted and (tar := self._next_wanted(wanted)) is not None:
            return tar
        if (tar := self._first_of(self._reader.shards())) is not None:
            return tar
        flush = self._flush.is_set()
        sealed = self._reader.seal(self._limits if not flush else _flushing(self._limits), self._identify)
        if sealed is None:
            if flush:  # else somebody may have asked for it since
                self._flush.clear()
            return None
        return self._sealed(sealed.shard)

    def _next_wanted(self, samples: Sequence[str]) -> ShardTar | None:
        tar = self._first_of(self._reader.shards(samples))
        if tar is not None:
            return tar
        sealed = self._reader.seal(self._limits, self._identify, samples)
        return None if sealed is None else self._sealed(sealed.shard)

    def _first_of(self, shards: Sequence[str]) -> ShardTar | None:
        tars = (self._sealed(shard) for shard in shards if shard not in self._aside)
        return next((tar for tar in tars if tar is not None), None)

    def _sealed(self, shard: str) -> ShardTar | None:
        """A sealed shard's tar; None if it has dissolved."""
        if self._made is not None and self._made.shard == shard:
            return self._made
        listed = self._reader.entries_of(shard)
        if listed is None:
            return None
        try:
            tar = ShardTar(self._reader, listed.task, listed.entries)
        except (EntryGoneError, EntryDamagedError):
            self._reader.dissolve(shard)
            return None
        if tar.shard != shard:  # an older version sealed it, and listed it in another way
            self._reader.dissolve(shard)
            return None
        return tar

    def _identify(self, task: str, entries: Sequence[Entry]) -> str:
        self._made = ShardTar(self._reader, task, entries)
        return self._made.shard

    def _bring(self, tar: ShardTar) -> None:
        """Bring a shard until the cloud says that it has it."""
        delivery = Delivery(self._cloud, tar, self._bucket.chunk_bytes, self._paced, self._spend)
        while True:
            self._state = "uploading"
            before_bytes = delivery.sent_bytes
            try:
                delivery.attempt()
            except TransportError as error:
                if delivery.sent_bytes > before_bytes:
                    self._backoff.reset()
                wait_ns = delivery.judge(error, self._backoff.next_ns(self._draw()))
                self._note(error, "waiting")
                if isinstance(error, CloudRefusedError):
                    self._wait_whatever_comes(wait_ns / SECOND)  # it answered: no link that is back changes its mind
                else:
                    self._wait_for(delivery.address, wait_ns / SECOND)
            else:
                self._backoff.reset()
                return
            finally:
                self._done["sent_bytes"] += delivery.sent_bytes - before_bytes

    def _paced(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            wait_ns = self._bucket.take(len(chunk), self._clock.now_ns())
            self._wait_whatever_comes(wait_ns / SECOND)
            yield chunk

    def _spend(self, size_bytes: int) -> None:
        self._bucket.spend(size_bytes, self._clock.now_ns())

    def _wait_whatever_comes(self, seconds: float) -> None:
        """Wait, unless somebody stops us."""
        if self._stopping.wait(seconds):
            raise _StoppedError

    def _wait_for(self, address: str, seconds: float) -> None:
        """Wait, unless somebody wakes or stops us, or an address comes back; one that never left tells nothing."""
        end_ns = self._clock.now_ns() + round(seconds * SECOND)
        pause_s = max(_KNOCK_PAUSE_S, _KNOCK_SHARE * seconds)
        was_away = False
        while (left_s := (end_ns - self._clock.now_ns()) / SECOND) > 0:
            if self._wait(min(left_s, pause_s)):
                return
            if left_s > pause_s:
                is_there = self._knock(address)
                if is_there and was_away:
                    return
                was_away = was_away or not is_there

    def _wait(self, seconds: float) -> bool:
        """Wait, unless somebody wakes or stops us; whether somebody woke us."""
        woken = self._woken.wait(seconds)
        self._woken.clear()
        if self._stopping.is_set():
            raise _StoppedError
        return woken

    def _note(self, error: RoostError, state: State) -> None:
        self._problem = ErrorInfo(error.code, str(error))
        self._state = state


def _look_every_s(limits: SealLimits) -> float:
    """How long to wait before the next look for a list that has come due.

    >>> [_look_every_s(SealLimits(age_s=age_s)) for age_s in (0.1, 2, 600)]
    [0.5, 2, 5.0]
    """
    return max(_LOOK_PAUSE_S, min(_LOOK_EVERY_S, limits.age_s))


def _flushing(limits: SealLimits) -> SealLimits:
    return msgspec.structs.replace(limits, flush=True)
