"""The candidate's bundle: the incumbent's base as it was, byte for byte, and a new head."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.errors import TrainingError
from roost_cloud.training.head.anatomy import Anatomy
from roost_cloud.training.job import TrainingJob
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.examples import Example
from roost_shared.bundle.manifest import Evaluation, SoftmaxConfidence, StageFormat, StageName
from roost_shared.bundle.spec import BuildSpec
from roost_shared.bundle.stage_files import load_stages
from roost_shared.errors import RoostError
from roost_shared.tflite.dense import DenseLayer, write_dense

__all__ = ["Heads", "Said", "write_candidate", "write_heads"]

Rows = NDArray[np.floating[Any]]  # (inputs, features)

_CALIBRATED_BY: Final = 500  # inputs at most, spread evenly
_DIGITS: Final = 4  # of a temperature: more than examples can tell


@dataclass(frozen=True)
class Heads:
    """A head's files.

    Attributes:
        real: float32 throughout, as tflite or, if the incumbent has no tflite, ONNX.
        quantized: the same with int8 weights; None: not wanted.
        twin: in ONNX beside tflite; None: not wanted.
    """

    real: bytes
    quantized: bytes | None
    twin: bytes | None


@dataclass(frozen=True)
class Said:
    """What the candidate's document says beyond what its files tell.

    Attributes:
        temperature: of its softmax.
        evaluation: on examples left out.
        disagreement: predicted, with the incumbent, 0…1.
        drift_reference: what its inputs looked like.
        readable: inputs by path, with their labels, of which golden vectors can be made.
    """

    temperature: float
    evaluation: Evaluation
    disagreement: float
    drift_reference: dict[str, Any] | None
    readable: Sequence[Example]


def write_heads(anatomy: Anatomy, layers: Sequence[DenseLayer], rows: Rows, *, quantized: bool, twin: bool) -> Heads:
    """Write a head's files.

    Args:
        anatomy: the incumbent, behind whose base it shall run.
        layers: of the head.
        rows: (inputs, features), what it will meet, in real units: for the ranges of int8.
        quantized: whether int8 is wanted.
        twin: whether ONNX is wanted beside tflite.

    Raises:
        TrainingError: it cannot be quantised.
    """
    shape = anatomy.embedding.shape
    if "tflite" not in anatomy.bases:
        if quantized:
            raise TrainingError("the incumbent has no tflite head, and only such a head can be int8")
        return Heads(_onnx_head(anatomy, layers), None, None)
    plain = write_dense(layers, input_shape=shape, input_name="features")
    integers = None
    if quantized:
        from roost_shared.tflite.quantize import quantize_tflite  # noqa: PLC0415 - takes half a second to load

        chosen = rows[:: -(-len(rows) // _CALIBRATED_BY)]
        try:
            integers = quantize_tflite(plain, ([row.reshape(shape).astype(np.float32)] for row in chosen))
        except (ValueError, RuntimeError) as error:
            raise TrainingError(f"the head cannot be quantised: {error}") from error
    onnx_head = _onnx_head(anatomy, layers) if twin and "onnx" in anatomy.bases else None
    return Heads(
        _behind_base(plain, anatomy), None if integers is None else _behind_base(integers, anatomy), onnx_head
    )


def write_candidate(
    anatomy: Anatomy,
    head: bytes,
    twin: bytes | None,
    said: Said,
    job: TrainingJob,
    out: Path,
) -> None:
    """Write the bundle.

    Args:
        anatomy: the incumbent.
        head: the file, in the first format of the incumbent's base.
        twin: its ONNX twin, if there is one.
        said: what its document says.
        job: of which run it is.
        out: where the bundle shall lie.

    Raises:
        TrainingError: it cannot be built.
    """
    first: StageFormat = next(iter(anatomy.bases))
    models: dict[StageName, bytes | Path] = {"base": anatomy.bases[first], "head": head}
    twins: dict[StageName, bytes | Path] | None = None
    if twin is not None:
        twins = {"base": anatomy.bases["onnx"], "head": twin}
    try:
        build_bundle(
            models if first == "tflite" else {},
            out,
            onnx=twins if first == "tflite" else models,
            name=job.name,
            version=job.version,
            labels=job.labels,
            task=job.task,
            spec=_spec(anatomy, said, job, has_twin=twin is not None),
            examples=said.readable,
        )
    except (RoostError, OSError) as error:
        raise TrainingError(f"the candidate cannot be built: {error}") from error


def _spec(anatomy: Anatomy, said: Said, job: TrainingJob, *, has_twin: bool) -> BuildSpec:
    config = anatomy.bundle.config
    document: dict[str, Any] = {
        "preprocessing": msgspec.to_builtins(config.preprocessing),
        "agreement": msgspec.to_builtins(config.agreement),
        "confidence": msgspec.to_builtins(SoftmaxConfidence(float(f"{said.temperature:.{_DIGITS}g}"))),
        "runtime": {"architectures": list(config.runtime.architectures)},
        "evaluation": msgspec.to_builtins(said.evaluation),
        "drift_reference": said.drift_reference,
        "training_run": job.run,
        "parent": anatomy.bundle.digest,
        "predicted_disagreement": round(said.disagreement, 4),
    }
    if config.drift is not None:
        document["drift"] = msgspec.to_builtins(config.drift)
    # Between two formats the base may deviate as far as the incumbent's maker allowed.
    return BuildSpec(where="the trainer", document=document, tolerance=config.golden.tolerance if has_twin else None)


def _behind_base(head: bytes, anatomy: Anatomy) -> bytes:
    if anatomy.embedding.quantization is None:
        return head
    from roost_shared.tflite.fed_quantized import fed_quantized  # noqa: PLC0415 - only where it is needed

    try:
        return fed_quantized(head, anatomy.embedding)
    except ValueError as error:
        raise TrainingError(f"no head fits behind the incumbent's base: {error}") from error


def _onnx_head(anatomy: Anatomy, layers: Sequence[DenseLayer]) -> bytes:
    from roost_shared.onnx.dense import write_dense_onnx  # noqa: PLC0415 - its library takes a while to load

    with tempfile.TemporaryDirectory(prefix="roost-twin-") as folder:
        ((file,), _) = load_stages({"base": anatomy.bases["onnx"]}, Path(folder), "onnx")
    return write_dense_onnx(layers, input_shape=file.outputs[0].shape, input_name="features")
