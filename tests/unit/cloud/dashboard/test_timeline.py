from datetime import UTC, datetime, timedelta

from roost_cloud.api.assignments import AssignmentModel
from roost_cloud.api.rollout_models import DeviceRolloutModel, EventModel
from roost_cloud.dashboard.timeline import timeline

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def test_what_happened_is_told_in_one_order_the_newest_first() -> None:
    assigned = AssignmentModel(
        device="cam-01",
        version=4,
        document={},
        bundles=["meter:8@sha256:00"],
        issued_at=NOON + timedelta(seconds=1),
        issued_by="rollout:1f",
    )
    told = [(0, "assigned", None, None), (2, "rolled_back", "golden", "no")]
    events = [
        EventModel(
            number=number,
            at=NOON + timedelta(seconds=after_s),
            actor="director",
            device="cam-01",
            became=became,
            stage=0,
            code=code,
            message=message,
        )
        for number, (after_s, became, code, message) in enumerate(told, 1)
    ]
    rollout = DeviceRolloutModel(
        device="cam-01",
        state="rolled_back",
        since=NOON,
        stage=0,
        target="active",
        version=4,
        before="meter:7",
        attempts=1,
        code=None,
        message=None,
        rollout="1f",
        task="meter",
        bundle="meter:8@sha256:00",
        rollout_state="running",
        reason="",
        events=events,
    )
    shown = timeline([assigned], [rollout], [])
    assert [one.says for one in shown] == [
        "meter:8 rolled back (golden: no)",
        "assignment 4: meter:8",
        "meter:8 assigned",
    ]
    assert shown[0].leads_to == ("rollouts", "1f")
