"""A job's labelled pictures as a network sees them: prepared as the incumbent's bundle says, channels first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.errors import TrainingError
from roost_cloud.training.head.drift_reference import drift_reference
from roost_cloud.training.head.objective import shares
from roost_cloud.training.job import TrainingExample, TrainingJob, input_of
from roost_cloud.training.progress import Progress
from roost_cloud.training.torch.network import Picture
from roost_shared.bundle.examples import Example
from roost_shared.bundle.layout import Bundle
from roost_shared.bundle.manifest import ImagePayload, TensorSpec, phi_name
from roost_shared.errors import InputError
from roost_shared.limits import InputLimits
from roost_shared.payload import open_payload
from roost_shared.phi.choice import ChosenPhi, choose_phi
from roost_shared.preprocess import Preprocessor

__all__ = ["Album", "read_album"]

_FULL_PART: Final = 200  # labelled pictures of the new world, from which on it is half of what is learnt
_MOST_UNREAD: Final = 0.5


@dataclass(frozen=True)
class Album:
    """Labelled pictures.

    Attributes:
        picture: their size.
        tensor: what a network takes, channels last.
        scale: by which the tensor's values become `pictures`, at most about 1.
        pictures: (pictures, channels, height, width) float32.
        truth: (pictures,), the index of each one's label.
        share: (pictures,), of what is learnt; of all together 1.
        is_new: (pictures,), of the new world.
        parts: (pictures,), `train` or `validation`.
        readable: by path, with their labels.
        chosen_phi: what is measured of them; None: nothing.
    """

    picture: Picture
    tensor: TensorSpec
    scale: float
    pictures: NDArray[np.float32]
    truth: NDArray[np.intp]
    share: NDArray[np.float64]
    is_new: NDArray[np.bool_]
    parts: NDArray[np.str_]
    readable: Sequence[Example]
    chosen_phi: ChosenPhi | None

    def tensors(self, chosen: NDArray[Any]) -> NDArray[np.float32]:
        """Those chosen as the network's input takes them, (pictures, height, width, channels)."""
        return np.ascontiguousarray(self.pictures[chosen].transpose(0, 2, 3, 1) / np.float32(self.scale))

    def drift_reference(self) -> dict[str, Any] | None:
        """What those of the new world look like."""
        if self.chosen_phi is None:
            return None
        rows = (np.array(self.chosen_phi.measure.measure(one[np.newaxis])) for one in self.tensors(self.is_new))
        return drift_reference(self.chosen_phi, rows)


def read_album(job: TrainingJob, incumbent: Bundle, folder: Path, progress: Progress) -> Album:
    """Prepare a job's labelled pictures.

    Raises:
        TrainingError: the incumbent is no classifier of pictures alone, or the pictures cannot be read.
        TrainingCancelledError: the run was cancelled.
    """
    tensor = _tensor(incumbent)
    prepare = Preprocessor(incumbent.config.preprocessing, (tensor,))
    labelled = [example for example in job.examples if example.label is not None]
    kept, rows = _read(labelled, prepare, folder, progress)
    if not kept or len(kept) < _MOST_UNREAD * len(labelled):
        raise TrainingError(f"only {len(kept)} of {len(labelled)} labelled inputs are pictures that can be read")
    pictures = np.stack(rows).transpose(0, 3, 1, 2)
    scale = 1 / max(float(np.abs(pictures).max()), 1e-6)
    truth = np.array([job.labels.index(str(example.label)) for example in kept], np.intp)
    is_new = np.array([example.world == "new" for example in kept], bool)
    _, height, width, channels = tensor.shape
    return Album(
        picture=Picture(height, width, channels),
        tensor=tensor,
        scale=scale,
        pictures=np.ascontiguousarray(pictures * np.float32(scale)),
        truth=truth,
        share=_share(np.array([example.weight for example in kept]), is_new, truth),
        is_new=is_new,
        parts=np.array([example.part for example in kept]),
        readable=[Example(str(example.label), input_of(folder, example.sha256)) for example in kept],
        chosen_phi=_phi(incumbent, tensor),
    )


def _tensor(incumbent: Bundle) -> TensorSpec:
    config, payload = incumbent.config, incumbent.config.preprocessing.payload
    if config.output.kind != "classification" or not isinstance(payload, ImagePayload):
        raise TrainingError(f"{incumbent.reference} is no classifier of pictures: this trainer makes no other")
    if config.preprocessing.injected:
        raise TrainingError(f"{incumbent.reference} takes external state, which the inputs of a dataset do not carry")
    channels = 1 if payload.colour == "L" else 3
    return TensorSpec(name=payload.input, dtype="float32", shape=(1, payload.height, payload.width, channels))


def _read(
    examples: Sequence[TrainingExample], prepare: Preprocessor, folder: Path, progress: Progress
) -> tuple[list[TrainingExample], list[NDArray[np.float32]]]:
    kept, rows = [], []
    for number, example in enumerate(examples):
        progress.step(number, len(examples), "reading pictures")
        try:
            payload = input_of(folder, example.sha256).read_bytes()
            opened = open_payload(payload, content_type=example.media_type or None, limits=InputLimits())
            rows.append(prepare(opened, {})[0][0])
            kept.append(example)
        except OSError as error:
            raise TrainingError(f"the input {example.sha256} cannot be read: {error}") from error
        except InputError as error:
            progress.log(f"{example.sha256}: {error}")
    return kept, rows


def _share(weight: NDArray[np.float64], is_new: NDArray[np.bool_], truth: NDArray[np.intp]) -> NDArray[np.float64]:
    """Half for the new world, if there is enough of it; else less, but no less than it is of all pictures."""
    share = shares(weight, is_new, truth)
    new = int(is_new.sum())
    if new and new < len(is_new):
        part = max(new / len(is_new), min(new / _FULL_PART, 1) / 2)
        share = share * np.where(is_new, 2 * part, 2 * (1 - part))
    return share


def _phi(incumbent: Bundle, tensor: TensorSpec) -> ChosenPhi | None:
    """φ as devices will measure it of the candidate; not of its base, which is not there yet."""
    if phi_name(incumbent.config) not in ("image", "tensor"):
        return None
    first = incumbent.config.stages[0]
    stage = msgspec.structs.replace(first, format="tflite", inputs=(tensor,))
    return choose_phi(msgspec.structs.replace(incumbent.config, stages=(stage,)), "tflite")
