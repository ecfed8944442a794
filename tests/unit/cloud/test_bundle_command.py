import json
import sys
from pathlib import Path

import numpy as np
import pytest

from roost_cloud.__main__ import main
from roost_shared.bundle import open_bundle
from roost_shared.onnx.dense import write_dense_onnx
from roost_shared.tflite.split import split_tflite
from tests.support.bundles import npy
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


def test_build_takes_an_onnx_file_as_twin_or_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, twin = tmp_path / "model.tflite", tmp_path / "model.onnx"
    model.write_bytes(colour_model())
    twin.write_bytes(colour_model(write=write_dense_onnx))
    options = ["--name", "colours", "--version", "1", "--out"]
    assert _roost(monkeypatch, "bundle", "build", model, "--onnx", twin, *options, tmp_path / "both") == 0
    assert _roost(monkeypatch, "bundle", "build", twin, *options, tmp_path / "alone") == 0
    capsys.readouterr()
    assert _roost(monkeypatch, "bundle", "inspect", tmp_path / "both") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "litert or tflite-runtime or onnxruntime" in said
    assert "runs here by litert, from tflite" in said
    assert _roost(monkeypatch, "bundle", "inspect", tmp_path / "alone") == 0
    assert "runs here by onnxruntime, from onnx" in " ".join(capsys.readouterr().out.split())
    assert _roost(monkeypatch, "bundle", "build", twin, "--onnx", twin, *options, tmp_path / "twice") == 2


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
    assert said.err.startswith("roost: bundle.altered_blob: ")
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


def test_split_gives_a_bundle_to_verify_and_inspect(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = built.parent / "colours-2"
    assert _roost(monkeypatch, "bundle", "split", built, "--out", out, "--version", "2") == 0
    said = capsys.readouterr().out
    assert "embedding flat float32 1×48" in said
    assert "colours:2@sha256:" in said
    assert _roost(monkeypatch, "bundle", "verify", out) == 0
    assert _roost(monkeypatch, "bundle", "inspect", out) == 0
    said = capsys.readouterr().out
    for expected in ("parent", "base ", "head ", "float32 1×48"):
        assert expected in said
    assert _roost(monkeypatch, "bundle", "split", out, "--out", built.parent / "colours-3") == 1
    assert "roost: model.unsplittable: " in capsys.readouterr().err


def test_build_takes_a_base_and_a_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    halves = split_tflite(colour_model())
    (tmp_path / "base.tflite").write_bytes(halves.base)
    (tmp_path / "head.tflite").write_bytes(halves.head)
    (tmp_path / "labels.txt").write_text("\n".join(COLOURS))
    arguments: list[str | Path] = [
        "--name",
        "colours",
        "--version",
        "1",
        "--labels",
        tmp_path / "labels.txt",
        "--out",
        tmp_path / "b",
    ]
    base: list[str | Path] = ["--base", tmp_path / "base.tflite"]
    head: list[str | Path] = ["--head", tmp_path / "head.tflite"]
    assert _roost(monkeypatch, "bundle", "build", *base, *head, *arguments) == 0
    assert _roost(monkeypatch, "bundle", "verify", tmp_path / "b") == 0
    capsys.readouterr()
    for models in ([], base, [tmp_path / "base.tflite", *head]):
        assert _roost(monkeypatch, "bundle", "build", *models, *arguments) == 2
        assert "Give one model file, or both --base and --head" in capsys.readouterr().err


def test_a_model_that_cannot_be_loaded_is_named_as_the_user_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "mine.tflite"
    model.write_bytes(b"no model at all")
    arguments: list[str | Path] = ["--name", "colours", "--version", "1", "--out", tmp_path / "b"]
    assert _roost(monkeypatch, "bundle", "build", model, *arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"roost: model.unloadable: {model}: ")


def test_calibrate_says_what_it_brought(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _grey_examples(built.parent / "examples", count=60)
    capsys.readouterr()
    arguments: list[str | Path] = ["bundle", "calibrate", built, "--examples", built.parent / "examples"]
    assert _roost(monkeypatch, *arguments, "--out", built.parent / "calibrated") == 0
    said = capsys.readouterr().out
    for expected in ("before temperature 1 ", "after  temperature", "60 examples", "colours:1-calibrated@sha256:"):
        assert expected in said
    assert _roost(monkeypatch, "bundle", "verify", built.parent / "calibrated") == 0


def test_calibrate_refuses_a_handful(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _grey_examples(built.parent / "examples", count=12)
    arguments: list[str | Path] = ["bundle", "calibrate", built, "--examples", built.parent / "examples"]
    assert _roost(monkeypatch, *arguments, "--out", built.parent / "calibrated") == 1
    assert "12 examples are too few" in capsys.readouterr().err


def _grey_examples(folder: Path, count: int) -> None:
    """Pictures with one channel brighter than the others, called by another colour every fourth time."""
    for number in range(count):
        pixels = np.full((1, 4, 4, 3), 100, np.float32)
        pixels[..., number % 3] += 64
        label = COLOURS[(number + (number % 4 == 0)) % 3]
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{number}.npy").write_bytes(npy(pixels))


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _roost(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("roost 0.")


def test_a_reference_set_goes_into_the_bundle_and_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.tflite").write_bytes(colour_model())
    (tmp_path / "labels.txt").write_text("\n".join(COLOURS))
    for number, colour in enumerate(COLOURS):
        (tmp_path / "known" / colour).mkdir(parents=True)
        (tmp_path / "known" / colour / "one.npy").write_bytes(npy(np.full((4, 4, 3), number, np.uint8)))
    options: list[str | Path] = ["--name", "colours", "--version", "1", "--labels", tmp_path / "labels.txt"]
    command: list[str | Path] = ["bundle", "build", tmp_path / "model.tflite", *options, "--reference"]
    assert _roost(monkeypatch, *command, tmp_path / "known", "--out", tmp_path / "b") == 0
    bundle = open_bundle(tmp_path / "b")
    assert bundle.config.reference is not None
    assert bundle.reference_set_path is not None
    assert _roost(monkeypatch, *command, bundle.reference_set_path, "--out", tmp_path / "again") == 0
    assert open_bundle(tmp_path / "again").digest == bundle.digest
    capsys.readouterr()
    assert _roost(monkeypatch, "bundle", "inspect", tmp_path / "b") == 0
    assert "3 labelled inputs" in capsys.readouterr().out
