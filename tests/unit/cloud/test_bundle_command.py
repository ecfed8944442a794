import json
import sys
from pathlib import Path

import pytest

from roost_cloud.__main__ import main
from tests.support.tiny_bundle import COLOURS, colour_model


def _roost(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int | str | None:
    """Run the command line in this process; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["roost", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return _build(tmp_path, monkeypatch)


def _build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "model.tflite").write_bytes(colour_model())
    (tmp_path / "labels.txt").write_text("\n".join(COLOURS) + "\n\n")
    out = tmp_path / "bundles" / "colours-1"
    status = _roost(
        monkeypatch, "bundle", "build", tmp_path / "model.tflite", "--name", "colours", "--version", "1",
        "--labels", tmp_path / "labels.txt", "--out", out,
    )  # fmt: skip
    assert status == 0
    return out


def test_build_says_what_it_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built = _build(tmp_path, monkeypatch)
    said = capsys.readouterr().out
    assert "0…255" in said
    assert "colours:1@sha256:" in said
    assert built.is_dir()


def test_inspect_shows_it_to_people(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert _roost(monkeypatch, "bundle", "inspect", built) == 0
    said = capsys.readouterr().out
    for expected in ("colours:1", "float32 1×4×4×3", "RGB image, stretch to 4×4", "red, green, blue"):
        assert expected in said


def test_inspect_shows_it_to_programs(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert _roost(monkeypatch, "bundle", "inspect", built, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["labels"] == COLOURS
    assert document["digest"].startswith("sha256:")


def test_verify_passes_a_healthy_bundle(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _roost(monkeypatch, "bundle", "verify", built) == 0
    assert "3 golden vectors agree" in capsys.readouterr().out


def test_verify_fails_in_one_line_with_the_code(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blob = max((built / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    capsys.readouterr()
    assert _roost(monkeypatch, "bundle", "verify", built) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("roost: ")
    assert said.err.endswith("[bundle.altered_blob]\n")
    assert said.err.count("\n") == 1


def test_a_blank_label_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.tflite").write_bytes(colour_model())
    (tmp_path / "labels.txt").write_text("red\n\nblue\n")
    status = _roost(
        monkeypatch, "bundle", "build", tmp_path / "model.tflite", "--name", "c", "--version", "1",
        "--labels", tmp_path / "labels.txt", "--out", tmp_path / "b",
    )  # fmt: skip
    assert status == 1
    assert "line 2 is blank" in capsys.readouterr().err


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _roost(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("roost 0.")
