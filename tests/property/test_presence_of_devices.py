"""Whatever a broker may deliver of a device's births and wills, whoever has heard all of it knows how it ended."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from roost_cloud.fleet.presence import NEVER, Ignored, Presence, next_presence
from roost_shared.messages import State

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Delivery:
    state: State
    retained: bool


def online(boot: str, session: int) -> State:
    return State(state="online", boot=boot, session=session, version="1")


def offline(boot: str, session: int) -> State:
    return State(state="offline", boot=boot, session=session, reason="lost", version="1")


@st.composite
def histories(draw: st.DrawFn) -> list[State]:
    """What was published on a device's topic, in the broker's order, until all was quiet."""
    published: list[State] = []
    boot, session, live = 0, 0, False
    late: State | None = None  # a will the broker has yet to notice
    for step in draw(st.lists(st.sampled_from(["restart", "reconnect", "mute", "stop", "lose"]), max_size=8)):
        ending = offline(f"b{boot}", session)
        if step in ("stop", "lose"):
            if live:
                published.append(ending)
            live = False
            continue
        if live:  # the broker notices the end of the old connection before or after the new birth
            late = ending if draw(st.booleans()) else None
            if late is None:
                published.append(ending)
        boot, session = (boot + 1, 1) if step == "restart" or boot == 0 else (boot, session + 1)
        live = step != "mute"
        if live:
            published.append(online(f"b{boot}", session))
        else:  # lost before its birth
            published.append(offline(f"b{boot}", session))
        if late is not None:
            published.append(late)
            if live:
                published.append(online(f"b{boot}", session))  # the device saw it overwrite its birth
            late = None
    return published


@st.composite
def heard(draw: st.DrawFn, history: list[State]) -> list[Delivery]:
    """What one reader hears of it: connections, each beginning with what is retained, and repetitions."""
    # A connection begins at one cut and ends at the next; what lies before the one after it is missed. The last stays.
    cuts = sorted(draw(st.lists(st.integers(0, len(history)), min_size=2, max_size=4)))
    cuts = [0, *cuts] if len(cuts) % 2 == 0 else cuts
    deliveries: list[Delivery] = []
    for start, end in zip(cuts[::2], [*cuts[1::2], len(history)], strict=True):
        if start:
            deliveries.append(Delivery(history[start - 1], retained=True))
        live = [Delivery(state, retained=False) for state in history[start:end]]
        repeated = live[len(live) - draw(st.integers(0, len(live))) :]
        deliveries += live + repeated
    return deliveries


def apply(stored: Presence, delivery: Delivery, number: int) -> Presence:
    at = START + timedelta(seconds=number)
    decided = next_presence(stored, delivery.state, retained=delivery.retained, received_at=at)
    return stored if isinstance(decided, Ignored) else decided


@settings(max_examples=500)
@given(st.data())
def test_readers_who_heard_all_agree_with_the_last_word(data: st.DataObject) -> None:
    history = data.draw(histories())
    readers = [data.draw(heard(history)) for _ in range(data.draw(st.integers(1, 3)))]
    event(f"{len(readers)} readers")
    stored, number = NEVER, 0
    while any(readers):
        reader = data.draw(st.sampled_from([each for each in readers if each]))
        stored = apply(stored, reader.pop(0), number)
        number += 1
    if history:
        last = history[-1]
        assert stored.state == last.state
        assert last.state == "offline" or (stored.boot, stored.session) == (last.boot, last.session)


@given(st.data())
def test_what_comes_again_at_once_changes_nothing(data: st.DataObject) -> None:
    history = data.draw(histories())
    stored = NEVER
    for number, delivery in enumerate(data.draw(heard(history))):
        stored = apply(stored, delivery, number)
        again = next_presence(
            stored, delivery.state, retained=delivery.retained, received_at=START + timedelta(days=1)
        )
        assert isinstance(again, Ignored)


@given(st.data())
def test_a_late_will_never_hides_a_live_device(data: st.DataObject) -> None:
    history = data.draw(histories())
    stored = NEVER
    for number, state in enumerate(history):
        before, stored = stored, apply(stored, Delivery(state, retained=False), number)
        if before.state == "online" and stored.state == "offline":
            assert state.boot == before.boot
            assert before.session is not None
            assert state.session >= before.session
