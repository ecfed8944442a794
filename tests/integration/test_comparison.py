"""Two bundles side by side, and what of one a device lacks. On both databases."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from roost_cloud.db.tables import TrainingRun
from roost_cloud.gate.verdict import Confused, Reason, Verdict
from roost_shared.assignment import Reported, Running
from roost_shared.bundle import Bundle
from roost_shared.messages import Candidate
from tests.support.cloud import Cloud
from tests.support.fleet import enrolled_device
from tests.support.labelled import LABELS, Labelling
from tests.support.rollouts import RolloutFleet
from tests.support.stocked import stock_run, stock_verdict
from tests.support.telling import sample


@pytest.fixture
def pair(cloud: Cloud, argmax: Bundle, tmp_path: Path) -> tuple[Labelling, Bundle, Bundle]:
    work = Labelling(cloud)
    return work, work.publish(argmax, tmp_path), work.publish(argmax, tmp_path, version="2")


def compare(work: Labelling) -> dict[str, Any]:
    found = work.ask("GET", "/comparison?first=meter:1&second=meter:2", role="viewer")
    return {one["by"]: one for one in found["evaluations"]}


def test_both_are_counted_on_what_people_labelled_and_both_have_scored(pair: tuple[Labelling, Bundle, Bundle]) -> None:
    work, first, second = pair
    assert compare(work) == {}
    said = [("0", "0"), ("0", "1"), ("1", "1"), ("1", "2"), ("2", None)]  # of inputs that show 0, 1, 1, 1, 2
    records = [
        sample(number, candidates=[_score("primary", first, ours), _score("shadow", second, theirs)])
        for number, (ours, theirs) in enumerate(said)
    ]
    work.store("cam-01", [*records, sample(9, candidates=[_score("primary", first, "0")])])
    truths: dict[str, str | None] = {f"cam-01/{number}": label for number, label in enumerate("01112")}
    work.say(truths | {"cam-01/9": "0"})
    (live,) = compare(work).values()
    assert (live["by"], live["inputs"]) == ("labels", 5)
    assert (live["first_right"], live["second_right"], live["first_only"], live["second_only"]) == (4, 3, 2, 1)
    cells = {(one["truth"], one["said"]): one["inputs"] for one in live["second"]}
    assert cells == {("0", "0"): 1, ("1", "1"): 2, ("1", "2"): 1, ("2", None): 1}


@pytest.mark.one_database
def test_what_the_gate_counted_is_shown_from_either_side(pair: tuple[Labelling, Bundle, Bundle]) -> None:
    work, *_ = pair
    run = stock_run(work.services, "acme", "meter", "meter:1")
    stock_verdict(work.services, "acme", run, "meter", "2")
    told = Verdict(
        passed=True,
        reasons=(Reason(check="better", passed=True, sentence="3 won"),),
        confused=(
            Confused("new", "0", "1", "0", 3),
            Confused("new", "1", "1", "1", 4),
            Confused("old", "2", "2", "1", 1),
        ),
    )
    with work.services.database.begin() as session:
        session.get_one(TrainingRun, ("acme", run)).verdict = msgspec.to_builtins(told)
    found = compare(work)
    assert {by: (one["first_right"], one["second_right"]) for by, one in found.items()} == {
        "gate_new": (4, 7),
        "gate_old": (1, 0),
    }
    turned = work.ask("GET", "/comparison?first=meter:2&second=meter:1")["evaluations"]
    assert turned[0]["first"] == found["gate_new"]["second"]
    verdict = work.ask("GET", f"/runs/{run}/verdict", role="viewer")
    assert verdict["evaluations"] == [found["gate_new"], found["gate_old"]]


def test_a_device_downloads_what_it_has_not(cloud: Cloud, pair: tuple[Labelling, Bundle, Bundle]) -> None:
    work, first, _ = pair
    enrolled_device(cloud, "cam-01")
    path = "/bundles/meter/versions/2/download"
    nothing = work.ask("GET", f"{path}?device=cam-01", role="viewer")
    assert nothing["has"] == []
    assert nothing["download_bytes"] == nothing["size_bytes"] == sum(one["size_bytes"] for one in nothing["parts"])
    running = {"meter": {"primary": Running(bundle=first.reference, state="serving")}}
    RolloutFleet(cloud, "meter").report(
        "cam-01", Reported(boot="b", version=0, confirmed=True, desired=0, trust="fresh", tasks=running)
    )
    delta = work.ask("GET", f"{path}?device=cam-01", role="viewer")
    assert delta["has"] == [first.reference]
    assert 0 < delta["download_bytes"] < nothing["download_bytes"]
    there = {one["what"] for one in delta["parts"] if one["is_there"]}
    assert any(name.endswith(".tflite") for name in there), there


def _score(contestant: str, bundle: Bundle, label: str | None) -> Candidate:
    assert label is None or label in LABELS
    return Candidate(contestant, bundle.reference, label, 0.9, 3.0)
