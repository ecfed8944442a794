"""What sketches refuse."""

from roost_shared.errors import ContentError

__all__ = ["SketchError", "UnlikeSketchesError", "UnmeasurableError"]


class SketchError(ContentError):
    """Bytes are no sketch of this kind: cut, changed on the way, or of another version."""

    code = "sketch.unreadable"


class UnlikeSketchesError(ContentError):
    """Two sketches cannot be merged: they count different things."""

    code = "sketch.unlike"


class UnmeasurableError(ContentError):
    """A measured vector is not finite, too large, or of another size than its sketch takes."""

    code = "sketch.unmeasurable"
