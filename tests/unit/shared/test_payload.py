import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from roost_shared.errors import InputError
from roost_shared.limits import InputLimits
from roost_shared.payload import load_pixels, open_payload


def _image(kind: str, size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    random = np.random.default_rng(3)
    file = io.BytesIO()
    pixels = random.integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return file.getvalue()


def _npy(array: Any, *, allow_pickle: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def _png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\1\0IDAT"
    )


def _webp_header(width: int, height: int) -> bytes:
    data = _image("WEBP", (8, 8))
    return data[:26] + struct.pack("<HH", width, height) + data[30:]


def _jpeg_header(width: int, height: int) -> bytes:
    data = _image("JPEG")
    frame = data.index(b"\xff\xc0")
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP"])
@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "image/png"])
def test_images_are_told_by_their_first_bytes(kind: str, content_type: str | None) -> None:
    image = open_payload(memoryview(_image(kind)), content_type=content_type)
    assert isinstance(image, Image.Image)
    load_pixels(image)
    assert image.size == (40, 30)


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_is_read_in_either_order(order: Any) -> None:
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    opened = open_payload(_npy(np.asarray(array, order=order)))
    np.testing.assert_array_equal(opened, array)


@pytest.mark.parametrize(("text", "shape"), [(b" [[1, 2.5], [3, 4]]", (2, 2)), (b"7", ()), (b"[-1]", (1,))])
def test_json_needs_no_content_type(text: bytes, shape: tuple[int, ...]) -> None:
    opened = open_payload(text)
    assert isinstance(opened, np.ndarray)
    assert opened.shape == shape


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        pytest.param(b"", "input.empty", id="empty"),
        pytest.param(b"\0" * 2048, "input.too_large", id="larger than the limit"),
        pytest.param(b"GIF89a....", "input.unknown_type", id="GIF"),
        pytest.param(b"hello", "input.unknown_type", id="text"),
        pytest.param(_image("JPEG")[:600], "input.truncated", id="truncated JPEG"),
        pytest.param(_image("PNG", (16, 12))[:300], "input.truncated", id="truncated PNG"),
        pytest.param(_image("BMP", (16, 12))[:300], "input.truncated", id="truncated BMP"),
        pytest.param(b"BM" + bytes(60), "input.bad_image", id="not really BMP"),
        pytest.param(_png_header(50_000, 50_000), "input.too_many_pixels", id="vast PNG"),
        pytest.param(_webp_header(16_383, 16_383), "input.too_many_pixels", id="vast WebP"),
        pytest.param(_jpeg_header(50_000, 50_000)[:1000], "input.too_many_pixels", id="vast JPEG"),
        pytest.param(_npy(np.array([{}, None]), allow_pickle=True), "input.object_array", id="objects"),
        pytest.param(_npy(np.array(["a"])), "input.bad_array", id="text array"),
        pytest.param(_npy(np.zeros(4))[:-1], "input.truncated", id="truncated npy"),
        pytest.param(_npy(np.array([1.0, np.inf])), "input.not_finite", id="infinite npy"),
        pytest.param(_npy(np.zeros((0, 3))), "input.bad_array", id="npy of nothing"),
        pytest.param(b"\x93NUMPY\x01\x00\xff", "input.bad_array", id="npy header cut"),
        pytest.param(_npy(np.zeros(3)).replace(b"(3,)", b"((3,"), "input.bad_array", id="npy header open"),
        pytest.param(b"[1, NaN]", "input.bad_json", id="JSON NaN"),
        pytest.param(b'["a"]', "input.bad_json", id="JSON text"),
        pytest.param(b"[[1], [2, 3]]", "input.bad_json", id="ragged"),
        pytest.param(b"[1, null]", "input.bad_json", id="JSON null"),
        pytest.param(b'{"a": 1}', "input.bad_json", id="JSON object"),
        pytest.param(b"[]", "input.bad_json", id="empty JSON"),
        pytest.param(b"[" * 900, "input.bad_json", id="JSON too deep"),
        pytest.param(b'["\xff"]', "input.bad_json", id="JSON of bad UTF-8"),
    ],
)
def test_bad_payloads_say_what_is_wrong(payload: bytes, code: str) -> None:
    with pytest.raises(InputError) as caught:
        _decode(payload)
    assert caught.value.code == code


def test_a_long_text_among_numbers_takes_no_more_room_than_itself() -> None:
    with pytest.raises(InputError) as caught:  # as long as the text, each of the numbers would take 320 GB with it
        open_payload(b'[%b"%b"]' % (b"1," * 10_000, b"x" * 8_000_000), limits=InputLimits())
    assert caught.value.code == "input.bad_json"


def _decode(payload: bytes) -> None:
    opened = open_payload(payload, limits=InputLimits(payload_bytes=2000))
    if isinstance(opened, Image.Image):
        load_pixels(opened)


def test_an_object_array_is_never_unpickled() -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("unpickled",))

    with pytest.raises(InputError, match="never unpickled"):
        open_payload(_npy(np.array([Trap()], dtype=object), allow_pickle=True))
