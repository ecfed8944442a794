"""Making a bundle's golden vectors: payloads whose outputs hardly depend on how a machine rounds.

A quantised network on the brink of a decision gives quite another output if one kernel in its middle rounds otherwise,
and kernels do: those made for a processor, the plain ones, those of an older runtime. Such a payload would prove
nothing but which kernels ran, so of several the most settled become golden vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roost_shared.bundle.examples import Example, evenly
from roost_shared.bundle.golden import GoldenVector, encode_golden, golden_output
from roost_shared.bundle.manifest import ArrayPayload, BundleConfig, BundleDraft, GoldenSpec, ImagePayload
from roost_shared.bundle.synthetic import png_bytes, synthetic_array, synthetic_image, synthetic_state
from roost_shared.digest import digest_of
from roost_shared.payload import load_pixels, open_payload
from roost_shared.pipeline import Chain

__all__ = ["MadeGolden", "make_golden"]

_VECTORS: Final = 3
_CANDIDATES: Final = 9
_TOLERANCE: Final = 0.02  # of the output's span
_ROUNDING: Final = 2.0  # kernels we have not seen may deviate that many times as far as those we have


@dataclass(frozen=True)
class MadeGolden:
    """Golden vectors.

    Attributes:
        vectors: in the order they will be checked.
        data: the same as one blob.
        deviation: the largest between two kinds of kernels, in output units.
    """

    vectors: tuple[GoldenVector, ...]
    data: bytes
    deviation: float

    def completed(self, draft: BundleDraft, tolerance: float | None) -> BundleConfig:
        """The bundle's document; `tolerance` is the builder's own, in output units, or None."""
        spec = GoldenSpec(
            digest=digest_of(self.data),
            size_bytes=len(self.data),
            vectors=len(self.vectors),
            tolerance=tolerance or self._tolerance(draft),
        )
        return BundleConfig(golden=spec, **{field: getattr(draft, field) for field in draft.__struct_fields__})

    def _tolerance(self, draft: BundleDraft) -> float:
        """A small part of what the outputs span, but at least two steps of their quantisation and what was seen."""
        values = np.concatenate(
            [np.frombuffer(out.values, "<f4") for vector in self.vectors for out in vector.outputs]
        )
        outputs = draft.stages_in(draft.stages[0].format)[-1].outputs
        steps = [tensor.quantization.scale for tensor in outputs if tensor.quantization is not None]
        span = max(float(np.abs(values).max()), 1e-6)
        return round(max([_TOLERANCE * span, _ROUNDING * self.deviation, *(2 * step for step in steps)]), 9)


def make_golden(draft: BundleDraft, chain: Chain, plain: Chain, examples: Sequence[Example]) -> MadeGolden:
    """Make the golden vectors of a bundle.

    Args:
        draft: its document so far.
        chain: its stages, loaded as machines will run them.
        plain: the same with plain kernels.
        examples: payloads to choose from; without any, made-up ones.

    Raises:
        InputError: an example cannot be read.
        ModelRunError, BadOutputError: the model cannot be run.
    """
    inject = {
        draft.preprocessing.injected[tensor.name]: synthetic_state(tensor)
        for tensor in draft.stages[0].inputs
        if tensor.name in draft.preprocessing.injected
    }
    tried: list[tuple[float, GoldenVector]] = []
    for payload in _payloads(draft, examples):
        outputs = chain.outputs(payload, inject=inject)
        deviation = _deviation(outputs, plain.outputs(payload, inject=inject))
        kept = tuple(golden_output(values) for values in outputs)
        tried.append((deviation, GoldenVector(payload=payload, inject=inject, outputs=kept)))
    settled = sorted(tried, key=lambda one: one[0])[:_VECTORS]
    vectors = tuple(vector for _, vector in settled)
    return MadeGolden(vectors, encode_golden(vectors), max(deviation for deviation, _ in settled))


def _deviation(first: Sequence[NDArray[Any]], second: Sequence[NDArray[Any]]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))


def _payloads(draft: BundleDraft, examples: Sequence[Example]) -> list[bytes]:
    spec = draft.preprocessing.payload
    if examples:
        return [_lossless(example, spec) for example in evenly(examples, _CANDIDATES)]
    if isinstance(spec, ImagePayload):
        return [synthetic_image(spec, number) for number in range(_CANDIDATES)]
    tensor = next(tensor for tensor in draft.stages[0].inputs if tensor.name == spec.input)
    return [synthetic_array(spec, tensor, number) for number in range(_CANDIDATES)]


def _lossless(example: Example, spec: ImagePayload | ArrayPayload) -> bytes:
    """The example as a payload that every decoder opens alike; a large image shrunk to twice the model's size."""
    payload = example.path.read_bytes()
    opened: Any = open_payload(payload)
    if isinstance(spec, ArrayPayload) or isinstance(opened, np.ndarray):
        return payload
    load_pixels(opened)
    image = opened if opened.mode in ("L", "RGB") else opened.convert("RGB")
    image.thumbnail((2 * spec.width, 2 * spec.height))
    return png_bytes(image)
