"""Roost's own document of a bundle, `roost.json`: all it takes to run a model and to judge it.

These structs are data only. Unknown fields are ignored, so that a newer builder may add some; `schema_version`
rises when an older reader would misunderstand. `check_config` holds the rules that span fields.
"""

import math
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from roost_shared.bundle.fleet_reference import FleetReference, PhiName, check_reference
from roost_shared.bundle.oci import Digest, Size

__all__ = [
    "CONFIG_SCHEMA_VERSION",
    "ArrayPayload",
    "BundleConfig",
    "BundleDraft",
    "Colour",
    "Confidence",
    "DriftSpec",
    "Evaluation",
    "Fit",
    "GoldenSpec",
    "ImagePayload",
    "LabelAgreement",
    "NoConfidence",
    "OutputKind",
    "OutputSpec",
    "OutputValues",
    "PhiName",
    "Preprocessing",
    "Quantization",
    "ReferenceSpec",
    "Resample",
    "RuntimeNeeds",
    "SoftmaxConfidence",
    "Stage",
    "StageFormat",
    "StageName",
    "TensorConfidence",
    "TensorSpec",
    "ToleranceAgreement",
    "check_config",
    "phi_name",
]

CONFIG_SCHEMA_VERSION: Final = 1

Name = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9._-]{0,62}\Z")]
Version = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,62}\Z")]
Positive = Annotated[float, Meta(gt=0)]

Dtype = Literal["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32"]
StageName = Literal["model", "base", "head"]
StageFormat = Literal["tflite", "onnx"]
OutputKind = Literal["classification", "regression", "embedding"]
OutputValues = Literal["logits", "probabilities"]
Colour = Literal["RGB", "BGR", "L"]
Fit = Literal["stretch", "crop", "letterbox"]
Resample = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


class Quantization(msgspec.Struct, frozen=True):
    """`real = scale * (stored - zero_point)`, one pair for the whole tensor."""

    scale: Positive
    zero_point: int


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stage's input or output; `shape` includes the batch dimension, which is 1."""

    name: str
    dtype: Dtype
    shape: Annotated[tuple[Annotated[int, Meta(ge=1, le=1 << 24)], ...], Meta(max_length=8)]
    quantization: Quantization | None = None

    @property
    def elements(self) -> int:
        """How many values the tensor holds."""
        return math.prod(self.shape)


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A model file. Stages run in the order listed, each fed with the outputs of the one before.

    A stage may be listed in more than one format; each machine runs the one its runtime reads.
    """

    name: StageName
    format: StageFormat
    digest: Digest
    size_bytes: Size
    inputs: Annotated[tuple[TensorSpec, ...], Meta(min_length=1)]
    outputs: Annotated[tuple[TensorSpec, ...], Meta(min_length=1)]


class ImagePayload(msgspec.Struct, frozen=True, kw_only=True, tag="image", tag_field="kind"):
    """The payload is an image: oriented, fitted to `width` × `height`, then `real = pixel * scale + offset`.

    An array payload is taken for the fitted pixels themselves, (height, width, channels), values 0…255.
    """

    input: str  # the tensor it feeds
    width: Annotated[int, Meta(ge=1, le=16_384)]  # pixels
    height: Annotated[int, Meta(ge=1, le=16_384)]  # pixels
    colour: Colour = "RGB"
    fit: Fit = "stretch"
    resample: Resample = "bilinear"
    # One for each channel, or one for all.
    scale: Annotated[tuple[float, ...], Meta(min_length=1, max_length=3)] = (1.0,)
    offset: Annotated[tuple[float, ...], Meta(min_length=1, max_length=3)] = (0.0,)
    pad: Annotated[int, Meta(ge=0, le=255)] = 0  # the letterbox's pixel value
    orient: bool = False  # obey the EXIF orientation
    draft: bool = False  # let JPEG decode at a reduced scale: faster, other pixels


class ArrayPayload(msgspec.Struct, frozen=True, kw_only=True, tag="array", tag_field="kind"):
    """The payload is the tensor itself (`.npy` or JSON), in real units: `real = value * scale + offset`."""

    input: str
    scale: float = 1.0
    offset: float = 0.0


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True):
    """How a payload and external state become the first stage's inputs."""

    payload: ImagePayload | ArrayPayload
    injected: dict[str, str] = {}  # tensor name → name of the external state that feeds it


class OutputSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the last stage's first output means."""

    kind: OutputKind
    values: OutputValues = "probabilities"  # of a classification


class SoftmaxConfidence(msgspec.Struct, frozen=True, tag="softmax", tag_field="kind"):
    """Probability of the best label after division of the logits by a fitted temperature."""

    temperature: Positive = 1.0


class TensorConfidence(msgspec.Struct, frozen=True, tag="tensor", tag_field="kind"):
    """The model computes its confidence itself: the single value of output `index`."""

    index: Annotated[int, Meta(ge=0)]


class NoConfidence(msgspec.Struct, frozen=True, tag="none", tag_field="kind"):
    """The model has none; its scores satisfy only rules without `min_confidence`."""


Confidence = SoftmaxConfidence | TensorConfidence | NoConfidence


class LabelAgreement(msgspec.Struct, frozen=True, tag="label", tag_field="kind"):
    """Two scores agree if their labels are equal."""


class ToleranceAgreement(msgspec.Struct, frozen=True, tag="tolerance", tag_field="kind"):
    """Two scores agree if no value differs by more than `tolerance`, in output units."""

    tolerance: Annotated[float, Meta(ge=0)]


