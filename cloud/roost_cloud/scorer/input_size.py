"""Whether a picture may be shrunk before it is sent, and to what. Pure."""

from roost_shared.bundle.manifest import ImagePayload, Preprocessing
from roost_shared.questions import InputSize

__all__ = ["input_size"]


def input_size(preprocessing: Preprocessing) -> InputSize | None:
    """The picture that a bundle's preprocessing makes first of all, where that is no more than a plain resize.

    Sent so, and without loss, it passes through the preprocessing unchanged. Not so where it looks at what a smaller
    picture no longer tells: its proportions (`crop`, `letterbox`), its EXIF block, or what JPEG holds of it (`draft`).
    """
    payload = preprocessing.payload
    if not isinstance(payload, ImagePayload) or payload.fit != "stretch" or payload.orient or payload.draft:
        return None
    return InputSize(
        width=payload.width,
        height=payload.height,
        colour="L" if payload.colour == "L" else "RGB",
        resample=payload.resample,
    )
