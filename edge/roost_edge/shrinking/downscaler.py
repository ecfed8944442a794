"""Between the desk and the link: has a picture shrunken before it is sent, where that pays and there is time for it.

It never makes a question late: when no more time is left than the way there and back takes, the original goes. So
what the rendezvous asks at the last moment goes as it is; what it asks once a device's own model is unsure has time.
"""

import os
from collections import Counter
from collections.abc import Collection
from typing import Any, Final, Protocol

import msgspec

from roost_edge.asking.interface import Asker, AskListener, Inquiry
from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.shrinking.shrinker import Order, Outcome
from roost_edge.workers import SharedPayload
from roost_shared.clock import MS
from roost_shared.magic import MAGIC_BYTES, is_image
from roost_shared.messages import ErrorInfo
from roost_shared.questions import InputSize
from roost_shared.rendezvous import Answer, Link
from roost_shared.scored import Scored

__all__ = ["Downscaler", "Shrinks", "SizedAsker"]

_LEAST_BYTES: Final = 4096  # a smaller payload is not worth it
_SKIPPED: Final = 15  # pictures of a task not tried after one that got no smaller: a camera's are alike
_PATIENCE: Final = 8  # times what a picture takes: enough for those that wait before it, little of a hanging process
_LEAST_PATIENCE_NS: Final = 100 * MS
_NOTHING_GAINED: Final = "shrink.nothing_gained"
_NO_MEMORY: Final = "device.no_memory"


class SizedAsker(Asker, Protocol):
    """Asks, and knows what size of picture contestants take: `CloudLink`."""

    def size_for(self, task: str, contestants: Collection[str]) -> InputSize | None:
        """The size that all of them take, None if that is not known or not the same."""
        ...


class Shrinks(Protocol):
    """Shrinks pictures: `Shrinker`."""

    expected_ns: int  # what one takes

    def shrink(self, order: Order) -> bool:
        """Take a picture, or refuse."""
        ...

    def forget(self, order: Order) -> None:
        """Nobody waits for it any more."""
        ...

    def close(self) -> None:
        """Shrink no more."""
        ...


class _UnderWay:
    """A question whose picture is being shrunken."""

    __slots__ = ("inquiry", "order", "timer")

    def __init__(self, inquiry: Inquiry, order: Order, timer: Timer) -> None:
        self.inquiry = inquiry
        self.order = order
        self.timer = timer


