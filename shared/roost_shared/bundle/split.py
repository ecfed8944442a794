"""Split a bundle's model into base and head, so that others can share the base and a new head ships alone.

What the bundle promises stays: the same labels, preprocessing, confidence and golden vectors. Before it is written,
the halves must give on the golden vectors' payloads what the whole gives.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from roost_shared.bundle.derive import derive_bundle, derived_config
from roost_shared.bundle.golden import GoldenVector, compare, decode_golden, golden_output
from roost_shared.bundle.layout import Bundle
from roost_shared.bundle.manifest import BundleConfig, Stage
from roost_shared.bundle.stage_files import load_stages
from roost_shared.pipeline import Chain
from roost_shared.tflite.split import SplitError, split_tflite

__all__ = ["SplitBundle", "split_bundle"]

_FLOAT_STEP: Final = 1e-5  # of an output's span: what rounding in another order may cost a float


@dataclass(frozen=True)
class SplitBundle:
    """A bundle in two stages."""

    bundle: Bundle
    base: Stage
    head: Stage


def split_bundle(bundle: Bundle, out: Path, *, version: str | None = None) -> SplitBundle:
    """Split a bundle; stages in other formats than tflite stay whole.

    Args:
        bundle: with a tflite model that ends in a dense layer.
        out: the folder to write.
        version: of the new bundle; None: the old one's with `-split`.

    Raises:
        SplitError: its model cannot be split, or it has none in one piece.
        GoldenMismatchError: the halves deviate from the whole by more than a step of its output.
        ConfigError: the version is not one the new bundle can have.
        BundleExistsError: another bundle lies at `out`.
    """
    whole = bundle.config.stages_in("tflite")
    if [stage.name for stage in whole] != ["model"]:
        held = ", ".join(f"{stage.format} {stage.name}" for stage in bundle.config.stages)
        raise SplitError(f"{bundle.reference} holds no tflite model in one piece, but {held}")
    path = bundle.stage_path("model", "tflite")
    try:
        halves = split_tflite(path.read_bytes())
    except SplitError as error:
        raise SplitError(f"{bundle.reference} cannot be split: {error}") from error
    with tempfile.TemporaryDirectory(prefix="roost-split-") as folder:
        files, models = load_stages({"base": halves.base, "head": halves.head}, Path(folder))
        base, head = (file.stage for file in files)
        others = (stage for stage in bundle.config.stages if stage.format != "tflite")
        ram_bytes = sum(file.facts.ram_bytes for file in files)
        changes = {
            "stages": (base, head, *others),
            "runtime": msgspec.structs.replace(bundle.config.runtime, ram_bytes=ram_bytes),
        }
        config = derived_config(bundle, version=version, suffix="split", changes=changes)
        _, whole_models = load_stages({"model": path}, Path(folder))
        _prove(bundle, Chain(bundle.config, whole, whole_models), Chain(config, (base, head), models))
    return SplitBundle(derive_bundle(bundle, out, config, halves), base, head)


def _prove(bundle: Bundle, whole: Chain, halves: Chain) -> None:
    """Compare the halves with the whole on the golden vectors' payloads."""
    for number, vector in enumerate(decode_golden(bundle.golden_path, bundle.config.golden)):
        given = whole.outputs(vector.payload, inject=vector.inject)
        expected = GoldenVector(payload=vector.payload, outputs=tuple(golden_output(values) for values in given))
        found = halves.outputs(vector.payload, inject=vector.inject)
        span = max(float(np.abs(values).max()) for values in given)
        compare(number, expected, found, tolerance=_step(bundle.config, span))


def _step(config: BundleConfig, span: float) -> float:
    """A step of the output's quantisation, in output units; of a float output, a small part of its span."""
    quantization = config.stages_in("tflite")[-1].outputs[0].quantization
    return quantization.scale if quantization is not None else _FLOAT_STEP * max(span, 1.0)
