"""`roost gate explain` and `roost bundle show` against a served cloud: from an answer's bundle back, and on again."""

import json
import sys
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from roost_cloud.__main__ import main
from roost_cloud.db.tables import TrainingAlarm, TrainingRun
from roost_shared.bundle import Bundle
from tests.support.registry import RegistryApi
from tests.support.served_cloud import ServedCloud, bundle_like
from tests.support.stocked import stock_run, stock_verdict

SNAPSHOT = "sha256:" + 64 * "5"


def roost(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["roost", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


@pytest.fixture
def successor(served_cloud: ServedCloud, argmax: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """Version 2 of a bundle, in the registry with version 1, of which it was made."""
    monkeypatch.setenv("ROOST_URL", served_cloud.url)
    monkeypatch.setenv("ROOST_TOKEN", served_cloud.token())
    made = bundle_like(argmax, tmp_path / "two", version="2", model=b"another", parent=argmax.digest)
    for bundle in (argmax, made):
        RegistryApi(served_cloud).stock(bundle)
    return made


@pytest.fixture
def run(served_cloud: ServedCloud, successor: Bundle) -> str:
    """A run that made version 2 of version 1, for an alarm's sake."""
    services, task = served_cloud.services, successor.config.task
    made = stock_run(services, "acme", task, "argmax:1")
    stock_verdict(services, "acme", made, "argmax", "2")
    with services.database.begin() as session:
        _complete(session, made)
    return made


def _complete(session: Session, run: str) -> None:
    session.get_one(TrainingRun, ("acme", run)).snapshot = SNAPSHOT
    session.add(TrainingAlarm(tenant="acme", alarm="0123456789abcdef", run=run))


def test_a_verdict_is_explained_by_its_run_and_by_its_bundle(
    run: str, successor: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for what in (run, "argmax:2", successor.reference):
        assert roost(monkeypatch, "gate", "explain", what) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] == told[2]
    assert f"of run {run}: passed, beside argmax:1, by 20 inputs of the changed world" in told[0]
    assert all(word in told[0] for word in ("better", "passed", "0.01", "0.05", "9 won, 1 lost"))
    assert roost(monkeypatch, "gate", "explain", run, "--json") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["run"], verdict["passed"], verdict["candidate_digest"]) == (run, True, successor.digest)
    assert verdict["reasons"][0]["figure"] == 0.01


def test_from_a_bundle_back_to_run_data_and_alarm_and_on_again(
    run: str,
    argmax: Bundle,
    successor: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert roost(monkeypatch, "bundle", "show", successor.reference, "--json") == 0
    lineage = json.loads(capsys.readouterr().out)["lineage"]
    origin = lineage["origin"]
    assert (lineage["parent_digest"], lineage["training_run"]) == (argmax.digest, run)
    assert (origin["run"], origin["snapshot"], origin["alarms"]) == (run, SNAPSHOT, ["0123456789abcdef"])
    assert (origin["trainer"], origin["cause"]) == ("head", "schedule")
    assert roost(monkeypatch, "bundle", "show", "argmax:1", "--json") == 0
    older = json.loads(capsys.readouterr().out)["lineage"]
    assert [(one["name"], one["version"]) for one in older["children"]] == [("argmax", "2")]
    assert [one["run"] for one in older["runs"]] == [run]
    assert older["origin"] is None
    assert roost(monkeypatch, "bundle", "show", "argmax:2") == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in (run, SNAPSHOT, "0123456789abcdef", "argmax:1", "head"))


@pytest.mark.usefixtures("successor")
def test_what_was_not_trained_here_has_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for what in ("argmax:1", "argmax@stable", "argmax:9", 16 * "0"):
        assert roost(monkeypatch, "gate", "explain", what) == 1
        assert "not_found" in capsys.readouterr().err


def test_another_digest_behind_a_version_is_not_that_version(
    argmax: Bundle, successor: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = f"argmax:2@{argmax.digest}"
    assert successor.digest != argmax.digest
    assert roost(monkeypatch, "bundle", "show", mixed) == 1
    assert mixed in capsys.readouterr().err


def test_a_bundle_that_only_says_it_came_of_a_run_did_not(
    served_cloud: ServedCloud,
    run: str,
    successor: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    forged = bundle_like(successor, tmp_path / "forged", version="3", model=b"worse", training_run=run)
    RegistryApi(served_cloud).stock(forged)
    assert roost(monkeypatch, "bundle", "show", "argmax:3", "--json") == 0
    assert json.loads(capsys.readouterr().out)["lineage"]["origin"] is None
    assert roost(monkeypatch, "bundle", "show", "argmax:3") == 0
    assert f"{run}, as it says itself" in capsys.readouterr().out
    assert roost(monkeypatch, "gate", "explain", "argmax:3") == 1
