"""What of the incumbent is kept, its base, and what is refitted, the weights of its last layer."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from roost_cloud.training.errors import TrainingError
from roost_shared.bundle.layout import Bundle
from roost_shared.bundle.manifest import StageFormat, TensorSpec
from roost_shared.bundle.stage_files import load_stages
from roost_shared.errors import RoostError
from roost_shared.pipeline import Base
from roost_shared.runtimes import runtimes_of
from roost_shared.tflite.dense import DenseLayer

__all__ = ["Anatomy", "dissect"]

_FORMATS: Final[tuple[StageFormat, ...]] = ("tflite", "onnx")


@dataclass(frozen=True)
class Anatomy:
    """An incumbent taken apart.

    Attributes:
        bundle: itself.
        base: its base, loaded.
        bases: the base's files, in each format that it comes in; the first one is what `base` runs.
        embedding: what the base gives.
        layers: the head's, the last of which is refitted.
        is_quantized: the head's weights are stored as integers.
    """

    bundle: Bundle
    base: Base
    bases: Mapping[StageFormat, bytes]
    embedding: TensorSpec
    layers: tuple[DenseLayer, ...]
    is_quantized: bool


def dissect(bundle: Bundle) -> Anatomy:
    """Take an incumbent apart: as its stages are, or by splitting a model in one piece.

    Raises:
        TrainingError: it is no classifier of which a last dense layer could be refitted.
    """
    config = bundle.config
    if config.output.kind != "classification":
        raise TrainingError(f"{bundle.reference} gives {config.output.kind}: only a classifier's head can be refitted")
    if config.preprocessing.injected:
        raise TrainingError(
            f"{bundle.reference} takes external state ({', '.join(config.preprocessing.injected.values())}), which the"
            " inputs of a dataset do not carry"
        )
    try:
        parts = {
            stage_format: _cut(bundle, stage_format) for stage_format in _FORMATS if config.stages_in(stage_format)
        }
        bases = {stage_format: base for stage_format, (base, _, _) in parts.items()}
        first: StageFormat = next(iter(parts))
        base, embedding = _load(bundle, bases[first], first)
    except (RoostError, ValueError) as error:
        raise TrainingError(f"the head of {bundle.reference} cannot be refitted: {error}") from error
    _, layers, is_quantized = parts[first]
    return Anatomy(bundle, base, bases, embedding, tuple(layers), is_quantized)


def _cut(bundle: Bundle, stage_format: StageFormat) -> tuple[bytes, list[DenseLayer], bool]:
    """The base's file, the head's layers, and whether they are stored as integers."""
    names = [stage.name for stage in bundle.config.stages_in(stage_format)]
    if names == ["base"]:
        raise TrainingError("it has no head")
    first = bundle.stage_path(names[0], stage_format).read_bytes()
    # Each with the library that reads the format.
    if stage_format == "tflite":
        from roost_shared.tflite.dense_reading import has_integer_weights, read_dense  # noqa: PLC0415 - see above
        from roost_shared.tflite.split import split_tflite  # noqa: PLC0415 - see above

        base, head = split_tflite(first) if names == ["model"] else (first, _head_of(bundle, stage_format))
        return base, read_dense(head), has_integer_weights(head)
    import onnx  # noqa: PLC0415 - see above

    from roost_shared.onnx.split import last_dense, split_onnx  # noqa: PLC0415 - see above

    if names == ["model"]:
        halves = split_onnx(first)
        return halves.base, [halves.layer], False
    head_model = onnx.load_model_from_string(_head_of(bundle, stage_format))
    _, layer = last_dense(head_model)
    return first, [layer], False


def _head_of(bundle: Bundle, stage_format: StageFormat) -> bytes:
    return bundle.stage_path("head", stage_format).read_bytes()


def _load(bundle: Bundle, data: bytes, stage_format: StageFormat) -> tuple[Base, TensorSpec]:
    """The base as it runs on devices, and what it gives."""
    with tempfile.TemporaryDirectory(prefix="roost-base-") as folder:
        files, models = load_stages({"base": data}, Path(folder), stage_format)
    (file,) = files
    others = tuple(stage for stage in bundle.config.stages if stage.format != stage_format)
    runtime = msgspec.structs.replace(bundle.config.runtime, runtimes=runtimes_of(stage_format))
    config = msgspec.structs.replace(bundle.config, stages=(file.stage, *others), runtime=runtime)
    return Base(config, file.stage, models), file.outputs[0]
