"""Build a bundle from model files: infer, try on examples, make golden vectors, write.

```python
built = build_bundle(
    {"model": tflite_bytes}, Path("bundles/digits-1"), name="digits", version="1", labels=list("0123456789")
)
```
The files are loaded by the runtime that will run them; what it cannot load or run cannot become a bundle. The same
arguments give the same digest.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from roost_shared.bundle.examples import Example, evenly
from roost_shared.bundle.golden import GoldenVector, encode_golden, golden_output
from roost_shared.bundle.infer import PIXEL_RANGES, Inferred, Span, infer, with_pixel_range
from roost_shared.bundle.layout import Bundle, digest_of
from roost_shared.bundle.manifest import (
    ArrayPayload,
    BundleConfig,
    BundleDraft,
    Evaluation,
    GoldenSpec,
    ImagePayload,
    StageName,
    check_config,
)
from roost_shared.bundle.spec import BuildSpec
from roost_shared.bundle.stage_files import load_stages
from roost_shared.bundle.synthetic import png_bytes, synthetic_array, synthetic_image, synthetic_state
from roost_shared.bundle.writer import write_bundle
from roost_shared.errors import ConfigError
from roost_shared.payload import load_pixels, open_payload
from roost_shared.pipeline import Chain
from roost_shared.runtimes import Model

__all__ = ["Built", "build_bundle"]

_GOLDEN_VECTORS: Final = 3
_GOLDEN_TOLERANCE: Final = 0.02  # of the output's span: kernels of other processors may round otherwise
_TRIALS: Final = 200  # examples on which ranges of pixel values are compared


@dataclass(frozen=True)
class Built:
    """A bundle, and what its builder should know: what was inferred, guessed and measured, a line each."""

    bundle: Bundle
    notes: tuple[str, ...]


def build_bundle(
    models: Mapping[StageName, bytes | Path],
    out: Path,
    *,
    name: str,
    version: str,
    labels: Sequence[str] = (),
    task: str | None = None,
    spec: BuildSpec | None = None,
    examples: Sequence[Example] = (),
    dataset: str = "examples",
) -> Built:
    """Build a bundle.

    Args:
        models: `.tflite` files or their bytes by stage, in the order they run: `model`, or `base` and `head`.
        out: the folder to write; its parent must exist.
        name: of the bundle.
        version: of the bundle.
        labels: in the order of the outputs; empty if it is no classifier.
        task: the question it answers; the bundle's name if not given.
        spec: what the builder knows better than the files.
        examples: labelled payloads to try it on; up to three of them travel in the bundle as golden vectors.
        dataset: what the examples are called.

    Raises:
        ModelLoadError, ModelRunError, BadOutputError: a file cannot be loaded or run here.
        LabelCountError: labels and outputs differ in number.
        ConfigError: the spec, or a name, is not what a bundle can carry.
        InputError: an example cannot be read.
        BundleExistsError: another bundle lies at `out`.
    """
    spec = spec or BuildSpec()
    with tempfile.TemporaryDirectory(prefix="roost-build-") as folder:
        files, loaded = load_stages(models, Path(folder))
        inferred = infer(files, name=name, version=version, task=task or name, labels=labels)
        draft = _complete(inferred, spec)
        trial = _Trial(loaded, examples if draft.output.kind == "classification" else ())
        notes = list(inferred.notes)
        if inferred.range_guessed and not _says_range(spec) and isinstance(draft.preprocessing.payload, ImagePayload):
            draft, note = _best_range(draft, trial)
            notes.append(note)
        evaluation = trial.evaluate(draft, dataset)
        if evaluation is not None:
            draft = msgspec.structs.replace(draft, evaluation=evaluation)
            notes.append(f"accuracy {evaluation.accuracy:.1%} on {evaluation.samples} {dataset}")
        vectors = _golden_vectors(draft, trial.chain(draft), examples)
    golden = encode_golden(vectors)
    config = _with_golden(draft, golden, vectors, spec.tolerance)
    return Built(write_bundle(out, config, [*(file.data for file in files), golden]), tuple(notes))


def _complete(inferred: Inferred, spec: BuildSpec) -> BundleDraft:
    draft = spec.apply(inferred.draft)
    problem = check_config(draft)
    if problem:
        raise ConfigError(where=spec.where, key="", problem=problem, remedy="Say otherwise in the spec")
    return draft


def _says_range(spec: BuildSpec) -> bool:
    payload = ("preprocessing", "payload")
    return spec.sets(*payload, "scale") or spec.sets(*payload, "offset")


class _Trial:
    """The loaded stages and the examples to try drafts on."""

    def __init__(self, models: Sequence[Model], examples: Sequence[Example]) -> None:
        self._models = models
        self.examples = examples

    def chain(self, draft: BundleDraft) -> Chain:
        return Chain(draft, draft.stages, self._models)

    def accuracy(self, draft: BundleDraft, examples: Sequence[Example]) -> float:
        chain = self.chain(draft)
        hits = sum(chain.score(example.path.read_bytes()).label == example.label for example in examples)
        return hits / len(examples)

    def evaluate(self, draft: BundleDraft, dataset: str) -> Evaluation | None:
        if not self.examples:
            return None
        accuracy = self.accuracy(draft, self.examples)
        return Evaluation(dataset=dataset, samples=len(self.examples), accuracy=round(accuracy, 4))


def _best_range(draft: BundleDraft, trial: _Trial) -> tuple[BundleDraft, str]:
    """The draft with the range of pixel values that reads the examples best; without any, as it is."""
    if not trial.examples:
        return (
            draft,
            "pixels are fed as 0…255: the file does not say otherwise, and there are no examples to try 0…1 and -1…1",
        )
    sample = evenly(trial.examples, _TRIALS)
    drafts = {span: _with_range(draft, span) for span in PIXEL_RANGES}
    accuracies = {span: trial.accuracy(candidate, sample) for span, candidate in drafts.items()}
    best = max(PIXEL_RANGES, key=lambda span: accuracies[span])
    tried = ", ".join(f"{low:g}…{high:g} {accuracies[low, high]:.1%}" for low, high in PIXEL_RANGES)
    return drafts[best], f"pixels are scaled to {best[0]:g}…{best[1]:g}, best of: {tried} on {len(sample)} examples"


def _with_range(draft: BundleDraft, span: Span) -> BundleDraft:
    payload = draft.preprocessing.payload
    assert isinstance(payload, ImagePayload)  # noqa: S101 - the caller asked; tells mypy
    preprocessing = msgspec.structs.replace(draft.preprocessing, payload=with_pixel_range(payload, span))
    return msgspec.structs.replace(draft, preprocessing=preprocessing)


# --- golden vectors --------------------------------------------------------------------------------------------


def _golden_vectors(draft: BundleDraft, chain: Chain, examples: Sequence[Example]) -> list[GoldenVector]:
    inputs = draft.stages[0].inputs
    inject = {
        draft.preprocessing.injected[tensor.name]: synthetic_state(tensor)
        for tensor in inputs
        if tensor.name in draft.preprocessing.injected
    }
    vectors = []
    for payload in _golden_payloads(draft, examples):
        outputs = tuple(golden_output(values) for values in chain.outputs(payload, inject=inject))
        vectors.append(GoldenVector(payload=payload, inject=inject, outputs=outputs))
    return vectors


def _golden_payloads(draft: BundleDraft, examples: Sequence[Example]) -> list[bytes]:
    spec = draft.preprocessing.payload
    if examples:
        return [_lossless(example, spec) for example in evenly(examples, _GOLDEN_VECTORS)]
    if isinstance(spec, ImagePayload):
        return [synthetic_image(spec, number) for number in range(_GOLDEN_VECTORS)]
    tensor = next(tensor for tensor in draft.stages[0].inputs if tensor.name == spec.input)
    return [synthetic_array(spec, tensor, number) for number in range(_GOLDEN_VECTORS)]


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


def _with_golden(
    draft: BundleDraft, golden: bytes, vectors: Sequence[GoldenVector], tolerance: float | None
) -> BundleConfig:
    spec = GoldenSpec(
        digest=digest_of(golden),
        size_bytes=len(golden),
        vectors=len(vectors),
        tolerance=tolerance or _tolerance(draft, vectors),
    )
    return BundleConfig(golden=spec, **{field: getattr(draft, field) for field in draft.__struct_fields__})


def _tolerance(draft: BundleDraft, vectors: Sequence[GoldenVector]) -> float:
    """A small part of what the outputs span, but at least two steps of their quantisation."""
    values = np.concatenate([np.frombuffer(output.values, "<f4") for vector in vectors for output in vector.outputs])
    steps = [tensor.quantization.scale for tensor in draft.stages[-1].outputs if tensor.quantization is not None]
    span = max(float(np.abs(values).max()), 1e-6)
    return round(max([_GOLDEN_TOLERANCE * span, *(2 * step for step in steps)]), 9)
