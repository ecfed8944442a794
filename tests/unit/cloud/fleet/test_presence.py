"""What births and wills make of what is known of a device."""

from datetime import UTC, datetime, timedelta

import pytest

from roost_cloud.fleet.presence import NEVER, Ignored, Presence, next_presence
from roost_shared.messages import State

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ONLINE = Presence("online", "b1", 2, NOW, "1.0", None)
OFFLINE = Presence("offline", "b1", 2, NOW, "1.0", None)


def birth(boot: str = "b1", session: int = 2, problem: str | None = None) -> State:
    return State(state="online", boot=boot, session=session, version="1.0", problem=problem)


def will(boot: str = "b1", session: int = 2) -> State:
    return State(state="offline", boot=boot, session=session, version="1.0")


def decide(stored: Presence, message: State | None, *, retained: bool = False) -> Presence | Ignored:
    return next_presence(stored, message, retained=retained, received_at=LATER)


@pytest.mark.parametrize(
    ("stored", "message", "expected"),
    [
        pytest.param(NEVER, birth(), Presence("online", "b1", 2, LATER, "1.0"), id="first birth"),
        pytest.param(ONLINE, will(), Presence("offline", "b1", 2, LATER, "1.0"), id="its will"),
        pytest.param(ONLINE, will(session=1), Ignored.OLDER_SESSION, id="will of an earlier session"),
        pytest.param(ONLINE, will(session=3), Presence("offline", "b1", 3, LATER, "1.0"), id="lost before its birth"),
        pytest.param(ONLINE, will("b0", 9), Ignored.OTHER_BOOT, id="will of an earlier boot"),
        pytest.param(ONLINE, birth("b2", 1), Presence("online", "b2", 1, LATER, "1.0"), id="a new boot"),
        pytest.param(ONLINE, birth(session=1), Ignored.OLDER_SESSION, id="birth of an earlier session"),
        pytest.param(ONLINE, birth(), Ignored.REPEATED, id="birth again"),
        pytest.param(OFFLINE, birth(), Ignored.REPEATED, id="birth of the session that ended"),
        pytest.param(OFFLINE, birth(session=3), Presence("online", "b1", 3, LATER, "1.0"), id="back again"),
        pytest.param(
            ONLINE, birth(problem="duplicate_identity"),
            Presence("online", "b1", 2, LATER, "1.0", "duplicate_identity"), id="a problem",
        ),
        pytest.param(NEVER, None, Ignored.REPEATED, id="nothing to clear"),
        pytest.param(ONLINE, None, Presence("offline", None, None, NOW, "1.0"), id="cleared"),
    ],
)  # fmt: skip
def test_a_live_message(stored: Presence, message: State | None, expected: Presence | Ignored) -> None:
    assert decide(stored, message) == expected


def test_what_was_retained_while_nobody_listened_counts_whatever_its_boot() -> None:
    decided = decide(ONLINE, will("b7", 4), retained=True)
    assert decided == Presence("offline", "b7", 4, NOW, "1.0"), "when it was last seen, it does not say"


def test_a_live_device_is_online_again_after_its_topic_was_cleared() -> None:
    cleared = decide(ONLINE, None)
    assert isinstance(cleared, Presence)
    assert decide(cleared, birth()) == Presence("online", "b1", 2, LATER, "1.0")
