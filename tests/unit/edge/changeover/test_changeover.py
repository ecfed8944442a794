"""From one assignment to the next: what is done when, whatever happens on the way."""

import pytest

from roost_edge.changeover.changeover import (
    SUPERSEDED,
    Changeover,
    Confirm,
    Drop,
    Effect,
    PutInForce,
    Retire,
    Shadow,
    Start,
    Swap,
    SwapBack,
    TakeBack,
)
from roost_shared.messages import ErrorInfo

BAD = ErrorInfo("install.slow", "too slow")


def at(phase: str, version: int = 2) -> Changeover:
    """A changeover from version 1 that has come to a phase."""
    changeover = Changeover(in_force=1)
    if phase == "idle":
        return changeover
    changeover.staged(version, replaces_all=True)
    if phase != "starting":
        changeover.started(shadows=phase == "shadowing")
    if phase in ("watching", "confirming"):
        changeover.is_in_force(version)
    if phase == "confirming":
        changeover.enough()
    if phase == "returning":
        changeover = at("watching")
        changeover.bad(BAD)
    assert changeover.phase == phase
    return changeover


def codes(effects: list[Effect]) -> list[str]:
    return [one.error.code for one in effects if isinstance(one, TakeBack)]


def test_a_version_scores_beside_the_old_one_before_it_is_in_force() -> None:
    changeover = at("starting")
    assert changeover.started(shadows=True) == [Shadow(2)]
    assert changeover.answering == 1
    assert changeover.enough() == [PutInForce(2)]
    assert changeover.answering == 1
    assert changeover.is_in_force(2) == [Swap(2)]
    assert (changeover.in_force, changeover.answering) == (2, 2)


@pytest.mark.parametrize("phase", ["starting", "shadowing", "committing"])
def test_what_does_not_work_never_answers(phase: str) -> None:
    changeover = at(phase)
    assert changeover.bad(BAD) == [TakeBack(2, BAD), Drop(2)]
    assert (changeover.in_force, changeover.answering) == (1, 1)
    assert changeover.taken_back(2, 1) == []
    assert changeover.phase == "idle"


def test_what_turns_out_bad_goes_at_once_and_the_installer_hears_of_it() -> None:
    changeover = at("watching")
    assert changeover.bad(BAD) == [SwapBack(2), TakeBack(2, BAD), Drop(2)]
    assert (changeover.in_force, changeover.answering) == (2, 1)  # durable only when the installer says so
    changeover.taken_back(2, 1)
    assert (changeover.in_force, changeover.answering) == (1, 1)


@pytest.mark.parametrize("phase", ["idle", "confirming", "returning"])
def test_evidence_changes_nothing_where_nothing_is_judged(phase: str) -> None:
    changeover = at(phase)
    assert changeover.bad(BAD) == []
    assert changeover.enough() == []
    assert changeover.phase == phase


@pytest.mark.parametrize("phase", ["starting", "shadowing", "watching"])
def test_a_newer_version_ends_the_trial_of_an_older_one(phase: str) -> None:
    changeover = at(phase)
    effects = changeover.staged(3, replaces_all=True)
    assert codes(effects) == [SUPERSEDED]
    assert changeover.answering == 1
    assert changeover.taken_back(2, 1) == [Start(3)]


def test_a_newer_version_waits_while_nobody_else_answers_what_the_older_one_does() -> None:
    changeover = Changeover(in_force=1)
    changeover.staged(2, replaces_all=False)
    changeover.started(shadows=False)
    changeover.is_in_force(2)
    assert changeover.staged(3, replaces_all=True) == []
    assert changeover.answering == 2
    changeover.enough()
    assert changeover.confirmed(2) == [Retire(2), Start(3)]


def test_a_version_that_comes_into_force_after_a_newer_one_was_staged_never_answers() -> None:
    changeover = at("committing")
    assert codes(changeover.staged(3, replaces_all=True)) == [SUPERSEDED]
    assert changeover.is_in_force(2) == []
    assert changeover.answering == 1
    assert changeover.taken_back(2, 1) == [Start(3)]


def test_what_a_damaged_disk_has_forgotten_is_noted_again_and_not_tried_again() -> None:
    changeover = Changeover(in_force=2)
    assert changeover.staged(2, replaces_all=True) == [PutInForce(2)]
    assert changeover.is_in_force(2) == [Confirm(2)]
    assert changeover.confirmed(2) == []
    assert (changeover.phase, changeover.answering) == ("idle", 2)


def test_an_installer_that_has_forgotten_a_version_does_not_keep_its_trial_open() -> None:
    changeover = at("confirming")
    changeover.refused(2, ErrorInfo("install.not_staged", "another is in force"))
    assert (changeover.phase, changeover.answering) == ("idle", 2)


def test_a_refusal_that_crossed_the_word_that_it_is_taken_back_is_no_answer_to_that() -> None:
    changeover = at("returning")
    assert changeover.refused(2, ErrorInfo("install.not_staged", "a newer one has been believed")) == [
        TakeBack(2, BAD)
    ]
    assert changeover.phase == "returning"
    changeover.taken_back(2, 1)
    assert changeover.taken_back(2, 1) == []


def test_what_is_staged_again_is_passed_over() -> None:
    changeover = at("shadowing")
    assert changeover.staged(2, replaces_all=True) == []
    assert changeover.staged(1, replaces_all=True) == []
    assert changeover.phase == "shadowing"


def test_of_those_that_wait_only_the_newest_is_tried() -> None:
    changeover = at("returning")
    changeover.staged(3, replaces_all=True)
    changeover.staged(4, replaces_all=True)
    assert changeover.taken_back(2, 1) == [Start(4)]


@pytest.mark.parametrize(
    ("phase", "again"),
    [
        ("committing", [PutInForce(2)]),
        ("confirming", [Confirm(2)]),
        ("returning", [TakeBack(2, BAD)]),
        ("idle", []),
        ("shadowing", []),
        ("watching", []),
    ],
)
def test_another_installer_is_told_what_the_one_before_did_not_acknowledge(phase: str, again: list[Effect]) -> None:
    assert at(phase).installer_ready() == again


def test_an_installer_that_will_not_have_a_version_in_force_ends_its_trial() -> None:
    changeover = at("committing")
    error = ErrorInfo("install.not_staged", "a newer one has been believed")
    assert changeover.refused(2, error) == [TakeBack(2, error), Drop(2)]
    assert changeover.refused(7, error) == []


def test_a_start_amid_a_watch_watches_on_and_can_still_return() -> None:
    changeover = Changeover(2, 1, confirmed=False)
    assert (changeover.phase, changeover.answering) == ("watching", 2)
    assert changeover.bad(BAD) == [SwapBack(2), TakeBack(2, BAD), Drop(2)]
    assert changeover.answering == 1


def test_acknowledgements_of_another_version_are_passed_over() -> None:
    for phase in ("committing", "confirming", "returning"):
        changeover = at(phase)
        assert changeover.is_in_force(9) + changeover.confirmed(9) + changeover.taken_back(9, 0) == []
        assert changeover.phase == phase
