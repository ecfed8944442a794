from typing import Any

import pytest

from roost_cloud.rollouts.states import Target
from roost_cloud.rollouts.targets import bundle_of, carries, pinned, shadow_name, with_target
from roost_shared.assignment import AssignedContestant, AssignedTask, Assignment, BundlePin

DOCUMENT: dict[str, Any] = {
    "tasks": {
        "meter": {
            "deadline_ms": 300,
            "contestants": [
                {"name": "primary", "bundle": "meter:7", "threads": 2},
                {"name": "backup", "bundle": "small:1"},
                {"name": "cloud", "where": "cloud"},
            ],
        },
        "other": {"contestants": [{"name": "primary", "bundle": "other:1"}]},
    }
}


def made(target: Target, document: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    return with_target(document, "meter", "primary", target=target, candidate="meter:8", before="meter:7")


@pytest.mark.parametrize("target", ["shadow", "active", "previous"])
@pytest.mark.parametrize("before", ["shadow", "active", "previous"])
def test_from_each_target_to_each_and_nothing_else_changes(before: Target, target: Target) -> None:
    document = made(target, made(before))
    assert carries(document, "meter", "primary", candidate="meter:8", before="meter:7") == target
    assert document["tasks"]["other"] == DOCUMENT["tasks"]["other"]
    assert document["tasks"]["meter"]["contestants"][1:3] == DOCUMENT["tasks"]["meter"]["contestants"][1:]
    assert made("previous", document) == DOCUMENT


def test_a_shadow_runs_as_the_contestant_does_and_answers_nothing() -> None:
    shadow = made("shadow")["tasks"]["meter"]["contestants"][-1]
    assert shadow == {"name": "primary.candidate", "bundle": "meter:8", "role": "shadow", "threads": 2}
    assert len(shadow_name("p" * 63)) == 63


@pytest.mark.parametrize(
    "document",
    [
        {"tasks": {}},
        {"tasks": {"meter": {"contestants": [{"name": "primary", "bundle": "meter:6"}]}}},
        {"tasks": {"meter": {"contestants": [{"name": "backup", "bundle": "meter:7"}]}}},
        made("shadow", with_target(DOCUMENT, "meter", "primary", target="shadow", candidate="x:1", before="meter:6")),
    ],
)
def test_what_somebody_else_made_of_it_is_told(document: dict[str, Any]) -> None:
    found = carries(document, "meter", "primary", candidate="meter:9", before="meter:7")
    assert found == "other"


def test_aliases_become_what_they_stood_for() -> None:
    pin = BundlePin(name="meter", version="7", digest="sha256:" + "0" * 64)
    task = AssignedTask(
        contestants=(AssignedContestant(name="primary", bundle=pin), AssignedContestant(name="cloud", where="cloud"))
    )
    assignment = Assignment(tenant="acme", device="cam-01", version=3, issued_at="", tasks={"meter": task})
    contestants = [{"name": "primary", "bundle": "meter@stable"}, {"name": "cloud", "where": "cloud"}]
    written = {"tasks": {"meter": {"contestants": contestants}}}
    document = pinned(written, assignment)
    assert bundle_of(document, "meter", "primary") == "meter:7"
    assert bundle_of(document, "meter", "cloud") is None
    assert contestants[0]["bundle"] == "meter@stable", "what was written stays"
