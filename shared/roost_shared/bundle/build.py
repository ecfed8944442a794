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
from typing import Final

import msgspec

from roost_shared.bundle.examples import Example, evenly
from roost_shared.bundle.golden import GoldenMismatchError, GoldenVector
from roost_shared.bundle.golden_making import make_golden
from roost_shared.bundle.infer import PIXEL_RANGES, Inferred, ModelFile, infer, with_pixel_range
from roost_shared.bundle.layout import Bundle
from roost_shared.bundle.manifest import (
    BundleConfig,
    BundleDraft,
    Evaluation,
    ImagePayload,
    StageName,
    check_config,
)
from roost_shared.bundle.reference import ReferenceSample, encode_reference
from roost_shared.bundle.spec import BuildSpec
from roost_shared.bundle.stage_files import load_stages
from roost_shared.bundle.writer import write_bundle
from roost_shared.errors import ConfigError, ContentError
from roost_shared.model_facts import Span
from roost_shared.pipeline import Chain
from roost_shared.runtimes import Model

__all__ = ["Built", "TwinError", "build_bundle"]

_TRIALS: Final = 200  # examples on which ranges of pixel values are compared


class TwinError(ContentError):
    """Two formats of a bundle are not the same network."""

    code = "bundle.twin"


@dataclass(frozen=True)
class Built:
    """A bundle, and what its builder should know: what was inferred, guessed and measured, a line each."""

    bundle: Bundle
    notes: tuple[str, ...]


def build_bundle(  # noqa: PLR0913 - all that a bundle is made of
    models: Mapping[StageName, bytes | Path],
    out: Path,
    *,
    onnx: Mapping[StageName, bytes | Path] | None = None,
    name: str,
    version: str,
    labels: Sequence[str] = (),
    task: str | None = None,
    spec: BuildSpec | None = None,
    examples: Sequence[Example] = (),
    dataset: str = "examples",
    reference: Sequence[ReferenceSample] = (),
) -> Built:
    """Build a bundle.

    Args:
        models: `.tflite` files or their bytes by stage, in the order they run: `model`, or `base` and `head`.
        out: the folder to write; its parent must exist.
        onnx: the same network as `.onnx` files, or the only one, if `models` is empty.
        name: of the bundle.
        version: of the bundle.
        labels: in the order of the outputs; empty if it is no classifier.
        task: the question it answers; the bundle's name if not given.
        spec: what the builder knows better than the files.
        examples: labelled payloads to try it on; up to three of them travel in the bundle as golden vectors.
        dataset: what the examples are called.
        reference: labelled inputs that travel in the bundle, to train its successors with and to judge them by.

    Raises:
        ModelLoadError, ModelRunError, BadOutputError: a file cannot be loaded or run here.
        ExternalDataError: an `.onnx` file keeps its weights in others, which the bundle would lack.
        TwinError: the `.onnx` files are not the same network.
        LabelCountError: labels and outputs differ in number.
        ConfigError: the spec, or a name, is not what a bundle can carry.
        InputError: an example cannot be read.
        ReferenceSetError: the reference set is too large.
        BundleExistsError: another bundle lies at `out`.
    """
    spec = spec or BuildSpec()
    with tempfile.TemporaryDirectory(prefix="roost-build-") as folder:
        loader = _Loader(Path(folder), models, onnx or {})
        inferred = infer(
            loader.files, twins=loader.twins, name=name, version=version, task=task or name, labels=labels
        )
        draft = _complete(inferred, spec)
        trial = _Trial(loader.models, examples if draft.output.kind == "classification" else ())
        notes = [*loader.notes, *inferred.notes]
        if inferred.range_guessed and not _says_range(spec) and isinstance(draft.preprocessing.payload, ImagePayload):
            draft, note = _best_range(draft, trial)
            notes.append(note)
        evaluation = None if spec.sets("evaluation") else trial.evaluate(draft, dataset)
        if evaluation is not None:
            draft = msgspec.structs.replace(draft, evaluation=evaluation)
            notes.append(f"accuracy {evaluation.accuracy:.1%} on {evaluation.samples} {dataset}")
        draft, reference_set = _with_reference(draft, reference)
        golden = make_golden(draft, trial.chain(draft), loader.chain_of_plain_kernels(draft), examples)
        config = golden.completed(draft, spec.tolerance)
        loader.check_twins(config, golden.vectors)
    blobs = [*(file.data for file in (*loader.files, *loader.twins)), golden.data, *reference_set]
    return Built(write_bundle(out, config, blobs), tuple(notes))


