"""When inputs are acknowledged to whoever sent them: once they are durable, or were decided not to be kept.

Nobody may wait on a slow disk: a broker hands out only so many inputs that are not acknowledged. So where the disk
stalls and too many wait, or one waits too long, it is acknowledged before it is durable, counted and said: it is still
going to be kept, but nobody was promised that. A keeper that is only just coming is no slow disk, and is waited for.
What had waited at the broker anyway makes no room for others in a crowd: there is always one, after each start. Nor is
there anybody to make way for once the agent stops.

Durable together is cheaper than one by one, so the keeper waits a moment for more. Acknowledgements leave in order,
and behind each input that waits others may: once they are many, that moment is over.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from roost_edge.decoy.interface import Keeper
from roost_edge.loop.reactor import Reactor, Timer
from roost_shared.clock import MS, SECOND
from roost_shared.complaints import Complaints

__all__ = ["Acknowledgements", "Settle"]

_STALL_NS: Final = 250 * MS  # nothing durable for so long: the disk stalls, or does not keep up
_PROMISE_NS: Final = 2 * SECOND

Settle = Callable[[], object]


class _Waiting:
    """An input that is being written, and who hears once it is durable."""

    __slots__ = ("backlog", "sample", "settles", "since_ns")

    def __init__(self, sample: str, since_ns: int, settles: list[Settle], *, backlog: bool) -> None:
        self.sample = sample
        self.since_ns = since_ns
        self.backlog = backlog
        self.settles = settles


class Acknowledgements:
    """Those of inputs that are being written, and of those behind them.

    Args:
        keeper: writes them.
        reactor: the agent's loop.
        complaints: hears of inputs that are acknowledged early, and of those that got lost by it.
        counts: those that are acknowledged early are counted here.
        unsettled_limit: inputs that may wait for a disk that stalls.
    """

    def __init__(
        self, keeper: Keeper, reactor: Reactor, complaints: Complaints, counts: Counter[str], *, unsettled_limit: int
    ) -> None:
        self._keeper = keeper
        self._reactor = reactor
        self._complaints = complaints
        self._counts = counts
        self._unsettled_limit = unsettled_limit
        self._crowd = (unsettled_limit + 1) // 2  # behind one that waits: too many to let it wait for company
        self._waiting: dict[str, _Waiting] = {}  # the oldest first
        self._behind = 0  # inputs whose acknowledgement waits for one of these: they leave in order
        self._early: set[str] = set()  # samples whose inputs are acknowledged and not yet durable
        self._patient_from_ns = 0  # the keeper was not there before
        self._look: Timer | None = None
        self._stopping = False

    def __len__(self) -> int:
        """Inputs that are being written and were not acknowledged early."""
        return len(self._waiting)

    def hold(self, key: str, sample: str, *, backlog: bool) -> None:
        """An input is being written from now on, as this sample; whether it had waited while we were away."""
        before = self._waiting.pop(key, None)
        settles = [] if before is None else before.settles
        self._waiting[key] = _Waiting(sample, self._reactor.now_ns(), settles, backlog=backlog)
        if self._look is None and not self._stopping:
            self._look = self._reactor.call_after(_STALL_NS, self._release_stalled)

    def settle(self, key: str, settle: Settle) -> None:
        """Let an input be acknowledged: now, or once it is durable."""
        waiting = self._waiting.get(key)
        if waiting is None:
            settle()
        else:
            waiting.settles.append(settle)
        self._behind = self._behind + 1 if self._waiting else 0
        if self._behind >= self._crowd:
            self._behind = 0
            self._keeper.hurry()

    def written(self, key: str, sample: str) -> None:
        """An input is durable, or will not be."""
        self._early.discard(sample)
        waiting = self._waiting.get(key)
        if waiting is None or waiting.sample != sample:
            return  # acknowledged early; or another input came under its key since, and both wait for that one
        del self._waiting[key]
        for settle in waiting.settles:
            settle()

    def stop(self) -> None:
        """Acknowledge nothing early any more: what is not durable in the end comes again."""
        self._stopping = True
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def stopped(self) -> None:
        """Nothing is written any more: say what was acknowledged and is lost."""
        if self._early:
            self._complaints.note(
                "capture.lost", f"inputs that were acknowledged early and are not durable: {len(self._early)}"
            )

    def _release_stalled(self) -> None:
        """Acknowledge, the oldest first, what waits for a disk that is too slow for a promise."""
        now_ns = self._reactor.now_ns()
        if self._keeper.is_coming:
            self._patient_from_ns = now_ns
        for key, waiting in list(self._waiting.items()):
            waited_ns = now_ns - max(waiting.since_ns, self._patient_from_ns)
            is_crowded = len(self._waiting) > self._unsettled_limit and not waiting.backlog
            if waited_ns < _STALL_NS or (waited_ns < _PROMISE_NS and not is_crowded):
                break
            self._release(key, waiting)
        self._look = self._reactor.call_after(_STALL_NS, self._release_stalled) if self._waiting else None

    def _release(self, key: str, waiting: _Waiting) -> None:
        del self._waiting[key]
        self._early.add(waiting.sample)
        self._counts["acknowledged_early"] += 1
        self._complaints.note(
            "capture.acknowledged_early",
            f"{waiting.sample} is acknowledged before it is durable, and lost if the agent is killed now",
        )
        for settle in waiting.settles:
            settle()
