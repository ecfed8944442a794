"""Training a network: AdamW on augmented batches, drawn by what part of the loss each picture is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.errors import TrainingError
from roost_cloud.training.progress import Progress
from roost_cloud.training.torch.augmenting import augment
from roost_cloud.training.torch.network import Network
from roost_cloud.training.torch.settings import TorchSettings

__all__ = ["Pictures", "fit_network", "logits_of"]

Pictures = NDArray[np.float32]  # (pictures, channels, height, width), at most about 1

_BATCH = 256  # pictures at once that are only read


def fit_network(
    torch: Any,
    network: Network,
    pictures: Pictures,
    truth: NDArray[np.intp],
    share: NDArray[np.float64],
    settings: TorchSettings,
    progress: Progress,
    *,
    seed: int,
    keep_statistics: bool = False,
) -> None:
    """Train it in place.

    Args:
        torch: the library.
        network: to be trained.
        pictures: to learn from.
        truth: (pictures,), the index of each one's label.
        share: (pictures,), how likely each is drawn; of all together 1.
        settings: what a person said.
        progress: told of each step.
        seed: of what is drawn.
        keep_statistics: of batches as they are: for a network that is trained already, and now on few pictures.

    Raises:
        TrainingError: the loss is not a number.
        TrainingCancelledError: the run was cancelled.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # by which dropout draws
    given, wanted = torch.from_numpy(pictures), torch.from_numpy(truth.astype(np.int64))
    chance = torch.from_numpy(share)
    steps = settings.epochs * -(-len(pictures) // settings.batch)
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps)
    network.train(on=True)
    for module in network.base if keep_statistics else ():
        module.train(not isinstance(module, torch.nn.BatchNorm2d))
    for step in range(steps):
        progress.step(step, steps, "training the network")
        batch = torch.multinomial(chance, settings.batch, replacement=True, generator=generator)
        shown = augment(torch, given[batch], generator, settings.augmentation)
        loss = torch.nn.functional.cross_entropy(network(shown), wanted[batch])
        if not bool(torch.isfinite(loss)):
            raise TrainingError(f"the loss is not a number at step {step}: try a lower learning_rate")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.train(on=False)
    progress.step(steps, steps, "training the network")


def logits_of(torch: Any, network: Network, pictures: Pictures) -> NDArray[np.float64]:
    """(pictures, labels), of a network that is not in training."""
    with torch.no_grad():
        parts = [network(torch.from_numpy(pictures[at : at + _BATCH])) for at in range(0, len(pictures), _BATCH)]
    logits: NDArray[np.float64] = torch.cat(parts).numpy().astype(np.float64)
    return logits
