"""Model files as builders need them: loaded by the runtime that will run them, and read for what else they tell."""

from collections.abc import Mapping
from pathlib import Path

from roost_shared.bundle.infer import ModelFile
from roost_shared.bundle.manifest import StageName
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.runtimes import Model, choose_runtime, runtimes_of
from roost_shared.tflite.inspect import inspect_tflite

__all__ = ["load_stages"]


def load_stages(models: Mapping[StageName, bytes | Path], folder: Path) -> tuple[list[ModelFile], list[Model]]:
    """Load every stage.

    Args:
        models: `.tflite` files, which errors then name, or their bytes, by stage.
        folder: where bytes become files; it may go once the models are no longer run.

    Raises:
        NoRuntimeError: nothing here runs `.tflite` files.
        ModelLoadError: the runtime cannot load one.
    """
    runtime, _ = choose_runtime(runtimes_of("tflite"))
    files: list[ModelFile] = []
    loaded: list[Model] = []
    for name, source in models.items():
        path = source if isinstance(source, Path) else folder / f"{name}.tflite"
        if isinstance(source, bytes):
            path.write_bytes(source)
        model = runtime.load(path, RuntimeSettings())
        loaded.append(model)
        data = path.read_bytes()
        files.append(ModelFile(name, data, model.inputs, model.outputs, inspect_tflite(data)))
    return files, loaded