class _Loader:
    """The files in each format they come in, loaded.

    Args:
        folder: where bytes become files; it must stay as long as this.
        tflite: by stage, as given to `build_bundle`.
        onnx: by stage, as given to `build_bundle`.

    Attributes:
        notes: what was done to the files, for their builder.
    """

    def __init__(
        self, folder: Path, tflite: Mapping[StageName, bytes | Path], onnx: Mapping[StageName, bytes | Path]
    ) -> None:
        self._folder = folder
        self._tflite = tflite
        self.notes: list[str] = []
        self.files, self.models = load_stages(tflite or onnx, folder, "tflite" if tflite else "onnx")
        self.twins, self._twin_models = self._load_twins(onnx) if tflite and onnx else ([], [])

    def _load_twins(self, onnx: Mapping[StageName, bytes | Path]) -> tuple[list[ModelFile], list[Model]]:
        """Load the twins; whoever exports a network to two formats seldom finds its inputs called the same in both."""
        twins, models = load_stages(onnx, self._folder, "onnx")
        wanted, given = ([tensor.name for tensor in files[0].inputs] for files in (self.files, twins))
        if set(wanted) == set(given) or len(wanted) != len(given):
            return twins, models
        from roost_shared.onnx.rename import with_input_names  # noqa: PLC0415 - its library takes a while to load

        self.notes.append(f"the twin's inputs are renamed: {', '.join(given)} to {', '.join(wanted)}")
        first = twins[0]
        return load_stages({**onnx, first.name: with_input_names(first.data, wanted)}, self._folder, "onnx")

    def chain_of_plain_kernels(self, draft: BundleDraft) -> Chain:
        """The stages as runtimes without fast kernels run them; of ONNX there are no others."""
        models = self.models
        if self._tflite:
            apart = self._folder / "plain"  # the files beside are mapped by the models that run them
            apart.mkdir()
            _, models = load_stages(self._tflite, apart, plain_kernels=True)
        return Chain(draft, draft.stages_in(self.files[0].format), models)

    def check_twins(self, config: BundleConfig, vectors: Sequence[GoldenVector]) -> None:
        """See to it that the twins, if there are any, give the golden outputs too.

        Raises:
            TwinError: they do not.
        """
        if not self.twins:
            return
        chain = Chain(config, config.stages_in("onnx"), self._twin_models)
        try:
            chain.check_vectors(vectors, tolerance=config.golden.tolerance)
        except GoldenMismatchError as error:
            remedy = "give the same network, or a wider [golden] tolerance in the spec"
            raise TwinError(f"the ONNX model is no twin of the tflite model: {error}; {remedy}") from error


def _complete(inferred: Inferred, spec: BuildSpec) -> BundleDraft:
    draft = spec.apply(inferred.draft)
    problem = check_config(draft)
    if problem:
        raise ConfigError(where=spec.where, key="", problem=problem, remedy="Say otherwise in the spec")
    return draft


def _with_reference(draft: BundleDraft, samples: Sequence[ReferenceSample]) -> tuple[BundleDraft, list[bytes]]:
    """The draft that names its reference set, and the set's bytes; without samples, as it is."""
    if not samples:
        return draft, []
    reference, data = encode_reference(samples)
    return msgspec.structs.replace(draft, reference=reference), [data]


def _says_range(spec: BuildSpec) -> bool:
    payload = ("preprocessing", "payload")
    return spec.sets(*payload, "scale") or spec.sets(*payload, "offset")


class _Trial:
    """The loaded stages and the examples to try drafts on."""

    def __init__(self, models: Sequence[Model], examples: Sequence[Example]) -> None:
        self._models = models
        self.examples = examples

    def chain(self, draft: BundleDraft) -> Chain:
        return Chain(draft, draft.stages[: len(self._models)], self._models)

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
