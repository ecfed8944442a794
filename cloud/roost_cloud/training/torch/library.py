"""Torch, loaded when it is used: it is large, and an extra."""

from importlib import import_module
from typing import Any

from roost_cloud.training.errors import TrainingError

__all__ = ["load_torch"]


def load_torch(threads: int = 1) -> Any:
    """The module `torch`, made to compute the same each time.

    Args:
        threads: that it may use; with another number, sums may round otherwise.

    Raises:
        TrainingError: it is not installed.
    """
    try:
        torch = import_module("torch")
    except ImportError as error:
        raise TrainingError(f"PyTorch is not installed: pip install 'roost[train-torch]' ({error})") from error
    torch.use_deterministic_algorithms(mode=True)
    torch.set_num_threads(threads)
    return torch
