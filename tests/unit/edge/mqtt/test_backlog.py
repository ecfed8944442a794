from roost_edge.mqtt.backlog import Backlog
from roost_shared.clock import MS, SECOND


def _queued(backlog: Backlog, now_ns: int) -> bool:
    return backlog.received(qos=1, dup=False, retain=False, now_ns=now_ns)


def _resumed(round_trip_ns: int = MS) -> Backlog:
    backlog = Backlog()
    assert backlog.connected(session_present=True, round_trip_ns=round_trip_ns, now_ns=0) is not None
    return backlog


def test_a_new_session_has_no_backlog() -> None:
    backlog = Backlog()
    assert backlog.connected(session_present=False, round_trip_ns=MS, now_ns=0) is None
    assert not _queued(backlog, 1)


def test_it_ends_when_the_broker_is_quiet_although_free_to_send() -> None:
    backlog = _resumed()
    assert _queued(backlog, 5 * MS)
    assert backlog.look(free=True, now_ns=20 * MS) == 25 * MS
    assert backlog.look(free=True, now_ns=25 * MS) is None
    assert not _queued(backlog, 26 * MS)


def test_a_broker_that_waits_for_us_is_not_quiet() -> None:
    backlog = _resumed()
    assert _queued(backlog, 5 * MS)
    assert backlog.look(free=False, now_ns=400 * MS) == 420 * MS
    backlog.freed(now_ns=410 * MS)
    assert backlog.look(free=True, now_ns=420 * MS) == 430 * MS
    assert _queued(backlog, 425 * MS)


def test_over_a_slow_link_quiet_takes_two_round_trips() -> None:
    backlog = _resumed(round_trip_ns=300 * MS)
    assert backlog.look(free=True, now_ns=599 * MS) == 600 * MS
    assert _queued(backlog, 599 * MS)


def test_a_stream_without_a_gap_is_no_backlog_for_ever() -> None:
    backlog = _resumed()
    assert _queued(backlog, 60 * SECOND)
    assert backlog.look(free=False, now_ns=60 * SECOND) is None
    assert not _queued(backlog, 60 * SECOND)


def test_retained_and_qos_0_messages_are_not_queued_and_a_repeated_one_is() -> None:
    backlog = _resumed()
    assert not backlog.received(qos=0, dup=False, retain=False, now_ns=1)
    assert not backlog.received(qos=1, dup=False, retain=True, now_ns=1)
    backlog.disconnected()
    assert backlog.received(qos=1, dup=True, retain=False, now_ns=1)
