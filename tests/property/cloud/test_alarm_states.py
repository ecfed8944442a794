"""What becomes of an alarm whatever people do to it, in whatever order and however often."""

from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from roost_cloud.alarms.state import (
    LONGEST_MUTE,
    AlarmResolvedError,
    BadMuteError,
    Standing,
    acknowledge,
    is_muted,
    mute,
    resolve,
)

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
ORDER: Final = ("open", "acknowledged", "resolved")
hours = st.integers(-10, 10 * 24 * 366)
actions = st.lists(st.one_of(st.sampled_from(["acknowledge", "resolve", "unmute"]), hours), max_size=12)


def act(alarm: Standing, action: str | int, now: datetime) -> Standing:
    if action == "acknowledge":
        return acknowledge(alarm)
    if action == "resolve":
        return resolve(alarm)
    return mute(alarm, until=None if isinstance(action, str) else now + timedelta(hours=action), now=now)


@given(actions)
def test_a_state_only_goes_forward_and_its_end_is_its_end(given_actions: list[str | int]) -> None:
    alarm = Standing("open")
    for place, action in enumerate(given_actions):
        now = NOON + timedelta(hours=place)
        try:
            after = act(alarm, action, now)
        except AlarmResolvedError:
            assert alarm.state == "resolved"
            continue
        except BadMuteError:
            assert isinstance(action, int)
            assert not timedelta() < timedelta(hours=action) <= LONGEST_MUTE
            continue
        assert ORDER.index(after.state) >= ORDER.index(alarm.state)
        if alarm.state == "resolved":
            assert (action, after) == ("resolve", alarm)
        if action in ("acknowledge", "resolve"):
            assert act(after, action, now) == after if action == "resolve" or after.state != "resolved" else True
            assert after.muted_until == alarm.muted_until
        else:
            assert after.state == alarm.state
            assert is_muted(after, now) == isinstance(action, int)
        assert not is_muted(after, now + LONGEST_MUTE + timedelta(hours=13))
        alarm = after
