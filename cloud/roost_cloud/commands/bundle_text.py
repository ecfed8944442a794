"""A bundle in words, for people."""

from roost_shared.bundle import Bundle, BundleConfig, TensorSpec
from roost_shared.bundle.manifest import ImagePayload, SoftmaxConfidence

__all__ = ["fields_of", "tensor_text"]


def fields_of(bundle: Bundle) -> list[tuple[str, str]]:
    """What a bundle says of itself, a name and a value each."""
    config = bundle.config
    rows = [
        ("bundle", f"{config.name}:{config.version}"),
        ("digest", bundle.digest),
        ("task", config.task),
    ]
    if config.parent is not None:
        rows.append(("parent", config.parent))
    for stage in config.stages:
        rows.append((stage.name, f"{stage.format}, {stage.size_bytes:,} bytes"))
        rows.extend(("  takes", tensor_text(tensor)) for tensor in stage.inputs)
        rows.extend(("  gives", tensor_text(tensor)) for tensor in stage.outputs)
    rows.append(("payload", _payload_text(config)))
    rows.extend(("injected", f"{tensor} ← {name}") for tensor, name in config.preprocessing.injected.items())
    rows.append(("output", _output_text(config)))
    if config.labels:
        rows.append(("labels", _labels_text(config.labels)))
    rows.append(
        ("needs", f"{' or '.join(config.runtime.runtimes)}, {config.runtime.ram_bytes / 1e6:.1f} MB of memory")
    )
    rows.append(("runs here", _runtime_text(config)))
    rows.append(("golden", f"{config.golden.vectors} vectors, within {config.golden.tolerance:g}"))
    if (reference := config.reference) is not None:
        here = "" if bundle.reference_set_path is not None else ", not here"
        rows.append(("reference", f"{reference.samples:,} labelled inputs, {reference.size_bytes:,} bytes{here}"))
    if (evaluation := config.evaluation) is not None:
        rows.append(("accuracy", f"{evaluation.accuracy:.1%} on {evaluation.samples} of {evaluation.dataset}"))
    return rows


def tensor_text(tensor: TensorSpec) -> str:
    """A tensor in one line: name, kind, shape and what its integers mean."""
    text = f"{tensor.name} {tensor.dtype} {'×'.join(str(length) for length in tensor.shape)}"
    if tensor.quantization is not None:
        text += f", {tensor.quantization.scale:g} × (q - {tensor.quantization.zero_point})"
    return text


def _payload_text(config: BundleConfig) -> str:
    payload = config.preprocessing.payload
    if not isinstance(payload, ImagePayload):
        return f"array × {payload.scale:g} + {payload.offset:g}"
    scale = ", ".join(f"{value:g}" for value in payload.scale)
    offset = ", ".join(f"{value:g}" for value in payload.offset)
    return (
        f"{payload.colour} image, {payload.fit} to {payload.width}×{payload.height} ({payload.resample}), "
        f"pixel × {scale} + {offset}"
    )


def _runtime_text(config: BundleConfig) -> str:
    """What this machine would run the bundle by."""
    from roost_shared.runtimes import NoRuntimeError, choose_runtime  # noqa: PLC0415 - loads the runtime

    try:
        runtime, stage_format = choose_runtime(config.runtime.runtimes)
    except NoRuntimeError as error:
        return f"by none: {error}"
    return f"by {runtime.name}, from {stage_format}"


def _output_text(config: BundleConfig) -> str:
    if config.output.kind != "classification":
        return config.output.kind
    confidence = config.confidence
    softmax = f", temperature {confidence.temperature:g}" if isinstance(confidence, SoftmaxConfidence) else ""
    return f"classification, {config.output.values}{softmax}"


def _labels_text(labels: tuple[str, ...], shown: int = 12) -> str:
    text = ", ".join(labels[:shown])
    return text if len(labels) <= shown else f"{text}, … ({len(labels)})"
