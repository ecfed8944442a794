"""Writing a candidate's bundle: what its files and examples do not tell comes from the incumbent and the trainer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from roost_cloud.training.errors import TrainingError
from roost_cloud.training.job import TrainingJob
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.examples import Example
from roost_shared.bundle.layout import Bundle
from roost_shared.bundle.manifest import Evaluation, SoftmaxConfidence, StageFormat, StageName
from roost_shared.bundle.spec import BuildSpec
from roost_shared.errors import RoostError

__all__ = ["Said", "StageFiles", "write_candidate"]

StageFiles = Mapping[StageFormat, Mapping[StageName, bytes]]

_DIGITS: Final = 4  # of a temperature: more than examples can tell


@dataclass(frozen=True)
class Said:
    """What the candidate's document says beyond what its files tell.

    Attributes:
        temperature: of its softmax.
        evaluation: on examples left out.
        disagreement: predicted, with the incumbent, 0…1; None: not known.
        drift_reference: what its inputs looked like.
        readable: inputs by path, with their labels, of which golden vectors can be made.
    """

    temperature: float
    evaluation: Evaluation
    disagreement: float | None
    drift_reference: dict[str, Any] | None
    readable: Sequence[Example]


def write_candidate(incumbent: Bundle, files: StageFiles, said: Said, job: TrainingJob, out: Path) -> None:
    """Write the bundle.

    Args:
        incumbent: what is not said otherwise is as in its document.
        files: the candidate's, by format and stage.
        said: what its document says.
        job: of which run it is.
        out: where the bundle shall lie.

    Raises:
        TrainingError: it cannot be built.
    """
    try:
        build_bundle(
            files.get("tflite", {}),
            out,
            onnx=files.get("onnx"),
            name=job.name,
            version=job.version,
            labels=job.labels,
            task=job.task,
            spec=_spec(incumbent, said, job, has_twin=len(files) > 1),
            examples=said.readable,
        )
    except (RoostError, OSError) as error:
        raise TrainingError(f"the candidate cannot be built: {error}") from error


def _spec(incumbent: Bundle, said: Said, job: TrainingJob, *, has_twin: bool) -> BuildSpec:
    config = incumbent.config
    document: dict[str, Any] = {
        "preprocessing": msgspec.to_builtins(config.preprocessing),
        "agreement": msgspec.to_builtins(config.agreement),
        "confidence": msgspec.to_builtins(SoftmaxConfidence(float(f"{said.temperature:.{_DIGITS}g}"))),
        "runtime": {"architectures": list(config.runtime.architectures)},
        "evaluation": msgspec.to_builtins(said.evaluation),
        "drift_reference": said.drift_reference,
        "training_run": job.run,
        "parent": incumbent.digest,
        "predicted_disagreement": None if said.disagreement is None else round(said.disagreement, 4),
    }
    if config.drift is not None:
        document["drift"] = msgspec.to_builtins(config.drift)
    if config.fleet_reference is not None:  # devices are the same, whichever head reads what they see
        document["fleet_reference"] = msgspec.to_builtins(config.fleet_reference)
    # Between two formats the base may deviate as far as the incumbent's maker allowed.
    return BuildSpec(where="the trainer", document=document, tolerance=config.golden.tolerance if has_twin else None)
