"""A bundle, ready to score: payload → tensors → stages → label and confidence.

This is the hot path of device and scorer, and all that a worker process imports. One `Pipeline` serves one thread.

```python
pipeline = Pipeline.load(open_bundle(Path("bundles/meter-7")))
pipeline.check_golden()
scored = pipeline.score(jpeg, content_type="image/jpeg")
```
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from numpy.typing import NDArray

from roost_shared.bundle.golden import compare, decode_golden
from roost_shared.bundle.layout import Bundle
from roost_shared.bundle.manifest import BundleDraft, Stage
from roost_shared.limits import InputLimits
from roost_shared.outputs import OutputReader
from roost_shared.payload import open_payload
from roost_shared.preprocess import Preprocessor
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.runtimes import Model, ModelLoadError, choose_runtime
from roost_shared.scored import Scored

__all__ = ["Chain", "Pipeline", "Scored"]

_NOTHING: Final[Mapping[str, Any]] = {}
_ANY_RUNTIME: Final = RuntimeSettings()


class Chain:
    """Loaded stages with what surrounds them: preprocessing before, meaning after.

    Args:
        config: what the bundle says, or will say: whoever builds one tries its draft this way.
        stages: those of its stages that run here, in order.
        models: the same, loaded.
    """

    def __init__(self, config: BundleDraft, stages: Sequence[Stage], models: Sequence[Model]) -> None:
        self._models = models
        self._preprocess = Preprocessor(config.preprocessing, stages[0].inputs)
        self._reader = OutputReader(config, stages[-1].outputs)

    def score(
        self,
        payload: bytes | memoryview,
        *,
        content_type: str | None = None,
        inject: Mapping[str, Any] = _NOTHING,
        limits: InputLimits | None = None,
    ) -> Scored:
        """Score one payload.

        Args:
            payload: the bytes as received.
            content_type: what the sender calls them, if it says.
            inject: external state by name, as stamped on the request.
            limits: how large the payload may be.

        Raises:
            InputError: the payload or the state cannot be scored; `code` says why.
            ModelRunError: the model failed.
            BadOutputError: its outputs are not finite, or not of the shape the bundle says.
        """
        return self._reader.read(self._run(payload, content_type, inject, limits))

    def outputs(
        self,
        payload: bytes | memoryview,
        *,
        content_type: str | None = None,
        inject: Mapping[str, Any] = _NOTHING,
        limits: InputLimits | None = None,
    ) -> list[NDArray[Any]]:
        """The last stage's outputs for one payload in real units, float32 in their own shapes; raises as `score`."""
        return self._reader.real(self._run(payload, content_type, inject, limits))

    def _run(
        self,
        payload: bytes | memoryview,
        content_type: str | None,
        inject: Mapping[str, Any],
        limits: InputLimits | None,
    ) -> list[NDArray[Any]]:
        tensors = self._preprocess(open_payload(payload, content_type=content_type, limits=limits), inject)
        for model in self._models:
            tensors = model.run(tensors)
        return tensors


class Pipeline(Chain):
    """A bundle's stages, loaded by the runtime this machine has for them.

    Args:
        bundle: the opened bundle.
        stages: those of its stages that run here, in order.
        models: the same, loaded.
    """

    def __init__(self, bundle: Bundle, stages: Sequence[Stage], models: Sequence[Model]) -> None:
        super().__init__(bundle.config, stages, models)
        self._bundle = bundle

    @classmethod
    def load(cls, bundle: Bundle, settings: RuntimeSettings = _ANY_RUNTIME) -> Self:
        """Load the stages of an opened bundle.

        Args:
            bundle: the bundle.
            settings: which runtime, and how it shall run them.

        Raises:
            NoRuntimeError: no runtime that may and can run it is installed.
            NoDelegateError: the hardware asked for is not there.
            ModelLoadError: a stage cannot be loaded, or is not what the bundle says it is.
        """
        config = bundle.config
        runtime, stage_format = choose_runtime(config.runtime.runtimes, settings.name)
        stages = config.stages_in(stage_format)
        models = []
        for stage in stages:
            path = bundle.stage_path(stage.name, stage_format)
            model = runtime.load(path, settings)
            if model.inputs != stage.inputs or model.outputs != stage.outputs:
                raise ModelLoadError(f"{path}: its tensors are not those the bundle lists for stage {stage.name}")
            models.append(model)
        return cls(bundle, stages, models)

    def check_golden(self) -> None:
        """Prove that this machine gives the outputs the bundle was built with.

        Raises:
            GoldenMismatchError: it does not; says which vector and by how much.
            BundleError: the golden vectors cannot be read.
            InputError, ModelRunError, BadOutputError: as `score` does.
        """
        spec = self._bundle.config.golden
        for number, vector in enumerate(decode_golden(self._bundle.golden_path, spec)):
            found = self.outputs(vector.payload, inject=vector.inject)
            compare(number, vector, found, tolerance=spec.tolerance)
