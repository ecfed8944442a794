"""`roost bundle push|pull|list|alias|history|delete` against a served cloud."""

import json
import sys
from pathlib import Path

import pytest

from roost_cloud.__main__ import main
from roost_shared.bundle import Bundle, open_bundle
from tests.support.served_cloud import ServedCloud, bundle_like

pytestmark = pytest.mark.one_database


@pytest.fixture
def logged_in(served_cloud: ServedCloud, monkeypatch: pytest.MonkeyPatch) -> ServedCloud:
    monkeypatch.setenv("ROOST_URL", served_cloud.url)
    monkeypatch.setenv("ROOST_TOKEN", served_cloud.token())
    return served_cloud


def roost(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["roost", "bundle", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


@pytest.mark.usefixtures("logged_in")
def test_bundle_goes_to_the_registry_and_comes_back(
    argmax: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = bundle_like(argmax, tmp_path / "newer", version="2+b", model=b"newer")
    assert roost(monkeypatch, "push", argmax.folder, "--alias", "stable") == 0
    assert f"{argmax.reference}: pushed, and is stable now" in capsys.readouterr().out
    assert roost(monkeypatch, "push", argmax.folder) == 0
    assert "was there already" in capsys.readouterr().out
    assert roost(monkeypatch, "push", newer.folder) == 0
    assert roost(monkeypatch, "pull", "argmax@stable", "--out", tmp_path / "out", "--have", newer.folder) == 0
    assert open_bundle(tmp_path / "out").digest == argmax.digest
    assert roost(monkeypatch, "alias", "argmax", "stable", "2+b") == 0
    capsys.readouterr()
    assert roost(monkeypatch, "list", "--json") == 0
    assert [one["name"] for one in json.loads(said(capsys))] == ["argmax"]
    assert roost(monkeypatch, "list", "argmax", "--json") == 0
    assert {one["version"]: one["aliases"] for one in json.loads(said(capsys))} == {"1": [], "2+b": ["stable"]}
    assert roost(monkeypatch, "history", "argmax", "stable", "--json") == 0
    assert [one["to_version"] for one in json.loads(said(capsys))] == ["2+b", "1"]
    assert roost(monkeypatch, "list", "argmax") == 0
    assert "stable" in capsys.readouterr().out
    assert roost(monkeypatch, "delete", "argmax:1") == 0
    assert roost(monkeypatch, "delete", "argmax:2+b") == 1
    assert "bundle.in_use" in capsys.readouterr().err
    assert roost(monkeypatch, "alias", "argmax", "stable", "--delete") == 0
    assert "argmax@stable: deleted" in capsys.readouterr().out
    assert roost(monkeypatch, "history", "argmax", "stable", "--json") == 0
    assert [one["to_version"] for one in json.loads(said(capsys))] == [None, "2+b", "1"]
    assert roost(monkeypatch, "delete", "argmax:2+b") == 0


@pytest.mark.usefixtures("logged_in")
@pytest.mark.parametrize(
    ("arguments", "said_why"),
    [
        (("pull", "../etc:1", "--out", "out"), "roost: bundle.reference: "),
        (("pull", "argmax", "--out", "out"), "roost: bundle.reference: "),
        (("delete", "argmax@stable"), "say which version"),
        (("pull", "argmax@stable", "--out", "out"), "there is no alias 'argmax@stable'"),
        (("pull", "argmax:1", "--out", "out"), "not_found"),
        (("list", "argmax"), "not_found"),
        (("alias", "argmax", "stable", "--delete"), "there is no alias 'argmax@stable'"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_is_not_there_is_said_in_a_line(
    arguments: tuple[str, ...], said_why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert roost(monkeypatch, *arguments) == 1
    error = capsys.readouterr().err
    assert said_why in error
    assert error.count("\n") == 1


@pytest.mark.usefixtures("logged_in")
@pytest.mark.parametrize("more", [(), ("1", "--delete")], ids=["neither", "both"])
def test_an_alias_is_either_moved_or_deleted(
    more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert roost(monkeypatch, "alias", "argmax", "stable", *more) == 2
    assert "--delete" in capsys.readouterr().err


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The JSON on standard output, behind this process's own server's log."""
    out = capsys.readouterr().out
    return out[out.index("[\n") :] if "[\n" in out else out[out.rindex("[]") :]
