from datetime import UTC, datetime
from typing import Any

import pytest

from roost_cloud.rollouts.plan import BadPlanError, Retry, Window, is_open, read_plan

SHADOW = {"name": "shadow", "mode": "shadow", "share": 0.1}
ALL = {"name": "all", "share": 1.0}


def written(**changes: Any) -> dict[str, Any]:
    return {"task": "meter", "contestant": "primary", "bundle": "meter:8", "stages": [SHADOW, ALL]} | changes


def test_a_plan_is_read_with_defaults() -> None:
    plan = read_plan(written())
    assert [(one.name, one.mode, one.asks_gate) for one in plan.stages] == [
        ("shadow", "shadow", True),
        ("all", "active", False),
    ]
    assert plan.reference.name == "meter"
    assert plan.windows == ()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"stages": []}, "plan"),
        ({"task": "Meter"}, "task"),
        ({"contestant": ""}, "contestant"),
        ({"bundle": "meter"}, "bundle"),
        ({"speed": 3}, "plan"),
        ({"stages": [ALL, ALL]}, "stages[1].name"),
        ({"stages": [{"name": "a"}]}, "stages[0]"),
        ({"stages": [ALL | {"selector": "site=n"}]}, "stages[0]"),
        ({"stages": [{"name": "a", "selector": "site"}]}, "stages[0].selector"),
        ({"stages": [{"name": "a", "devices": ["Cam"]}]}, "stages[0].devices"),
        ({"stages": [{"name": "a", "share": 0.0}]}, "stages[0].share"),
        ({"stages": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}]}, "stages[1].share"),
        ({"stages": [ALL, {"name": "b", "mode": "shadow", "share": 1.0}]}, "stages[1].mode"),
        ({"stages": [ALL | {"success": 0.9, "failure": 0.2}]}, "stages[0].success"),
        ({"windows": [{"start": "05:00", "end": "05:00"}]}, "windows[0]"),
        ({"windows": [{"start": "05:00", "end": "06:00", "zone": "Moon/Sea"}]}, "windows[0].zone"),
        ({"windows": [{"start": "5:00", "end": "06:00"}]}, "plan"),
        ({"rate_per_hour": 0}, "plan"),
        ({"gate": {"trip_alpha": 0}}, "plan"),
    ],
)
def test_what_contradicts_itself_is_refused_and_named(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(BadPlanError) as caught:
        read_plan(written(**changes))
    assert caught.value.key == key


def test_a_shadow_stage_may_be_larger_than_the_active_stage_after_it() -> None:
    stages = [{"name": "a", "mode": "shadow", "share": 0.5}, {"name": "b", "share": 0.1}, ALL]
    assert len(read_plan(written(stages=stages)).stages) == 3


def test_windows_open_on_their_days_past_midnight_and_by_their_own_clock() -> None:
    night = Window(days=("fri",), start="22:00", end="02:00", zone="Europe/Berlin")
    at = [
        (datetime(2026, 12, 4, 20, 59, tzinfo=UTC), False),
        (datetime(2026, 12, 4, 21, 0, tzinfo=UTC), True),  # 22:00 in Berlin, a Friday
        (datetime(2026, 12, 5, 0, 59, tzinfo=UTC), True),
        (datetime(2026, 12, 5, 1, 0, tzinfo=UTC), False),
        (datetime(2026, 12, 5, 21, 30, tzinfo=UTC), False),  # Saturday
    ]
    assert [is_open([night], moment) for moment, _ in at] == [expected for _, expected in at]
    assert is_open([], at[0][0])


def test_retries_speak_of_a_code_or_of_all_that_begin_so() -> None:
    assert Retry(code="download.").matches("download.timeout")
    assert not Retry(code="download").matches("download.timeout")
    assert Retry(code="download").matches("download")
    assert read_plan(written()).retry_for("install.golden_mismatch") is None
