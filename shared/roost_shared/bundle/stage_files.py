"""Model files as builders need them: loaded by the runtime that will run them, and read for what else they tell."""

from collections.abc import Mapping
from pathlib import Path

from roost_shared.bundle.infer import ModelFile
from roost_shared.bundle.manifest import StageFormat, StageName
from roost_shared.model_facts import ModelFacts
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.runtimes import Model, choose_runtime, runtimes_of

__all__ = ["load_stages"]


def load_stages(
    models: Mapping[StageName, bytes | Path],
    folder: Path,
    stage_format: StageFormat = "tflite",
    *,
    plain_kernels: bool = False,
) -> tuple[list[ModelFile], list[Model]]:
    """Load every stage.

    Args:
        models: files, which errors then name, or their bytes, by stage.
        folder: where bytes become files; it may go once the models are no longer run.
        stage_format: of the files.
        plain_kernels: run them as runtimes without their machine's fast kernels do, see `RuntimeSettings`.

    Raises:
        NoRuntimeError: nothing here runs such files.
        ModelLoadError: the runtime cannot load one.
        ExternalDataError: an `.onnx` file keeps its weights in others.
    """
    runtime, _ = choose_runtime(runtimes_of(stage_format))
    files: list[ModelFile] = []
    loaded: list[Model] = []
    for name, source in models.items():
        path = source if isinstance(source, Path) else folder / f"{name}.{stage_format}"
        if isinstance(source, bytes):
            path.write_bytes(source)
        model = runtime.load(path, RuntimeSettings(plain_kernels=plain_kernels))
        loaded.append(model)
        data = path.read_bytes()
        files.append(ModelFile(name, stage_format, data, model.inputs, model.outputs, _facts(data, stage_format)))
    return files, loaded


def _facts(data: bytes, stage_format: StageFormat) -> ModelFacts:
    # Each with the library that reads the format: it takes a while to load, and is only where that format is run.
    if stage_format == "tflite":
        from roost_shared.tflite.inspect import inspect_tflite  # noqa: PLC0415 - see above

        return inspect_tflite(data)
    from roost_shared.onnx.inspect import inspect_onnx  # noqa: PLC0415 - see above

    return inspect_onnx(data)
