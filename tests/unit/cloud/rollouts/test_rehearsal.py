import pytest

from roost_cloud.rollouts.made_up_fleet import Candidate, Fleet
from roost_cloud.rollouts.plan import read_plan
from roost_cloud.rollouts.rehearsal import rehearse

PLAN = read_plan(
    {
        "task": "meter",
        "contestant": "primary",
        "bundle": "meter:8",
        "stages": [
            {"name": "shadow", "mode": "shadow", "share": 0.2},
            {"name": "some", "share": 0.2, "approval": True},
            {"name": "all", "share": 1.0},
        ],
    }
)
FLEET = Fleet(devices=30, inputs_per_hour=120, offline=0.0)


def test_a_good_candidate_reaches_the_fleet_and_the_same_seed_plays_the_same() -> None:
    first = rehearse(PLAN, FLEET, Candidate(), seed=1)
    assert (first.state, first.confirmed, first.failed) == ("finished", 30, 0)
    assert first.exposed == 1.0
    assert first.labels > 0
    assert rehearse(PLAN, FLEET, Candidate(), seed=1) == first


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (Candidate(win_share=0.2), "it is worse"),
        (Candidate(slow_share=0.4), "took longer"),
        (Candidate(disagreement=0.3), "disagrees"),
        (Candidate(broken_devices=1.0), "install.golden_mismatch"),
    ],
)
def test_a_bad_candidate_is_stopped_before_it_answers_anybody(candidate: Candidate, reason: str) -> None:
    played = rehearse(PLAN, FLEET, candidate, seed=2)
    assert played.state == "stopped"
    assert reason in played.reason
    assert played.exposed == 0.0


def test_lying_devices_are_found_and_dead_ones_hold_nobody_up() -> None:
    assert rehearse(PLAN, Fleet(devices=30, lying=0.5), Candidate(), seed=3).state == "stopped"
    away = Fleet(devices=30, inputs_per_hour=120, dead=0.2, unseen=0.2, offline=0.2)
    assert rehearse(PLAN, away, Candidate(), seed=3).state == "finished"


def test_without_labels_it_waits_and_says_how_long() -> None:
    played = rehearse(PLAN, Fleet(devices=30, labels_per_hour=0), Candidate(), days=0.5)
    assert played.state == "running"
    assert played.labels == 0
    assert played.waited_hours > 5


def test_what_is_too_slow_by_a_little_is_found_by_the_devices_on_which_it_answers_first() -> None:
    plan = read_plan(
        {
            "task": "meter",
            "contestant": "primary",
            "bundle": "meter:8",
            "stages": [{"name": "some", "share": 0.2}, {"name": "all", "share": 1.0}],
        }
    )
    played = rehearse(plan, FLEET, Candidate(slow_share=0.2), seed=4)
    assert (played.state, played.exposed < 0.2) == ("stopped", True)
    assert "install.slow" in played.reason
    assert rehearse(plan, FLEET, Candidate(slow_share=0.02), seed=4).state == "finished"
