from typing import Any

import msgspec
import pytest

from roost_cloud.rollouts.gate import Seen, judge
from roost_cloud.rollouts.plan import GateSettings

SETTINGS = GateSettings()


def seen(**changes: Any) -> Seen:
    well: dict[str, Any] = {"device": "cam", "inputs": 2000, "scored": 2000, "compared": 2000, "differing": 100}
    return Seen(**well | changes)


@pytest.mark.parametrize(
    ("changes", "verdict", "says"),
    [
        ({"wins": 40, "losses": 10}, "pass", "40 won, 10 lost"),
        ({"wins": 10, "losses": 40}, "trip", "10 won, 40 lost"),
        ({"wins": 12, "losses": 10}, "wait", "neither better nor worse"),
        ({"differing": 5}, "pass", "less than 2.0%"),
        ({"wins": 40, "losses": 10, "faulty": 40}, "trip", "40 of 2040"),
        ({"wins": 40, "losses": 10, "slow": 400}, "trip", "400 of its 2000"),
        ({"wins": 40, "losses": 10, "scored": 1500}, "wait", "75% of 2000"),
        ({"wins": 40, "losses": 10, "inputs": 500, "scored": 500}, "wait", "500 of at least 1000"),
        ({"wins": 40, "losses": 10, "differing": 400}, "trip", "more than the 5.0%"),
        ({"wins": 12, "losses": 10, "teacher_wins": 400}, "wait", "neither better nor worse"),
        ({"wins": 12, "losses": 10, "teacher_wins": 40, "teacher_losses": 40}, "wait", "neither better nor worse"),
        ({"wins": 12, "losses": 10, "teacher_losses": 400}, "trip", "12 won, 410 lost"),
        ({"wins": 10, "losses": 40, "teacher_wins": 400}, "trip", "it is worse"),
    ],
)
def test_safety_surprise_and_quality(changes: dict[str, Any], verdict: str, says: str) -> None:
    finding = judge(SETTINGS, [seen(**changes)], predicted=0.05)
    assert finding.verdict == verdict
    assert says in "; ".join(finding.says)


def test_nothing_is_concluded_of_nothing() -> None:
    assert judge(SETTINGS, [], predicted=0.05).verdict == "wait"
    assert judge(SETTINGS, [Seen(device="cam")], predicted=None).verdict == "wait"


def test_disagreement_that_nobody_predicted_surprises_nobody() -> None:
    strange = seen(differing=900, wins=300, losses=100)
    assert judge(SETTINGS, [strange], predicted=None).verdict == "pass"
    expected = GateSettings(predicted=0.05)
    assert judge(expected, [strange], predicted=None).verdict == "trip"


def test_one_device_that_is_off_is_not_hidden_by_many_that_are_well() -> None:
    well = [seen(device=f"cam-{one}", wins=40, losses=10) for one in range(20)]
    off = seen(device="odd", differing=600)
    assert judge(SETTINGS, [*well, off], predicted=0.05).verdict == "trip"


def test_what_goes_wrong_at_one_site_is_not_hidden_by_the_others() -> None:
    """Not one of its devices is proven to be off by itself, and among all they are too few to show."""
    well = [seen(device=f"cam-{one}", wins=40, losses=10, cohort="north") for one in range(120)]
    off = [seen(device=f"odd-{one}", differing=270, cohort="south") for one in range(6)]
    alike = [msgspec.structs.replace(one, cohort=None) for one in (*well, *off)]
    assert judge(SETTINGS, alike, predicted=0.05).verdict == "pass"
    assert judge(SETTINGS, [*well, *off], predicted=0.05).verdict == "trip"
    same = [msgspec.structs.replace(one, cohort="north") for one in (*well, *off)]
    assert judge(SETTINGS, same, predicted=0.05) == judge(SETTINGS, alike, predicted=0.05)


def test_harmless_means_harmless_on_every_device() -> None:
    well = [seen(device=f"cam-{one}", differing=2) for one in range(5)]
    assert judge(SETTINGS, well, predicted=None).verdict == "pass"
    assert judge(SETTINGS, [*well, seen(device="odd", differing=100)], predicted=None).verdict == "wait"


def test_thinning_asks_for_more() -> None:
    losing = [seen(differing=230, wins=40, losses=10)]
    assert judge(SETTINGS, losing, predicted=0.05).verdict == "pass"
    crashing = seen(faulty=40, wins=40, losses=10)
    assert judge(GateSettings(thin=20), [crashing], predicted=0.05).verdict == "pass"
