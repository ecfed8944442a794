"""What a bundle's document must say, as far as the model files tell.

Pure: files' facts and labels in, a draft and notes for the builder out. What the files cannot tell is guessed as most
models have it, and said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from roost_shared.bundle.manifest import (
    ArrayPayload,
    BundleDraft,
    Confidence,
    ImagePayload,
    LabelAgreement,
    NoConfidence,
    OutputKind,
    OutputSpec,
    Preprocessing,
    RuntimeNeeds,
    SoftmaxConfidence,
    Stage,
    StageFormat,
    StageName,
    TensorSpec,
    ToleranceAgreement,
)
from roost_shared.digest import digest_of
from roost_shared.errors import ContentError
from roost_shared.model_facts import ModelFacts, Span
from roost_shared.preprocess import is_channels_first
from roost_shared.runtimes import runtimes_of

__all__ = ["PIXEL_RANGES", "Inferred", "LabelCountError", "ModelFile", "infer", "with_pixel_range"]

PIXEL_RANGES: Final[tuple[Span, ...]] = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0))
_IMAGE_DIMENSIONS: Final = 4
_BYTE: Final = 255
_AGREEMENT: Final = 0.05  # in output units, until someone says better


class LabelCountError(ContentError):
    """There are more or fewer labels than the model has outputs."""

    code = "bundle.labels"


@dataclass(frozen=True)
class ModelFile:
    """A stage's file, with what the runtime and its schema tell of it."""

    name: StageName
    format: StageFormat
    data: bytes
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    facts: ModelFacts

    @property
    def stage(self) -> Stage:
        """The stage as a bundle's document names it."""
        return Stage(
            name=self.name,
            format=self.format,
            digest=digest_of(self.data),
            size_bytes=len(self.data),
            inputs=self.inputs,
            outputs=self.outputs,
        )


@dataclass(frozen=True)
class Inferred:
    """A draft, what to tell its builder, and whether the range of real pixel values was a guess, left to tell."""

    draft: BundleDraft
    notes: tuple[str, ...]
    range_guessed: bool


def infer(
    files: Sequence[ModelFile],
    *,
    twins: Sequence[ModelFile] = (),
    name: str,
    version: str,
    task: str,
    labels: Sequence[str],
) -> Inferred:
    """Draft the document of a bundle of these files, in the order they run.

    Args:
        files: one `model`, or `base` and `head`.
        twins: the same network in another format, if there is one.
        name: of the bundle.
        version: of the bundle.
        task: the question it answers.
        labels: in the order of the outputs; empty if it is no classifier.

    Raises:
        LabelCountError: labels and outputs differ in number.
    """
    first, last = files[0], files[-1]
    kind = _output_kind(last.outputs[0], labels)
    preprocessing, notes, range_guessed = _preprocessing(first)
    confidence: Confidence = SoftmaxConfidence() if kind == "classification" else NoConfidence()
    draft = BundleDraft(
        name=name,
        version=version,
        task=task,
        stages=tuple(file.stage for file in (*files, *twins)),
        preprocessing=preprocessing,
        labels=tuple(labels),
        output=OutputSpec(kind=kind, values="probabilities" if _probabilities(last) else "logits"),
        confidence=confidence,
        agreement=LabelAgreement() if kind == "classification" else ToleranceAgreement(_AGREEMENT),
        runtime=_needs(files, twins),
    )
    if kind != "classification":
        notes.append(f"no labels, so the output is {_article(kind)}; it agrees with another within {_AGREEMENT}")
    return Inferred(draft, tuple(notes), range_guessed)


def with_pixel_range(payload: ImagePayload, span: Span) -> ImagePayload:
    """The same preprocessing with pixels 0…255 mapped onto `span`."""
    low, high = span
    return msgspec.structs.replace(payload, scale=((high - low) / _BYTE,), offset=(low,))


def _needs(*formats: Sequence[ModelFile]) -> RuntimeNeeds:
    """Any runtime of any format will do; a machine runs one of them, and needs the memory of that."""
    return RuntimeNeeds(
        runtimes=tuple(name for files in formats if files for name in runtimes_of(files[0].format)),
        ram_bytes=max(sum(file.facts.ram_bytes for file in files) for files in formats),
    )


def _output_kind(output: TensorSpec, labels: Sequence[str]) -> OutputKind:
    if labels:
        if len(labels) != output.elements:
            raise LabelCountError(
                f"{len(labels)} labels for the {output.elements} outputs of tensor {output.name!r}; "
                "the file of labels names one a line, in the order of the outputs"
            )
        return "classification"
    return "regression" if output.elements == 1 else "embedding"


def _article(kind: OutputKind) -> str:
    return "an embedding" if kind == "embedding" else f"a {kind}"


def _probabilities(file: ModelFile) -> bool:
    """Whether the first output is one: the graph says so, or it is stored as only probabilities are."""
    quantization = file.outputs[0].quantization
    in_256ths = quantization is not None and quantization.scale == 1 / 256 and file.outputs[0].dtype == "uint8"
    return file.facts.gives_probabilities[0] or in_256ths


def _preprocessing(file: ModelFile) -> tuple[Preprocessing, list[str], bool]:
    payload, known_range = next(
        (
            (tensor, span)
            for tensor, span in zip(file.inputs, file.facts.input_ranges, strict=True)
            if _is_image(tensor) or len(file.inputs) == 1
        ),
        (file.inputs[0], file.facts.input_ranges[0]),
    )
    injected = {tensor.name: tensor.name for tensor in file.inputs if tensor != payload}
    notes = [f"input {name!r} is fed from the external state of the same name" for name in injected]
    if not _is_image(payload):
        return Preprocessing(payload=ArrayPayload(input=payload.name), injected=injected), notes, False
    span, note = _pixel_span(payload, known_range)
    _, height, width, channels = payload.shape
    if is_channels_first(payload):
        _, channels, height, width = payload.shape
    image = ImagePayload(input=payload.name, width=width, height=height, colour="L" if channels == 1 else "RGB")
    notes.extend(note)
    return Preprocessing(payload=with_pixel_range(image, span), injected=injected), notes, known_range is None


def _is_image(tensor: TensorSpec) -> bool:
    return len(tensor.shape) == _IMAGE_DIMENSIONS and (tensor.shape[3] in (1, 3) or is_channels_first(tensor))


def _pixel_span(tensor: TensorSpec, known_range: Span | None) -> tuple[Span, list[str]]:
    """The real values that pixels 0…255 shall become, and why if the file tells."""
    if known_range is not None and tensor.dtype != "float32":
        return known_range, [f"pixels fill the integer input, {_text(known_range)}"]
    if known_range is not None:
        # Calibration sees only some images, so the file's range may fall a little short of the intended one.
        span = min(PIXEL_RANGES, key=lambda span: float(np.abs(np.subtract(span, known_range)).sum()))
        return span, [f"pixels are scaled to {_text(span)}: the file quantises its input from {_text(known_range)}"]
    return PIXEL_RANGES[0], []


def _text(span: Span) -> str:
    return f"{span[0]:g}…{span[1]:g}"
