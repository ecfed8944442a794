"""What a camera sees through dirt is the same picture, blurred and with little contrast."""

import io

import numpy as np
import pytest
from PIL import Image

from scripts.roost_demo.dirty_lens import through_dirt
from scripts.roost_demo.pictures import Picture


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA"])
def test_dirt_takes_contrast_and_edges_and_leaves_size_and_label(mode: str) -> None:
    pixels = np.zeros((20, 30), np.uint8)
    pixels[:, 15:] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "PNG")
    seen = through_dirt(Picture(file.getvalue(), "edge"))
    assert seen.label == "edge"
    with Image.open(io.BytesIO(seen.payload)) as image:
        assert image.size == (30, 20)
        dirty = np.asarray(image.convert("L"), float)
    assert dirty.std() < 0.85 * pixels.std()
    assert np.abs(np.diff(dirty)).max() < 0.5 * 255
