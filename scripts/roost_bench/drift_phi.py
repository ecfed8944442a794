"""What measuring φ adds to inference, under full load, with models of every size."""

import io
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from roost_edge.workers.gauge import Gauge
from roost_shared.bundle import open_bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.limits import InputLimits
from roost_shared.phi.budget import Budget
from roost_shared.pipeline import Pipeline
from tests.support.bundles import build_bundles

__all__ = ["phi_cost"]

_BATCH: Final = 20  # inputs

_MODELS: Final[Mapping[str, str]] = {
    "mobilenet_v2": "mobilenet_v2_1.0_224_quant.tflite",
    "mobilenet_v1_small": "mobilenet_v1_0.25_128_quant.tflite",
    "meter_digits": "meter-digits_1900_int8.tflite",
}


def phi_cost(data: Path | None, *, seconds: float) -> dict[str, dict[str, float]]:
    """By model: inference and φ in microseconds, the share that φ takes, and of how many inputs it is measured.

    Args:
        data: the folder of real models; None: only the smallest network is measured, one layer on 8 × 8 pixels.
        seconds: of full load for each.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "small").mkdir()
        bundles = {"digits": build_bundles(folder / "small").sure}
        if data is not None:
            for model, file in _MODELS.items():
                bundles[model] = build_bundle(
                    {"model": data / "models" / file}, folder / model, name="x", version="1"
                ).bundle.folder
        return {model: _measure(bundle, seconds) for model, bundle in bundles.items()}


def _measure(bundle: Path, seconds: float) -> dict[str, float]:
    """Inputs one after another; processor time, so that others that run here do not count."""
    pipeline = Pipeline.load(open_bundle(bundle))
    phi = pipeline.base.choose_phi()
    if phi is None:
        raise ValueError(f"{bundle}: nothing of its inputs is measured")
    gauge = Gauge(phi.kind, phi.source, phi.of)
    prepared = pipeline.base.prepare(_picture(), limits=InputLimits())
    features = pipeline.base.run(prepared)
    gauge.look(prepared, features)  # warms
    took_ns: list[int] = []
    inputs, busy_ns = 0, -time.thread_time_ns()
    until_ns = time.monotonic_ns() + int(seconds * 1e9)
    while time.monotonic_ns() < until_ns:
        for _ in range(_BATCH):
            if gauge.budget.earn(*_score(pipeline, prepared)):
                began_ns = time.thread_time_ns()
                gauge.look(prepared, features)
                took_ns.append(time.thread_time_ns() - began_ns)
        inputs += _BATCH
    busy_ns += time.thread_time_ns()
    phi_ns = sum(took_ns)
    counting_ns = _counting_ns() * inputs
    inference_ns = busy_ns - phi_ns - counting_ns
    return {
        "inference_us": inference_ns / inputs / 1e3,
        "phi_us": statistics.median(took_ns) / 1e3,
        "share": (phi_ns + counting_ns) / inference_ns,
        "inputs_measured": len(took_ns) / inputs,
    }


def _counting_ns() -> float:
    """What it takes to know whether an input is to be measured."""
    budget, calls = Budget(), 20_000
    budget.spend(10**15, 0)
    began_ns = time.thread_time_ns()
    for _ in range(calls):
        budget.earn(1, 1)
    return (time.thread_time_ns() - began_ns) / calls


def _score(pipeline: Pipeline, prepared: list[Any]) -> tuple[int, int]:
    """One inference, timed as the crew does: how long it took, and the moment."""
    began_ns = time.monotonic_ns()
    pipeline.head.score(pipeline.base.run(prepared))
    scored_ns = time.monotonic_ns()
    return scored_ns - began_ns, scored_ns


def _picture() -> bytes:
    encoded = io.BytesIO()
    pixels = np.random.default_rng(3).integers(0, 256, (224, 224, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(encoded, "PNG")
    return encoded.getvalue()
