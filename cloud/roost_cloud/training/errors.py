"""Why a job cannot be done."""

from roost_shared.errors import ContentError

__all__ = ["TrainingError"]


class TrainingError(ContentError):
    """A training job cannot be done, and trying again would not help."""

    code = "training.impossible"
