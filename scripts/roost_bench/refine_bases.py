"""Bases of the bench `refine`: small networks trained on the known families, each as a bundle, kept on the disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.torch.converting import convert
from roost_cloud.training.torch.fitting import fit_network, logits_of
from roost_cloud.training.torch.network import Picture, make_network
from roost_cloud.training.torch.settings import TorchSettings
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.manifest import StageName
from roost_shared.bundle.spec import BuildSpec
from roost_shared.bundle.temperature import TemperatureError, fit_temperature
from scripts.roost_bench.refine_world import LABELS, PAYLOAD, TENSOR, Old, World, divide_old

__all__ = ["BaseModel", "Silent", "fine_tune", "train_base"]

Floats = NDArray[np.float64]

_SETTINGS: Final = TorchSettings()
_TUNING: Final = msgspec.structs.replace(_SETTINGS, learning_rate=3e-4, weight_decay=0.0)
_TUNING_STEPS: Final = 120
_PICTURE: Final = Picture(32, 20, 3)


class Silent:
    """A progress that nobody listens to."""

    def step(self, done: int, total: int, what: str) -> None:
        """Pass."""

    def metric(self, name: str, value: float) -> None:
        """Pass."""

    def log(self, text: str) -> None:
        """Pass."""


@dataclass(frozen=True)
class BaseModel:
    """A trained network.

    Attributes:
        bundle: its folder.
        weights: torch's file of its weights.
        old: what it was trained on, and what not.
        seed: by which it was trained.
    """

    bundle: Path
    weights: Path
    old: Old
    seed: int


def train_base(torch: Any, world: World, seed: int, folder: Path) -> BaseModel:
    """Train a network, or find it on the disk.

    Args:
        torch: the library.
        world: all photos.
        seed: of what is drawn.
        folder: where it is kept.
    """
    found = BaseModel(folder / f"base-{seed}", folder / f"base-{seed}.pt", divide_old(world, seed), seed)
    if found.bundle.exists() and found.weights.exists():
        return found
    torch.manual_seed(seed)
    network = make_network(torch, _PICTURE, len(LABELS), _SETTINGS)
    learnt = found.old.learnt
    share = np.full(len(learnt), 1 / len(learnt))
    fit_network(torch, network, world.pictures[learnt], world.truth[learnt], share, _SETTINGS, Silent(), seed=seed)
    torch.save([part.state_dict() for part in network], found.weights)
    files = convert(network, TENSOR.shape, TENSOR.name, 1.0)
    stages = {cast("StageName", name): data for name, data in files.items()}
    held = found.old.held
    logits = logits_of(torch, network, world.pictures[held])
    temperature = _temperature(logits, world.truth[held])
    document = {
        "preprocessing": {"payload": msgspec.to_builtins(PAYLOAD)},
        "confidence": {"kind": "softmax", "temperature": temperature},
    }
    spec = BuildSpec(document=document)
    build_bundle(stages, found.bundle, name="meter", version=str(seed), labels=LABELS, spec=spec)
    return found


def fine_tune(torch: Any, base: BaseModel, world: World, labelled: NDArray[np.intp], seed: int) -> Floats:
    """Train all of a base's network further, on its reference and the labelled photos, half and half.

    Returns:
        The logits of all photos.
    """
    network = make_network(torch, _PICTURE, len(LABELS), _TUNING)
    for part, state in zip(network, torch.load(base.weights, weights_only=True), strict=True):
        part.load_state_dict(state)
    places = np.concatenate([base.old.reference, labelled])
    share = np.concatenate([np.full(len(part), 0.5 / len(part)) for part in (base.old.reference, labelled)])
    epochs = max(round(_TUNING_STEPS * _TUNING.batch / len(places)), 1)
    settings = msgspec.structs.replace(_TUNING, epochs=epochs)
    fit_network(
        torch,
        network,
        world.pictures[places],
        world.truth[places],
        share,
        settings,
        Silent(),
        seed=seed,
        keep_statistics=True,
    )
    return logits_of(torch, network, world.pictures)


def _temperature(logits: Floats, truth: NDArray[np.intp]) -> float:
    try:
        return fit_temperature(logits, truth)
    except TemperatureError:  # all are read right
        return 1.0
