"""Which φ a bundle has: as its document says, else by what its payload is."""

import zlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from numpy.typing import NDArray

from roost_shared.bundle.manifest import BundleDraft, ImagePayload, StageFormat, phi_name
from roost_shared.phi.embedding import EmbeddingPhi
from roost_shared.phi.image import ImagePhi
from roost_shared.phi.kinds import EMBEDDING, IMAGE, TENSOR, PhiKind
from roost_shared.phi.tensor import TensorPhi

__all__ = ["ChosenPhi", "Measure", "choose_phi"]

_KINDS: Final = {kind.name: kind for kind in (IMAGE, TENSOR, EMBEDDING)}


class Measure(Protocol):
    """Measures one tensor."""

    def measure(self, stored: NDArray[Any]) -> list[float]:
        """The statistics of a tensor as stored."""
        ...


class ChosenPhi(NamedTuple):
    """A bundle's φ.

    Attributes:
        kind: what is measured.
        source: tells φ whose values may be compared from others, 32 bits: equal for bundles that prepare inputs alike,
            and, for an embedding, have the same base.
        place: which of the first stage's inputs, or of the base's outputs, is measured.
        of_base: the base's output is measured, and not an input.
    """

    kind: PhiKind
    source: int
    place: int
    of_base: bool
    measure: Measure

    def of(self, prepared: Sequence[NDArray[Any]], features: Sequence[NDArray[Any]]) -> list[float]:
        """φ of one input.

        Args:
            prepared: the first stage's input tensors.
            features: what the base made of them.
        """
        return self.measure.measure((features if self.of_base else prepared)[self.place])


def choose_phi(config: BundleDraft, stage_format: StageFormat) -> ChosenPhi | None:
    """The φ of a bundle, as its stages in this format take and give tensors; None if it has none."""
    name = phi_name(config)
    if name == "none":
        return None
    kind, first = _KINDS[name], config.stages_in(stage_format)[0]
    payload = config.preprocessing.payload
    if kind is EMBEDDING:
        return ChosenPhi(kind, _digest(first.digest, config.preprocessing), 0, True, EmbeddingPhi(first.outputs[0]))
    place, tensor = next((n, tensor) for n, tensor in enumerate(first.inputs) if tensor.name == payload.input)
    if kind is IMAGE and isinstance(payload, ImagePayload):
        seen = msgspec.structs.replace(payload, input="", scale=(1.0,), offset=(0.0,))
        return ChosenPhi(kind, _digest(seen), place, False, ImagePhi(payload, tensor))
    return ChosenPhi(
        kind, _digest(msgspec.structs.replace(payload, input=""), tensor.shape), place, False, TensorPhi(tensor)
    )


def _digest(*parts: Any) -> int:
    return zlib.crc32(msgspec.json.encode(parts, order="deterministic"))
