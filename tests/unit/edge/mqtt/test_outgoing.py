from roost_edge.mqtt.outgoing import Outgoing


def test_what_waits_is_bounded_and_room_returns() -> None:
    outgoing = Outgoing(limit_bytes=100)
    outgoing.took(1, 60, qos=1, written=True)
    outgoing.took(2, 30, qos=0, written=False)
    assert not outgoing.has_room(11)
    assert outgoing.has_room(10)
    outgoing.written()
    assert outgoing.has_room(40)
    assert outgoing.confirmed(1)
    assert outgoing.idle


def test_a_message_larger_than_the_limit_goes_when_nothing_waits() -> None:
    outgoing = Outgoing(limit_bytes=100)
    assert outgoing.has_room(1000)
    outgoing.took(1, 1, qos=0, written=False)
    assert not outgoing.has_room(1000)


def test_a_written_qos_0_message_does_not_wait() -> None:
    outgoing = Outgoing(limit_bytes=100)
    outgoing.took(1, 60, qos=0, written=True)
    assert outgoing.idle
    assert not outgoing.confirmed(1)


def test_giving_up_tells_which_were_lost() -> None:
    outgoing = Outgoing(limit_bytes=100)
    outgoing.took(1, 10, qos=1, written=True)
    outgoing.took(2, 10, qos=1, written=False)
    outgoing.took(3, 10, qos=0, written=False)
    assert outgoing.clear() == [1, 2]
    assert outgoing.idle
