"""Pages, each a module that puts itself on the map when it is loaded; what is not here has no entry in the menu."""

import importlib
from typing import Final

__all__ = ["load_pages"]

_PAGES: Final = (
    "fleet",
    "device",
    "tasks",
    "task",
    "rollouts",
    "rollout_new",
    "rollout",
    "alarms",
    "alarm",
    "drift",
    "drift_device",
    "labelling",
    "answer",
    "answers",
    "models",
    "model",
    "version",
    "compare",
    "dataset",
    "runs",
    "run",
)


def load_pages() -> None:
    """Load all."""
    for name in _PAGES:
        importlib.import_module(f"{__name__}.{name}")
