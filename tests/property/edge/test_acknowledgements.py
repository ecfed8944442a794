"""Acknowledgements against a model of the broker's side of a session."""

import doctest

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from roost_edge.mqtt import acknowledgements as acknowledgements_module
from roost_edge.mqtt.acknowledgements import Acknowledgements

REMEMBERED = 3  # as many as the model's broker has under way at most
PACKET_IDS = 8  # few, so that they are reused


class Session(RuleBasedStateMachine):
    """A broker with one persistent session, and a link that loses what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.acknowledgements = Acknowledgements(REMEMBERED)
        self.acknowledgements.connected(session_present=False)
        self.in_flight: list[tuple[int, int]] = []  # at the broker: (packet id, content), oldest first
        self.to_redeliver: list[tuple[int, int]] = []
        self.last_mid = 0
        self.contents = 0
        self.receipts: dict[int, int] = {}  # content: receipt
        self.on_this_connection: list[int] = []  # packet ids, in order of receipt, not acknowledged
        self.settled: set[int] = set()
        self.connected = True
        self.link_is_dead = False

    def _receive(self, mid: int, content: int, *, dup: bool) -> None:
        receipt, redelivered = self.acknowledgements.received(mid, content, dup=dup)
        assert redelivered == (content in self.receipts), "the same input, and only that, is recognised"
        assert self.receipts.setdefault(content, receipt) == receipt
        self.on_this_connection.append(mid)
        self._acknowledge(self.acknowledgements.due())

    def _acknowledge(self, mids: list[int]) -> None:
        assert mids == self.on_this_connection[: len(mids)], "in order of receipt, on this connection"
        del self.on_this_connection[: len(mids)]
        content_of = dict(self.in_flight)
        assert all(self.receipts[content_of[mid]] in self.settled for mid in mids if mid in content_of)
        if not self.link_is_dead:
            self.in_flight = [message for message in self.in_flight if message[0] not in mids]

    @precondition(lambda self: self.connected and not self.link_is_dead and not self.to_redeliver)
    @rule(fresh_mid=st.booleans())
    def deliver(self, fresh_mid: bool) -> None:  # noqa: FBT001 - Hypothesis draws it
        if len(self.in_flight) == REMEMBERED:
            return
        taken = {mid for mid, _ in self.in_flight}
        start = self.last_mid if fresh_mid else 0
        mid = next(m for m in ((start + i) % PACKET_IDS + 1 for i in range(PACKET_IDS)) if m not in taken)
        self.last_mid = mid
        self.contents += 1
        self.in_flight.append((mid, self.contents))
        self._receive(mid, self.contents, dup=False)

    @precondition(lambda self: self.connected and not self.link_is_dead and self.to_redeliver)
    @rule()
    def redeliver(self) -> None:
        self._receive(*self.to_redeliver.pop(0), dup=True)

    @precondition(lambda self: self.receipts)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        receipt = data.draw(st.sampled_from(sorted(self.receipts.values())))
        self.settled.add(receipt)
        mids = self.acknowledgements.settle(receipt)
        assert self.connected or not mids, "never without the connection it came on"
        self._acknowledge(mids)

    @rule()
    def link_dies_silently(self) -> None:
        self.link_is_dead = True

    @precondition(lambda self: self.connected)
    @rule()
    def cut(self) -> None:
        self.acknowledgements.disconnected()
        self.connected = False
        self.on_this_connection.clear()

    @precondition(lambda self: not self.connected)
    @rule(kept=st.booleans())
    def connect(self, kept: bool) -> None:  # noqa: FBT001 - Hypothesis draws it
        if not kept:
            self.in_flight.clear()
        self.to_redeliver = list(self.in_flight)
        self.connected, self.link_is_dead = True, False
        self.acknowledgements.connected(session_present=kept)

    @invariant()
    def memory_is_bounded(self) -> None:
        waiting = len(self.receipts) - len(self.settled)
        remembered = self.acknowledgements
        assert len(remembered._unsettled) <= waiting
        assert len(remembered._acknowledged) <= REMEMBERED
        assert len(remembered._redeliverable) <= 2 * REMEMBERED

    @invariant()
    def everything_settled_is_acknowledged(self) -> None:
        if self.connected and set(self.receipts.values()) == self.settled:
            assert self.acknowledgements.unacknowledged == 0


Session.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestSession = Session.TestCase


def test_a_new_message_under_an_old_packet_id_is_new() -> None:
    acknowledgements = Acknowledgements(REMEMBERED)
    acknowledgements.connected(session_present=False)
    first = acknowledgements.received(1, digest=7, dup=False)
    acknowledgements.disconnected()
    acknowledgements.connected(session_present=True)
    for digest, dup in ((7, False), (8, True)):
        again = acknowledgements.received(1, digest=digest, dup=dup)
        assert not again.redelivered
        assert again.receipt != first.receipt


def test_an_acknowledgement_that_got_lost_makes_no_new_message() -> None:
    acknowledgements = Acknowledgements(REMEMBERED)
    acknowledgements.connected(session_present=False)
    first = acknowledgements.received(1, digest=7, dup=False)
    assert acknowledgements.settle(first.receipt) == [1]
    acknowledgements.disconnected()
    acknowledgements.connected(session_present=True)
    assert acknowledgements.received(1, digest=7, dup=True) == (first.receipt, True)
    assert acknowledgements.due() == [1], "settled already: acknowledged again at once"


def test_a_broker_that_lost_the_session_redelivers_nothing() -> None:
    acknowledgements = Acknowledgements(REMEMBERED)
    acknowledgements.connected(session_present=False)
    acknowledgements.received(1, digest=7, dup=False)
    acknowledgements.disconnected()
    acknowledgements.connected(session_present=False)
    assert not acknowledgements.received(1, digest=7, dup=True).redelivered


def test_the_example_in_the_documentation_is_true() -> None:
    assert doctest.testmod(acknowledgements_module).failed == 0
