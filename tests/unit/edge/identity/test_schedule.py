"""When the cloud is asked for a new certificate, by whatever clock."""

from datetime import UTC, datetime, timedelta

import pytest

from roost_edge.identity.schedule import Failed, NotDue, Outcome, RenewalSchedule, Renewed, renew_at
from roost_shared.clock import SECOND
from roost_shared.messages import ErrorInfo

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
LIFE = timedelta(days=90)
END = BEGIN + LIFE
HOUR_NS = 3600 * SECOND
DAY_NS = 24 * HOUR_NS
FAULT = ErrorInfo("cloud.unreachable", "no way")


def is_due(schedule: RenewalSchedule, age: timedelta, *, now_ns: int = 0, away_ns: int = 0) -> bool:
    return schedule.is_due(BEGIN, END, wall=BEGIN + age, now_ns=now_ns, away_ns=away_ns)


def test_a_fleet_s_renewals_lie_between_7_and_8_twelfths_of_a_life_and_do_not_come_at_once() -> None:
    moments = [renew_at(BEGIN, END, f"acme/d/cam-{number}") for number in range(500)]
    assert min(moments) >= BEGIN + LIFE * 7 / 12
    assert max(moments) <= BEGIN + LIFE * 2 / 3
    days = {(moment - BEGIN).days for moment in moments}
    assert len(days) >= 7
    assert moments[0] == renew_at(BEGIN, END, "acme/d/cam-0"), "it is the same after a restart"


@pytest.mark.parametrize(
    ("age", "due"),
    [
        pytest.param(timedelta(days=1), False, id="young"),
        pytest.param(timedelta(days=61), True, id="two-thirds"),
        pytest.param(timedelta(days=1000), True, id="expired"),
        pytest.param(-timedelta(seconds=1), True, id="clock-before-its-beginning"),
        pytest.param(-timedelta(days=20000), True, id="clock-at-1970"),
    ],
)
def test_the_device_s_clock_says_when_to_ask(age: timedelta, due: bool) -> None:  # noqa: FBT001 - a table
    assert is_due(RenewalSchedule("acme/d/cam-01"), age) is due


def test_without_the_cloud_s_broker_for_a_quarter_of_an_hour_the_cloud_is_asked() -> None:
    schedule = RenewalSchedule("acme/d/cam-01")
    assert not is_due(schedule, timedelta(days=1), away_ns=14 * 60 * SECOND)
    assert is_due(schedule, timedelta(days=1), away_ns=15 * 60 * SECOND)


@pytest.mark.parametrize(
    ("outcome", "rest_ns"),
    [
        pytest.param(NotDue(5 * 86400.0), DAY_NS, id="a-clock-ahead-costs-a-question-a-day"),
        pytest.param(NotDue(7200.0), 2 * HOUR_NS, id="due-soon"),
        pytest.param(NotDue(0.5), 60 * SECOND, id="due-at-once"),
        pytest.param(Renewed(), 60 * SECOND, id="renewed"),
        pytest.param(Failed(FAULT, refused=True), 9 * HOUR_NS, id="refused"),
        pytest.param(Failed(FAULT, refused=False), 90 * SECOND, id="failed"),
    ],
)
def test_after_an_outcome_it_rests(outcome: Outcome, rest_ns: int) -> None:
    schedule = RenewalSchedule("acme/d/cam-01")
    schedule.heard(outcome, now_ns=7, random=0.5)
    assert not is_due(schedule, timedelta(days=80), now_ns=7 + rest_ns - 1)
    assert is_due(schedule, timedelta(days=80), now_ns=7 + rest_ns)
    assert schedule.problem == (FAULT if isinstance(outcome, Failed) else None)


def test_failures_are_tried_again_ever_more_seldom_and_a_success_forgets_them() -> None:
    schedule = RenewalSchedule("acme/d/cam-01")
    now_ns, rests = 0, []
    for _ in range(12):
        schedule.heard(Failed(FAULT, refused=False), now_ns, random=1.0)
        began_ns = now_ns
        while not is_due(schedule, timedelta(days=80), now_ns=now_ns):
            now_ns += 60 * SECOND
        rests.append((now_ns - began_ns) // (60 * SECOND))
    assert rests[:4] == [2, 3, 5, 9]
    assert rests[-1] == 361
    schedule.heard(NotDue(0), now_ns, random=1.0)
    schedule.heard(Failed(FAULT, refused=False), now_ns, random=1.0)
    assert is_due(schedule, timedelta(days=80), now_ns=now_ns + 120 * SECOND)
