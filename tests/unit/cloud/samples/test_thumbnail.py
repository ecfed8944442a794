import io

import numpy as np
import pytest
from PIL import Image

from roost_cloud.samples.thumbnail import NoThumbnailError, make_thumbnail
from tests.support.stocked import PICTURE, picture


def thumbnail(payload: bytes, content_type: str | None = "image/png") -> Image.Image:
    with Image.open(io.BytesIO(make_thumbnail(payload, content_type=content_type, name="cam/1"))) as shown:
        shown.load()
        assert shown.format == "JPEG"
        return shown


@pytest.mark.parametrize(
    ("payload", "size"),
    [
        pytest.param(picture((3200, 2000), kind="JPEG"), (160, 100), id="JPEG"),
        pytest.param(picture((200, 3000)), (11, 160), id="PNG"),
        pytest.param(picture((16, 8), kind="BMP"), (16, 8), id="a small one stays as it is"),
        pytest.param(picture((320, 320), kind="WEBP"), (160, 160), id="WebP"),
        pytest.param(picture((320, 320), mode="RGBA"), (160, 160), id="RGBA"),
        pytest.param(picture((320, 320), mode="LA"), (160, 160), id="LA"),
        pytest.param(picture((320, 320), mode="P"), (160, 160), id="palette"),
        pytest.param(picture((320, 320), mode="1", level=1), (160, 160), id="black and white"),
        pytest.param(picture((320, 320), kind="JPEG", mode="CMYK"), (160, 160), id="CMYK"),
        pytest.param(picture((5000, 1)), (160, 1), id="a line"),
    ],
)
def test_a_picture_is_shown_small(payload: bytes, size: tuple[int, int]) -> None:
    assert thumbnail(payload).size == size


def test_16_bit_greys_are_scaled() -> None:
    made = io.BytesIO()
    Image.fromarray(np.full((320, 320), 99 << 8, np.uint16)).save(made, "PNG")
    assert thumbnail(made.getvalue()).getpixel((10, 10)) == pytest.approx(99, abs=3)


@pytest.mark.parametrize(
    ("payload", "content_type"),
    [
        pytest.param(b"[1, 2, 3]", "application/json", id="an array"),
        pytest.param(b"no picture", "image/png", id="called a picture"),
        pytest.param(PICTURE[:200], "image/png", id="cut short"),
        pytest.param(picture((6000, 6000), mode="1", level=1), "image/png", id="too many pixels"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(16 << 20), "image/png", id="too many bytes"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_there_is_none_of_what_is_no_picture(payload: bytes, content_type: str | None) -> None:
    with pytest.raises(NoThumbnailError):
        thumbnail(payload, content_type)
