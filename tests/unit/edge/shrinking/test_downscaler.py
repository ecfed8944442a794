"""When a picture is shrunken before it is sent, and what goes when that comes to nothing. No process."""

from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from roost_edge.asking.interface import Inquiry
from roost_edge.shrinking.downscaler import Downscaler
from roost_edge.shrinking.shrinker import Order
from roost_edge.workers import SharedPayload
from roost_shared.clock import MS
from roost_shared.messages import ErrorInfo
from roost_shared.questions import InputSize
from roost_shared.rendezvous import Answer, Link
from roost_shared.scored import Scored
from tests.support.virtual_reactor import VirtualReactor

SIZE = InputSize(20, 32)
PHOTO = b"\xff\xd8\xff" + bytes(20_000)
PNG = b"\x89PNG small"
FULL = ErrorInfo("link.full", "")


class Rig:
    """A downscaler between a desk, a link and a shrinker that a test plays."""

    def __init__(self) -> None:
        self.reactor = VirtualReactor()
        self.size: InputSize | None = SIZE
        self.refusal: ErrorInfo | None = None
        self.asked: list[tuple[bytes, str | None, InputSize | None]] = []
        self.failed: list[tuple[str, str, str]] = []
        self.orders: list[Order] = []
        self.expected_ns = 50 * MS
        self.busy = False
        self.downscaler = Downscaler(self, self.reactor.as_reactor(), self)
        self.downscaler.asker = self
        self.link(up=True)

    def link(self, *, up: bool) -> None:
        self.refusal = None if up else ErrorInfo("link.down", "")
        self.downscaler.on_link("meter", Link(up=True, round_trip_ns=100 * MS) if up else Link())

    def put(self, payload: bytes = PHOTO, *, time_up_ms: int = 300) -> ErrorInfo | None:
        with SharedPayload(payload) as shared:
            return self.downscaler.ask(
                Inquiry(
                    key="r",
                    task="meter",
                    contestants=("big", "huge"),
                    payload=shared,
                    content_type="image/jpeg",
                    inject=None,
                    time_up_ns=self.reactor.now + time_up_ms * MS,
                )
            )

    # ---- the link

    def ask(self, inquiry: Inquiry) -> ErrorInfo | None:
        self.asked.append((inquiry.payload.read(), inquiry.content_type, inquiry.shrunken_to))
        return self.refusal

    def answered(self, key: str, task: str, decision: Answer) -> None:
        raise NotImplementedError

    def size_for(self, task: str, contestants: Collection[str]) -> InputSize | None:
        assert (task, contestants) == ("meter", ("big", "huge"))
        return self.size

    # ---- the shrinker

    def shrink(self, order: Order) -> bool:
        self.orders += [] if self.busy else [order]
        return not self.busy

    def forget(self, order: Order) -> None:
        order.forgotten = True

    def close(self) -> None:
        self.busy = True

    # ---- the desk

    def on_score(self, key: str, contestant: str, scored: Scored, bundle: str | None) -> None:
        raise NotImplementedError

    def on_failure(self, key: str, contestant: str, error: ErrorInfo, *, final: bool = True) -> None:
        assert final
        self.failed.append((key, contestant, error.code))

    def on_link(self, task: str, link: Link) -> None:
        pass


AS_IT_CAME = (PHOTO, "image/jpeg", None)


@pytest.fixture
def rig() -> Iterator[Rig]:
    """Whatever becomes of a question, its input is released."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    rig = Rig()
    yield rig
    rig.downscaler.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_picture_is_sent_once_it_is_shrunken(rig: Rig) -> None:
    assert rig.put() is None
    assert rig.asked == []
    (order,) = rig.orders
    assert order.size == SIZE
    order.done(PNG)
    assert rig.asked == [(PNG, "image/png", SIZE)]
    rig.reactor.advance(10**12)
    assert (len(rig.asked), rig.failed) == (1, [])
    assert rig.downscaler.describe() == {"shrunken": 1, "saved_bytes": len(PHOTO) - len(PNG), "kept": {}}


@pytest.mark.parametrize(
    "payload", [b"[1.0, 2.0]" * 1000, b"\x93NUMPY" + bytes(9000), b"\xff\xd8\xff small", b"garbage" * 1000]
)
def test_what_is_no_picture_or_small_is_sent_at_once(rig: Rig, payload: bytes) -> None:
    rig.put(payload)
    assert rig.asked == [(payload, "image/jpeg", None)]
    assert not rig.orders


def test_without_a_size_all_agree_on_the_original_is_sent_at_once(rig: Rig) -> None:
    rig.size = None
    rig.put()
    assert rig.asked == [AS_IT_CAME]


def test_without_the_time_for_it_the_original_is_sent_at_once(rig: Rig) -> None:
    rig.put(time_up_ms=149)
    assert rig.asked == [AS_IT_CAME]
    rig.put(time_up_ms=150)
    assert len(rig.orders) == 1


def test_when_only_the_way_s_time_is_left_the_original_is_sent(rig: Rig) -> None:
    rig.put(time_up_ms=300)
    rig.reactor.advance(199 * MS)
    assert rig.asked == []
    rig.reactor.advance(200 * MS)
    assert rig.asked == [AS_IT_CAME]
    assert rig.orders[0].forgotten
    assert rig.downscaler.describe()["kept"] == {"late": 1}


def test_a_shrinker_that_takes_unusually_long_is_not_waited_for(rig: Rig) -> None:
    rig.put(time_up_ms=5000)
    rig.reactor.advance(399 * MS)
    assert rig.asked == []
    rig.reactor.advance(400 * MS)
    assert rig.asked == [AS_IT_CAME]


def test_a_busy_shrinker_is_not_waited_for(rig: Rig) -> None:
    rig.busy = True
    rig.put()
    assert rig.asked == [AS_IT_CAME]


def test_a_picture_that_cannot_be_shrunken_goes_as_it_came(rig: Rig) -> None:
    rig.put()
    rig.orders[0].done(ErrorInfo("input.bad_image", ""))
    assert rig.asked == [AS_IT_CAME]
    assert rig.downscaler.describe()["kept"] == {"input.bad_image": 1}


def test_pictures_that_get_no_smaller_are_tried_ever_so_often(rig: Rig) -> None:
    rig.put()
    rig.orders[0].done(ErrorInfo("shrink.nothing_gained", ""))
    for _ in range(15):
        rig.put()
    assert len(rig.orders) == 1
    rig.put()
    assert len(rig.orders) == 2


def test_what_cannot_be_sent_after_all_is_declined_by_name(rig: Rig) -> None:
    rig.put()
    rig.refusal = FULL
    rig.orders[0].done(PNG)
    assert rig.failed == [("r", "big", "link.full"), ("r", "huge", "link.full")]
    assert rig.downscaler.describe()["saved_bytes"] == 0


def test_a_link_that_goes_down_is_known_at_once(rig: Rig) -> None:
    rig.put()
    rig.link(up=False)
    assert [code for _, _, code in rig.failed] == ["link.down", "link.down"]
    assert rig.put() is not None
    assert len(rig.orders) == 1
