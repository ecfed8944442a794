"""scripts/newcomer: what it takes along of this machine, and when it says that something was reached."""

from pathlib import Path

import pytest

from scripts.roost_newcomer import machine
from scripts.roost_newcomer.milestones import DEMO, TESTS, milestones, went_well


def test_a_demo_s_milestones_are_its_first_lines_of_each_kind() -> None:
    lines = [
        (0.1, "Setting up .venv for 'demo' (107 pinned packages; a minute or two the first time)"),
        (60.0, "Building the models of 'digits'…"),
        (63.0, "Starting the cloud, a site's broker and four devices…"),
        (70.0, "  cam-01    4  → -       0%  default   default    300.0 ms  LATE"),
        (71.0, "  cam-01    4  → 4    100%  primary   preferred    10.3 ms  in time"),
        (72.0, "  cam-02    4  → 4    100%  primary   preferred    10.3 ms  in time"),
        (170.0, "Its rollout finished after 29.9 s and 27 labels where the two disagreed"),
    ]
    reached = {"set up": 60.0, "models made": 63.0, "first answer": 71.0, "whole loop": 170.0}
    assert milestones(lines, DEMO) == reached
    assert milestones(lines[:2], DEMO) == {"set up": 60.0}


def test_tests_begin_and_end_as_pytest_says() -> None:
    lines = [
        (1.0, "============================= test session starts =============================="),
        (400.0, "================= 6404 passed, 20 skipped in 399.00s (0:06:39) ================="),
    ]
    assert milestones(lines, TESTS) == {"first test": 1.0, "tests ended": 400.0}


def test_a_demo_that_ends_without_its_loop_did_not_go_well() -> None:
    reached = dict.fromkeys(DEMO, 1.0)
    assert went_well(0, reached, DEMO)
    assert not went_well(1, reached, DEMO)
    assert not went_well(0, {name: reached[name] for name in DEMO if name != "whole loop"}, DEMO)


def test_of_the_environment_only_what_reaches_packages_goes_along() -> None:
    ours = {"PIP_FIND_LINKS": "/wheels", "HTTPS_PROXY": "p", "no_proxy": "h", "SSL_CERT_FILE": "/c"}
    others = {"PATH": "/bin", "PYTHONPATH": "/x", "ROOST_TOKEN": "secret", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert machine.settings_for(ours | others) == ours


def test_folders_that_pip_s_settings_name_are_seen_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, wheels = tmp_path / "index" / "simple", tmp_path / "wheels"
    index.mkdir(parents=True)
    wheels.mkdir()
    monkeypatch.setattr(machine, "_EVERYBODYS", ())
    monkeypatch.setattr(machine, "_OWN", Path("none"))
    settings = {"PIP_EXTRA_INDEX_URL": f"https://host.invalid/simple file://{index}", "PIP_FIND_LINKS": str(wheels)}
    folders = set(machine.folders_beside(settings))
    assert folders == {index.parent, wheels}, "an index's files lie beside its pages"
