"""Which trainers are installed: entry points of the group `roost.trainers`."""

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from roost_cloud.training.errors import TrainingError
from roost_cloud.training.trainer import Trainer

__all__ = ["GROUP", "find_trainer", "trainer_names"]

GROUP: Final = "roost.trainers"


def trainer_names() -> list[str]:
    """Names of all that are installed, in alphabetical order; none of them is loaded."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def find_trainer(name: str) -> Trainer:
    """Load a trainer.

    Raises:
        TrainingError: there is none of that name, it lacks a package, or it is none.
    """
    points = entry_points(group=GROUP, name=name)
    if not points:
        raise TrainingError(f"no trainer is called {name!r}; there are: {', '.join(trainer_names()) or 'none'}")
    return _load(next(iter(points)))


def _load(point: EntryPoint) -> Trainer:
    try:
        trainer = point.load()()
    except ImportError as error:
        raise TrainingError(f"the trainer {point.name} cannot be loaded: {error}") from error
    if not callable(getattr(trainer, "train", None)) or not isinstance(getattr(trainer, "version", None), str):
        raise TrainingError(f"{point.value} is no trainer: it has no `train` or no `version`")
    found: Trainer = trainer
    return found
