"""Why a job cannot be done."""

from roost_shared.errors import ContentError

__all__ = ["OutOfMemoryError", "TrainingError"]


class TrainingError(ContentError):
    """A training job cannot be done, and trying again would not help."""

    code = "training.impossible"


class OutOfMemoryError(TrainingError):
    """It needs more memory than it may have."""

    code = "training.out_of_memory"
