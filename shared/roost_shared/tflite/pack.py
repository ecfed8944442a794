"""A model's objects as the bytes of a `.tflite` file; the same objects always give the same bytes."""

from typing import Any, Final

import flatbuffers

__all__ = ["pack_tflite"]

_FILE_ID: Final = b"TFL3"
_BUFFER_ALIGNMENT: Final = 16  # bytes, `force_align` of a buffer's data in the schema


class _Builder(flatbuffers.Builder):  # type: ignore[misc]  # the package is untyped
    """Lays weights on the boundaries that kernels may rely on; the schema's Python code forgets them."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803 - not our names
        return super().StartVector(elemSize, numElems, max(alignment, _BUFFER_ALIGNMENT if elemSize == 1 else 1))


def pack_tflite(model: Any) -> bytes:
    """The file of `model`, a `ModelT` of LiteRT's schema."""
    builder = _Builder(1024)
    builder.Finish(model.Pack(builder), _FILE_ID)
    return bytes(builder.Output())
