"""A fitted network, written as tflite and run as a device runs it, answers as scikit-learn does."""

import io
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from roost_shared.bundle import Bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.spec import BuildSpec
from roost_shared.pipeline import Pipeline
from scripts.roost_demo.contestants import build_cast
from scripts.roost_demo.networks import Recipe, fit_network, image_payload, refit_head
from scripts.roost_demo.pictures import Album, AlbumError, Picture

RECIPE = Recipe(samples=100, hidden=6)
SPEC = BuildSpec(document={"preprocessing": {"payload": msgspec.to_builtins(image_payload(8))}})


def bars(label: str, seed: int) -> Picture:
    """A noisy picture whose bright bar lies where the label says."""
    pixels = np.random.default_rng(seed).integers(0, 60, (8, 8))
    pixels[{"top": 0, "middle": 4, "bottom": 7}[label]] = 255
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return Picture(file.getvalue(), label)


def album(labels: tuple[str, ...], shown: tuple[str, ...]) -> Album:
    pictures = tuple(bars(label, seed) for seed in range(30) for label in shown)
    half = len(pictures) // 2
    return Album("bars", labels, fitting=pictures[:half], streaming=pictures[half:])


def labels_of(bundle: Bundle, pictures: tuple[Picture, ...]) -> list[str | None]:
    pipeline = Pipeline.load(bundle)
    return [pipeline.score(picture.payload).label for picture in pictures]


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        pytest.param(("top", "middle", "bottom"), ("top", "middle", "bottom"), id="all labels shown"),
        pytest.param(("top", "other", "bottom"), ("top", "bottom"), id="one label never shown"),
        pytest.param(("bottom", "top"), ("top", "bottom"), id="two labels"),
    ],
)
def test_every_contestant_reads_what_it_was_fitted_to_read(
    tmp_path: Path, labels: tuple[str, ...], shown: tuple[str, ...]
) -> None:
    pictures = album(labels, shown)
    contestants, successors = build_cast(pictures, tmp_path, None)
    assert [(one.name, one.role) for one in contestants] == [
        ("primary", "answer"),
        ("backup", "answer"),
        ("baseline", "baseline"),
        ("shadow", "shadow"),
        ("cloud", "answer"),
    ]
    for one in contestants:
        assert one.accuracy == 1.0
        assert labels_of(one.bundle, pictures.streaming) == [picture.label for picture in pictures.streaming]
    replacements = (successors.better, successors.tampered, successors.slow)
    assert [one.config.version for one in replacements] == ["6", "7", "8"]
    assert successors.slow_ms > 1, "slower than the others, on any machine"
    shared = {stage.digest for stage in successors.better.config.stages}
    assert shared & {stage.digest for stage in contestants[0].bundle.config.stages}, "a device has its base already"
    assert labels_of(successors.better, pictures.streaming) == [picture.label for picture in pictures.streaming]
    others = {stage.digest for one in contestants for stage in one.bundle.config.stages}
    assert not others & {stage.digest for stage in successors.tampered.config.stages}, "altering it harms nobody else"


def test_the_same_pictures_give_the_same_network() -> None:
    pictures = album(("top", "bottom"), ("top", "bottom"))
    first, second = (fit_network(pictures.fitting, pictures.labels, 8, RECIPE) for _ in range(2))
    assert first.whole() == second.whole()
    assert first.halves() == second.halves()


def test_a_refitted_head_shares_its_network_s_base_and_reads_more(tmp_path: Path) -> None:
    pictures = album(("top", "middle", "bottom"), ("top", "middle", "bottom"))
    narrow = tuple(picture for picture in pictures.fitting if picture.label != "middle")
    first = fit_network(narrow, pictures.labels, 8, RECIPE)
    second = refit_head(first, pictures.fitting, pictures.labels)
    assert first.halves()["base"] == second.halves()["base"]
    whole, halves = (
        build_bundle(
            models, tmp_path / version, name="bars", version=version, labels=pictures.labels, spec=SPEC
        ).bundle
        for version, models in (("whole", second.whole()), ("halves", second.halves()))
    )
    true = [picture.label for picture in pictures.streaming]
    assert labels_of(whole, pictures.streaming) == labels_of(halves, pictures.streaming) == true


def test_pictures_of_one_label_are_refused() -> None:
    pictures = album(("top", "bottom"), ("top",))
    with pytest.raises(AlbumError, match="all of one label"):
        fit_network(pictures.fitting, pictures.labels, 8, RECIPE)