class RuntimeNeeds(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine must have to run the bundle."""

    runtimes: Annotated[tuple[str, ...], Meta(min_length=1)]  # any of these will do, the best first
    architectures: tuple[str, ...] = ()  # as `platform.machine()` names them; empty: any
    ram_bytes: Size  # weights and tensors of all stages, estimated from the files


class GoldenSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Payloads with the outputs they must give on every machine."""

    digest: Digest
    size_bytes: Size
    vectors: Annotated[int, Meta(ge=1)]
    tolerance: Positive  # largest deviation of any output value, in output units


class ReferenceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Labelled inputs that a successor must still read as well (`bundle.reference`); no device fetches them."""

    digest: Digest
    size_bytes: Size
    samples: Annotated[int, Meta(ge=1)]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """How well the bundle did on labelled inputs, preprocessed as the bundle says."""

    dataset: str  # what was measured on, for people
    samples: Annotated[int, Meta(ge=1)]
    accuracy: Annotated[float, Meta(ge=0, le=1)]


class DriftSpec(msgspec.Struct, frozen=True, kw_only=True):
    """By what it is told whether the world still looks as it did (`roost_shared.phi`)."""

    phi: PhiName  # embedding: of what the base stage gives; none: nothing is measured


class BundleDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Roost's document before the golden vectors are made: enough to score, not yet to be trusted."""

    schema_version: int = CONFIG_SCHEMA_VERSION
    name: Name
    version: Version
    task: Name
    stages: Annotated[tuple[Stage, ...], Meta(min_length=1, max_length=8)]
    preprocessing: Preprocessing
    labels: tuple[str, ...] = ()
    output: OutputSpec
    confidence: Confidence
    agreement: LabelAgreement | ToleranceAgreement
    runtime: RuntimeNeeds
    evaluation: Evaluation | None = None
    reference: ReferenceSpec | None = None
    drift: DriftSpec | None = None  # None: by what the payload is
    drift_reference: dict[str, Any] | None = None  # what the inputs that it was made of looked like
    fleet_reference: FleetReference | None = None  # how devices that look well differ
    training_run: str | None = None
    parent: Digest | None = None  # the bundle this one was refined from
    # Share of inputs of which it says something else than its parent, as whoever made it expects; None: nobody said.
    predicted_disagreement: Annotated[float, Meta(ge=0, le=1)] | None = None

    def stages_in(self, stage_format: StageFormat) -> tuple[Stage, ...]:
        """The stages that come in `stage_format`, in the order they run."""
        return tuple(stage for stage in self.stages if stage.format == stage_format)


class BundleConfig(BundleDraft, frozen=True, kw_only=True):
    """Roost's document: all it takes to run a model and to judge it (DESIGN.md, section 7)."""

    golden: GoldenSpec


def phi_name(config: BundleDraft) -> PhiName:
    """Which φ of its inputs is measured: as the document says, else by what the payload is."""
    if config.drift is not None:
        return config.drift.phi
    return "image" if isinstance(config.preprocessing.payload, ImagePayload) else "tensor"


def check_config(config: BundleDraft) -> str | None:
    """The first rule the document breaks, as "field: problem", or None.

    Types, ranges and patterns hold already by decoding; here are the rules that span fields.
    """
    for stage_format in dict.fromkeys(stage.format for stage in config.stages):
        problem = _check_chain(config.stages_in(stage_format)) or _check_ends(config, config.stages_in(stage_format))
        if problem:
            return problem
    return _check_drift(config)


def _check_drift(config: BundleDraft) -> str | None:
    phi = phi_name(config)
    if phi == "image" and not isinstance(config.preprocessing.payload, ImagePayload):
        return "$.drift.phi: is image, but the payload is an array"
    if phi == "embedding" and not any(stage.name == "base" for stage in config.stages):
        return "$.drift.phi: is embedding, but there is no base stage that gives one"
    return None if config.fleet_reference is None else check_reference(config.fleet_reference, phi)


def _check_chain(stages: tuple[Stage, ...]) -> str | None:
    names = [stage.name for stage in stages]
    if names not in (["model"], ["base", "head"], ["base"]):
        return f"$.stages: {stages[0].format} stages are {names}, not ['model'], ['base', 'head'] or ['base']"
    for before, after in pairwise(stages):
        given = [(t.dtype, t.shape, t.quantization) for t in before.outputs]
        taken = [(t.dtype, t.shape, t.quantization) for t in after.inputs[: len(given)]]
        if given != taken:
            return f"$.stages: {after.name} does not take what {before.name} gives"
    return None


def _check_ends(config: BundleDraft, stages: tuple[Stage, ...]) -> str | None:
    fed = {config.preprocessing.payload.input, *config.preprocessing.injected}
    inputs = {tensor.name for tensor in stages[0].inputs}
    if fed != inputs:
        return f"$.preprocessing: feeds {sorted(fed)}, but the model takes {sorted(inputs)}"
    outputs = stages[-1].outputs
    if isinstance(config.confidence, TensorConfidence):
        index = config.confidence.index
        if index >= len(outputs) or outputs[index].elements != 1:
            return f"$.confidence.index: output {index} is not there or holds more than one value"
    if config.output.kind == "classification" and len(config.labels) != outputs[0].elements:
        return f"$.labels: {len(config.labels)} labels for {outputs[0].elements} outputs"
    if config.output.kind != "classification" and isinstance(config.confidence, SoftmaxConfidence):
        return f"$.confidence: softmax means nothing for {config.output.kind}"
    return None
