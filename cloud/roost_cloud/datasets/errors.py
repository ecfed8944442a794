"""Why there is no dataset."""

from collections.abc import Sequence
from typing import Final

from roost_shared.errors import ContentError

__all__ = ["InputsGoneError", "NoLabelsError", "SnapshotDamagedError", "TooFewLabelsError"]

_SHOWN: Final = 5


class TooFewLabelsError(ContentError):
    """Too little is labelled to make a model by and judge it.

    Args:
        task: of which.
        needed: samples that people labelled.
        have: of these, whose inputs are here.
    """

    code = "dataset.too_few_labels"

    def __init__(self, task: str, needed: int, have: int) -> None:
        super().__init__(
            f"task {task} needs {needed} samples of the changed world that people labelled, and has {have}"
        )
        self.needed = needed
        self.have = have


class InputsGoneError(ContentError):
    """Inputs of a snapshot are no more: they expired, or their bundle was deleted.

    Args:
        samples: of which.
    """

    code = "dataset.inputs_gone"

    def __init__(self, samples: Sequence[str]) -> None:
        more = f" and {len(samples) - _SHOWN} more" if len(samples) > _SHOWN else ""
        super().__init__(
            f"inputs of the snapshot are gone: {', '.join(samples[:_SHOWN])}{more}; make another snapshot"
        )
        self.samples = list(samples)


class SnapshotDamagedError(ContentError):
    """What is kept under a snapshot's digest, or an input's, is something else."""

    code = "dataset.damaged"


class NoLabelsError(ContentError):
    """The incumbent gives numbers, and no labels."""

    code = "dataset.no_labels"
