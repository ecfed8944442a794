from datetime import UTC, datetime, timedelta
from typing import Any

from roost_cloud.alarms.cohorts import APART, Finding, together

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FLEET = {f"cam-{number}": {"site": "north", "hall": str(number % 3)} for number in range(9)}


def finding(device: str, *, hours: float = 0, **said: Any) -> Finding:
    told: dict[str, Any] = {"task": "meter", "kind": "input", **said}
    return Finding(f"alarm of {device}", device, told["task"], told["kind"], NOON + timedelta(hours=hours))


def cohorts(*findings: Finding, fleet: Any = FLEET) -> list[tuple[Any, list[str]]]:
    return [(one.label, [each.device for each in one.findings]) for one in together(findings, fleet)]


def test_what_a_hall_has_at_one_time_is_one_and_a_label_that_all_have_joins_nobody() -> None:
    found = cohorts(finding("cam-0"), finding("cam-3", hours=1), finding("cam-1"), finding("cam-2"))
    assert found == [(("hall", "0"), ["cam-0", "cam-3"]), (None, ["cam-1"]), (None, ["cam-2"])]


def test_what_began_long_after_is_another() -> None:
    late = APART.total_seconds() / 3600 + 1
    assert cohorts(finding("cam-0"), finding("cam-3", hours=late)) == [(None, ["cam-0"]), (None, ["cam-3"])]


def test_other_tasks_and_kinds_are_others() -> None:
    apart = [finding("cam-0"), finding("cam-3", task="light"), finding("cam-6", kind="model")]
    assert [label for label, _ in cohorts(*apart)] == [None, None, None]


def test_what_most_of_a_fleet_has_is_one() -> None:
    bare: dict[str, dict[str, str]] = {f"cam-{number}": {} for number in range(5)}
    assert cohorts(*(finding(f"cam-{n}") for n in range(3)), fleet=bare) == [(None, ["cam-0", "cam-1", "cam-2"])]
    assert len(cohorts(*(finding(f"cam-{n}") for n in range(2)), fleet=bare)) == 2


def test_order_does_not_matter_and_nothing_is_nothing() -> None:
    findings = [finding("cam-0"), finding("cam-3", hours=1), finding("cam-1")]
    assert cohorts(*findings) == cohorts(*reversed(findings))
    assert together([], {}) == []