class Downscaler:
    """An `Asker` to the desk, and to the link its `AskListener`.

    Args:
        shrinker: makes the pictures.
        reactor: the agent's loop.
        listener: the desk.

    Attributes:
        asker: the link; set before the first question.
    """

    asker: SizedAsker

    def __init__(self, shrinker: Shrinks, reactor: Reactor, listener: AskListener) -> None:
        self._shrinker = shrinker
        self._reactor = reactor
        self._listener = listener
        self._links: dict[str, Link] = {}
        self._under_way: list[_UnderWay] = []
        self._skip: dict[str, int] = {}  # by task
        self._shrunken = 0
        self._saved_bytes = 0
        self._kept: Counter[str] = Counter()

    def close(self) -> None:
        """Shrink no more; whoever waits hears nothing."""
        self._shrinker.close()
        for one in list(self._under_way):
            self._let_go(one)

    def describe(self) -> dict[str, Any]:
        """Its part of the status document: what was shrunken, what that saved, what went as it came and why."""
        return {"shrunken": self._shrunken, "saved_bytes": self._saved_bytes, "kept": dict(self._kept)}

    # ---- the desk's side

    def ask(self, inquiry: Inquiry) -> ErrorInfo | None:
        """Ask, now or once the picture is shrunken, or say why not; see `Asker`."""
        link, size = self._links.get(inquiry.task), self.asker.size_for(inquiry.task, inquiry.contestants)
        if link is None or not link.up or size is None or not self._may_pay(inquiry):
            return self.asker.ask(inquiry)
        latest_ns = inquiry.time_up_ns - link.round_trip_ns
        now_ns, expected_ns = self._reactor.now_ns(), self._shrinker.expected_ns
        if now_ns + expected_ns > latest_ns:
            self._kept["late"] += 1
            return self.asker.ask(inquiry)
        order = Order(inquiry.payload, size, lambda outcome: self._done(one, outcome))
        if not self._shrinker.shrink(order):
            self._kept["busy"] += 1
            return self.asker.ask(inquiry)
        inquiry.payload.hold()
        patience_ns = max(_LEAST_PATIENCE_NS, _PATIENCE * expected_ns)
        timer = self._reactor.call_at(min(latest_ns, now_ns + patience_ns), lambda: self._too_late(one))
        one = _UnderWay(inquiry, order, timer)
        self._under_way.append(one)
        return None

    def answered(self, key: str, task: str, decision: Answer) -> None:
        """The request has its answer; see `Asker`."""
        self.asker.answered(key, task, decision)

    def _may_pay(self, inquiry: Inquiry) -> bool:
        payload = inquiry.payload
        if payload.payload_bytes < _LEAST_BYTES or not is_image(os.pread(payload.fileno(), MAGIC_BYTES, 0)):
            return False
        left = self._skip.get(inquiry.task, 0)
        self._skip[inquiry.task] = max(0, left - 1)
        return not left

    # ---- the shrinker's side

    def _done(self, one: _UnderWay, outcome: Outcome) -> None:
        if isinstance(outcome, ErrorInfo):
            if outcome.code == _NOTHING_GAINED:
                self._skip[one.inquiry.task] = _SKIPPED
            self._keep(one, outcome.code)
            return
        try:
            payload = SharedPayload(outcome)
        except OSError:
            self._keep(one, _NO_MEMORY)
            return
        shrunken = msgspec.structs.replace(
            one.inquiry, payload=payload, content_type="image/png", shrunken_to=one.order.size
        )
        saved_bytes = one.inquiry.payload.payload_bytes - payload.payload_bytes
        if self._send(one, shrunken):
            self._shrunken += 1
            self._saved_bytes += saved_bytes
        payload.release()

    def _too_late(self, one: _UnderWay) -> None:
        self._shrinker.forget(one.order)
        self._keep(one, "late")

    def _keep(self, one: _UnderWay, code: str) -> None:
        self._kept[code] += 1
        self._send(one, one.inquiry)

    def _send(self, one: _UnderWay, inquiry: Inquiry) -> bool:
        refusal = self.asker.ask(inquiry)
        self._let_go(one)
        if refusal is not None:
            self._fail(inquiry, refusal)
        return refusal is None

    def _let_go(self, one: _UnderWay) -> None:
        self._under_way.remove(one)
        one.timer.cancel()
        one.inquiry.payload.release()

    def _fail(self, inquiry: Inquiry, error: ErrorInfo) -> None:
        for contestant in inquiry.contestants:
            self._listener.on_failure(inquiry.key, contestant, error)

    # ---- the link's side

    def on_score(self, key: str, contestant: str, scored: Scored, bundle: str | None) -> None:
        """Pass it on; see `AskListener`."""
        self._listener.on_score(key, contestant, scored, bundle)

    def on_failure(self, key: str, contestant: str, error: ErrorInfo, *, final: bool = True) -> None:
        """Pass it on; see `AskListener`."""
        self._listener.on_failure(key, contestant, error, final=final)

    def on_link(self, task: str, link: Link) -> None:
        """Pass it on; over a link that is down nobody waits for a picture. See `AskListener`."""
        self._links[task] = link
        self._listener.on_link(task, link)
        if link.up:
            return
        for one in [one for one in self._under_way if one.inquiry.task == task]:
            self._shrinker.forget(one.order)
            self._send(one, one.inquiry)  # which is refused, with the link's own word for it
