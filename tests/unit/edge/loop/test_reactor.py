import os
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pytest

from roost_edge.loop.reactor import Reactor
from roost_shared.clock import MS, SECOND, SystemClock


class HandClock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.ns = 0

    def now_ns(self) -> int:
        return self.ns

    def wall(self) -> datetime:
        return datetime.fromtimestamp(self.ns / SECOND, UTC)


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    reactor = Reactor(SystemClock())
    yield reactor
    reactor.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_timers_run_in_order_of_time_and_of_making(reactor: Reactor) -> None:
    ran: list[str] = []
    reactor.call_after(2 * MS, lambda: ran.append("later"))
    reactor.call_after(3 * MS, reactor.stop)
    reactor.call_at(0, lambda: ran.append("first"))
    reactor.call_at(0, lambda: ran.append("second"))
    reactor.run()
    assert ran == ["first", "second", "later"]


def test_no_timer_runs_before_its_moment() -> None:
    clock = HandClock()
    reactor = Reactor(clock)
    ran: list[int] = []
    reactor.call_at(5 * MS, lambda: ran.append(clock.ns))
    reactor.call_soon(lambda: None)
    reactor._run_once()
    assert ran == []
    clock.ns = 5 * MS
    reactor._run_once()
    assert ran == [5 * MS]
    reactor.close()


def test_cancelled_timers_do_not_pile_up(reactor: Reactor) -> None:
    kept = [reactor.call_after(3600 * SECOND, lambda: None) for _ in range(10)]
    for _ in range(50_000):
        reactor.call_after(3600 * SECOND, lambda: None).cancel()
    assert len(reactor._timers) <= 2100
    assert sum(timer.callback is not None for _, _, timer in reactor._timers) == len(kept)


def test_a_cancelled_timer_never_runs(reactor: Reactor) -> None:
    ran: list[str] = []
    timer = reactor.call_after(0, lambda: ran.append("cancelled"))
    reactor.call_after(1 * MS, reactor.stop)
    timer.cancel()
    timer.cancel()
    reactor.run()
    assert ran == []


def test_a_timer_may_cancel_another_that_is_due_in_the_same_round(reactor: Reactor) -> None:
    ran: list[str] = []
    timers = [reactor.call_at(1, partial(ran.append, "first"))]
    reactor.call_at(0, timers[0].cancel)
    reactor.call_at(2, reactor.stop)
    reactor.run()
    assert ran == []


def test_a_timer_that_sets_itself_again_does_not_keep_sockets_waiting(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair

    def again() -> None:
        reactor.call_at(0, again)

    again()
    reactor.watch(ours, reactor.stop)
    theirs.send(b"x")
    reactor.run()  # or the test's time is up


def test_a_socket_is_called_back_for_reading_and_for_writing_while_asked(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    heard: list[bytes] = []

    def on_readable() -> None:
        heard.append(ours.recv(10))
        reactor.stop()

    def on_writable() -> None:
        reactor.watch(ours, on_readable)  # no more wish to write
        theirs.send(b"hello")

    reactor.watch(ours, on_readable, on_writable)
    reactor.run()
    assert heard == [b"hello"]


def test_a_bare_descriptor_can_be_watched(reactor: Reactor) -> None:
    descriptor = os.eventfd(1)
    reactor.watch(descriptor, reactor.stop)
    reactor.run()
    reactor.unwatch(descriptor)
    os.close(descriptor)


def test_a_socket_unwatched_by_an_earlier_callback_of_the_same_batch_is_left_alone(reactor: Reactor) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    ran: list[int] = []

    def on_readable(position: int) -> None:
        ran.append(position)
        other = pairs[1 - position][0]
        reactor.unwatch(other)
        other.close()

    for position, (ours, theirs) in enumerate(pairs):
        reactor.watch(ours, partial(on_readable, position))
        theirs.send(b"x")
    reactor._run_once()
    assert len(ran) == 1
    for ours, theirs in pairs:
        reactor.unwatch(ours)
        ours.close()
        theirs.close()


def test_a_socket_unwatched_by_its_own_writable_callback_is_not_read(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    read: list[str] = []
    reactor.watch(ours, lambda: read.append("stale"), lambda: reactor.unwatch(ours))
    reactor._run_once()
    assert read == []


def test_a_socket_watched_anew_within_a_batch_gets_only_the_new_callback(reactor: Reactor) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    ran: list[str] = []

    def on_readable(position: int) -> None:
        ran.append("old")
        other = pairs[1 - position][0]
        reactor.watch(other, lambda: ran.append("new"))

    for position, (ours, theirs) in enumerate(pairs):
        reactor.watch(ours, partial(on_readable, position))
        theirs.send(b"x")
    reactor._run_once()
    assert ran == ["old", "new"]
    for ours, theirs in pairs:
        reactor.unwatch(ours)
        ours.close()
        theirs.close()


def test_unwatching_twice_or_a_closed_socket_is_harmless(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, _ = pair
    reactor.unwatch(ours)
    reactor.watch(ours, lambda: None)
    reactor.unwatch(ours)
    ours.close()
    reactor.unwatch(ours)


def test_call_soon_runs_after_the_current_callback_and_before_the_loop_waits(reactor: Reactor) -> None:
    ran: list[str] = []

    def first() -> None:
        reactor.call_soon(lambda: ran.append("soon"))
        reactor.call_soon(reactor.stop)
        ran.append("first")

    reactor.call_soon(first)
    reactor.run()
    assert ran == ["first", "soon"]


def test_calls_made_soon_by_a_soon_call_wait_for_sockets_and_timers(reactor: Reactor) -> None:
    def again() -> None:
        reactor.call_soon(again)

    again()
    reactor.call_after(1 * MS, reactor.stop)
    reactor.run()  # or the test's time is up


def test_another_thread_wakes_the_loop(reactor: Reactor) -> None:
    threads: list[int] = []

    def note_and_stop() -> None:
        threads.append(threading.get_ident())
        reactor.stop()

    caller = threading.Thread(target=lambda: reactor.call_soon_threadsafe(note_and_stop))
    caller.start()
    reactor.run()
    caller.join()
    assert threads == [threading.get_ident()]


def test_more_wake_ups_than_the_pipe_holds_lose_no_call(reactor: Reactor) -> None:
    ran: list[int] = []
    for number in range(5000):
        reactor.call_soon_threadsafe(partial(ran.append, number))
    reactor.call_soon_threadsafe(reactor.stop)
    reactor.run()
    assert ran == list(range(5000))


def test_a_fault_in_a_callback_ends_the_loop(reactor: Reactor) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    reactor.call_soon(fail)
    with pytest.raises(ZeroDivisionError):
        reactor.run()
