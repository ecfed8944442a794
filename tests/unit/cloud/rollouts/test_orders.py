from datetime import UTC, datetime

import pytest

from roost_cloud.rollouts.ordering import possible
from roost_cloud.rollouts.plan import read_plan
from roost_cloud.rollouts.states import Rollout, RolloutState

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
PLAN = read_plan(
    {
        "task": "meter",
        "contestant": "primary",
        "bundle": "meter:8",
        "stages": [{"name": "few", "share": 0.1}, {"name": "all", "share": 1.0, "approval": True}],
    }
)


@pytest.mark.parametrize(
    ("state", "orders"),
    [
        ("running", {"pause", "approve", "abort", "revert"}),
        ("approval", {"pause", "approve", "abort", "revert"}),
        ("paused", {"resume", "approve", "abort", "revert"}),
        ("finished", {"revert"}),
        ("aborted", {"revert"}),
        ("reverted", set()),
        ("stopped", set()),
    ],
)
def test_only_what_can_be_ordered_is_offered(state: RolloutState, orders: set[str]) -> None:
    assert set(possible(PLAN, Rollout(since=NOON, state=state, stage=0), NOON)) == orders


def test_what_is_approved_already_is_not_offered_again() -> None:
    assert "approve" not in possible(PLAN, Rollout(since=NOON, stage=0, approved=frozenset({1})), NOON)
    assert "approve" not in possible(PLAN, Rollout(since=NOON, stage=1), NOON)
