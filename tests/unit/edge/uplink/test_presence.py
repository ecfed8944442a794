"""The device's presence: who is live, who took its place, and when to stand down."""

import doctest

from roost_edge.uplink import presence as presence_module
from roost_edge.uplink.presence import Announce, Effect, HoldOff, Presence
from roost_shared.clock import SECOND
from roost_shared.messages import State

MINUTE = 60 * SECOND


def _births(effects: list[Effect]) -> list[State]:
    return [effect.state for effect in effects if isinstance(effect, Announce)]


class Device:
    """A presence at a broker that keeps one state and echoes what is published."""

    def __init__(self, boot: str) -> None:
        self.presence = Presence(boot=boot, version="1")
        self.now_ns = 0
        self.will: State | None = None

    def connect(self, retained: State | None = None) -> State:
        """Connect, read what was retained, be born, read the birth."""
        self.will = self.presence.next_session()
        (birth,) = _births(self.presence.connected(self.now_ns))
        if retained is not None:
            assert self.see(retained) == [], "what is older than the birth is not answered"
        assert self.see(birth) == []
        return birth

    def see(self, state: State | None) -> list[Effect]:
        return self.presence.seen(state, self.now_ns, 0.5)

    def lose(self, *, taken_over: bool = False) -> list[Effect]:
        return self.presence.lost(taken_over=taken_over, now_ns=self.now_ns, random=0.5)


def _foreign(state: str = "online", boot: str = "clone", session: int = 1) -> State:
    return State(state="online" if state == "online" else "offline", boot=boot, session=session)


def test_birth_and_will_carry_the_same_boot_and_session() -> None:
    device = Device("b")
    birth = device.connect()
    assert device.will == State(state="offline", boot="b", session=1, reason="lost", version="1")
    assert birth == State(state="online", boot="b", session=1, version="1")
    device.lose()
    assert device.connect().session == 2


def test_a_will_that_overwrites_the_birth_is_answered_by_a_new_birth() -> None:
    device = Device("b")
    device.connect()
    device.lose()
    late = device.will
    birth = device.connect()
    assert _births(device.see(late)) == [birth]
    assert device.see(birth) == []
    assert device.presence.problem is None


def test_a_cleared_or_unreadable_state_is_answered_by_a_new_birth() -> None:
    device = Device("b")
    birth = device.connect()
    assert _births(device.see(None)) == [birth]
    assert device.see(None) == [], "one birth is enough until it has come back"


def test_the_state_an_earlier_boot_left_is_no_takeover() -> None:
    device = Device("b")
    device.connect(retained=_foreign(boot="a"))
    device.connect()
    for _ in range(5):  # wills of an earlier boot, late
        (birth,) = _births(device.see(_foreign("offline", boot="a")))
        device.see(birth)
    assert device.presence.problem is None


def test_three_takeovers_in_a_minute_make_it_stand_down_and_say_so_by_mqtt_5() -> None:
    device = Device("b")
    device.connect()
    assert device.lose(taken_over=True) == []
    device.now_ns += SECOND
    device.connect(retained=_foreign("offline"))  # what the clone left: the same takeover
    assert device.lose(taken_over=True) == []
    device.now_ns += SECOND
    device.connect(retained=_foreign("offline"))
    (effect,) = device.lose(taken_over=True)
    assert isinstance(effect, HoldOff)
    assert MINUTE <= effect.wait_ns <= 2 * MINUTE
    assert device.connect().problem == "duplicate_identity"


def test_three_takeovers_in_a_minute_make_it_stand_down_by_3_1_1_too() -> None:
    device = Device("b")
    device.connect()
    effects: list[Effect] = []
    for _ in range(3):
        assert effects == []
        device.lose()
        device.now_ns += SECOND
        device.presence.next_session()
        (birth,) = _births(device.presence.connected(device.now_ns))
        effects = device.see(_foreign("offline"))  # the clone's will: our coming ended it
        if not effects:
            device.see(birth)
    (effect,) = effects
    assert isinstance(effect, HoldOff)


def test_a_clone_that_is_connected_beside_us_does_not_make_us_shout_for_ever() -> None:
    device = Device("b")
    birth = device.connect()
    for _ in range(2):
        assert _births(device.see(_foreign())) == [birth]
        device.see(birth)
    (effect,) = device.see(_foreign())
    assert isinstance(effect, HoldOff)
    assert device.see(_foreign()) == []


def test_takeovers_spread_over_hours_are_an_operators_doing() -> None:
    device = Device("b")
    device.connect()
    for _ in range(10):
        assert device.lose(taken_over=True) == []
        device.now_ns += 31 * SECOND
        device.connect()
    assert device.presence.problem is None


def test_each_time_it_stands_down_longer_until_ten_calm_minutes_have_passed() -> None:
    device = Device("b")
    birth = device.connect()
    waits = []
    for _ in range(3):
        for _ in range(2):
            device.see(_foreign())
            device.see(birth)
        (effect,) = device.see(_foreign())
        assert isinstance(effect, HoldOff)
        waits.append(effect.wait_ns)
        birth = device.connect()
    assert waits == sorted(set(waits))
    assert device.presence.wake_ns == device.now_ns + 10 * MINUTE
    assert device.presence.tick(device.now_ns + 10 * MINUTE - 1) == []
    (recovered,) = _births(device.presence.tick(device.now_ns + 10 * MINUTE))
    assert recovered.problem is None
    assert device.presence.wake_ns is None


def test_after_the_farewell_it_defends_nothing() -> None:
    device = Device("b")
    device.connect()
    farewell = device.presence.farewell()
    assert (farewell.state, farewell.reason, farewell.session) == ("offline", "stopped", 1)
    assert device.see(farewell) == []


def test_the_example_in_the_documentation_is_true() -> None:
    assert doctest.testmod(presence_module).failed == 0
