"""A bundle, ready to score: payload → tensors → stages → label and confidence.

This is the hot path of device and scorer, and all that a worker process imports. One `Pipeline` serves one thread.

```python
pipeline = Pipeline.load(open_bundle(Path("bundles/meter-7")))
pipeline.check_golden()
scored = pipeline.score(jpeg, content_type="image/jpeg")
```
It is made of a `Base`, payload to features, and a `Head`, features to meaning. Bundles that share a base stage can
share the `Base`, which then is loaded once and runs once for all their heads:

```python
other = Pipeline.load(open_bundle(Path("bundles/meter-8")), base=pipeline.base)
features = pipeline.base.features(jpeg)
scores = [one.head.score(features) for one in (pipeline, other)]
```
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from roost_shared.bundle.base_key import base_key
from roost_shared.bundle.golden import GoldenVector, compare, decode_golden, golden_hash
from roost_shared.bundle.layout import Bundle
from roost_shared.bundle.manifest import BundleDraft, Stage
from roost_shared.errors import ContentError
from roost_shared.limits import InputLimits
from roost_shared.outputs import OutputReader
from roost_shared.payload import open_payload
from roost_shared.phi.choice import ChosenPhi, choose_phi
from roost_shared.preprocess import Preprocessor
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.runtimes import Model, ModelLoadError, choose_runtime
from roost_shared.scored import Scored

__all__ = ["Base", "Chain", "Head", "OtherBaseError", "Pipeline", "Scored"]

_NOTHING: Final[Mapping[str, Any]] = {}
_ANY_RUNTIME: Final = RuntimeSettings()
Features = list[NDArray[Any]]


class OtherBaseError(ContentError):
    """A bundle was to share a base that is not its own."""

    code = "bundle.other_base"


class Base:
    """What is done once for an input, however many heads score it: decoding, preprocessing and the base stage.

    Args:
        config: what the bundle says.
        first: its first stage.
        models: the loaded base stage; empty if the bundle has none, so that its features are the model's inputs.
    """

    def __init__(self, config: BundleDraft, first: Stage, models: Sequence[Model]) -> None:
        self.key = base_key(config)
        self.models = models
        self._config = config
        self._format = first.format
        self._preprocess = Preprocessor(config.preprocessing, first.inputs)

    def features(
        self,
        payload: bytes | memoryview,
        *,
        content_type: str | None = None,
        inject: Mapping[str, Any] = _NOTHING,
        limits: InputLimits | None = None,
    ) -> Features:
        """What the heads take, of one payload.

        Args:
            payload: the bytes as received.
            content_type: what the sender calls them, if it says.
            inject: external state by name, as stamped on the request.
            limits: how large the payload may be.

        Raises:
            InputError: the payload or the state cannot be scored; `code` says why.
            ModelRunError: the base failed.
        """
        return self.run(self.prepare(payload, content_type=content_type, inject=inject, limits=limits))

    def run(self, prepared: Features) -> Features:
        """What the heads take, of what `prepare` gave.

        Raises:
            ModelRunError: the base failed.
        """
        return _run(self.models, prepared)

    def choose_phi(self) -> ChosenPhi | None:
        """What of inputs is measured, as the bundle says that this was loaded for; None: nothing."""
        return choose_phi(self._config, self._format)

    def prepare(
        self,
        payload: bytes | memoryview,
        *,
        content_type: str | None = None,
        inject: Mapping[str, Any] = _NOTHING,
        limits: InputLimits | None = None,
    ) -> Features:
        """The first stage's input tensors for one payload; may be called by several threads at a time.

        Args and errors are those of `features`, but that no model runs.
        """
        return self._preprocess(open_payload(payload, content_type=content_type, limits=limits), inject)


class Head:
    """What a bundle makes of features: its last stage, and what that means.

    Args:
        config: what the bundle says.
        last: its last stage.
        models: the loaded head, or the only model; empty if the features are what the bundle gives.
    """

    def __init__(self, config: BundleDraft, last: Stage, models: Sequence[Model]) -> None:
        self._models = models
        self._reader = OutputReader(config, last.outputs)

    def score(self, features: Features) -> Scored:
        """Score the features of one input.

        Raises:
            ModelRunError: the model failed.
            BadOutputError: its outputs are not finite, or not of the shape the bundle says.
        """
        return self.read(_run(self._models, features))

    def read(self, outputs: Features) -> Scored:
        """What the last stage's outputs for one input mean.

        Raises:
            BadOutputError: as `score`.
        """
        return self._reader.read(outputs)

    def outputs(self, features: Features) -> list[NDArray[Any]]:
        """The last stage's outputs in real units, float32 in their own shapes; raises as `score`."""
        return self._reader.real(_run(self._models, features))


class Chain:
    """Loaded stages with what surrounds them: a base and a head.

    Args:
        config: what the bundle says, or will say: whoever builds one tries its draft this way.
        stages: those of its stages that run here, in order.
        models: the same, loaded.
        base: to be shared, in place of one of its own; `models` then begins with the base's.
    """

    def __init__(
        self, config: BundleDraft, stages: Sequence[Stage], models: Sequence[Model], base: Base | None = None
    ) -> None:
        in_base = sum(stage.name == "base" for stage in stages)
        self.base = base or Base(config, stages[0], models[:in_base])
        self.head = Head(config, stages[-1], models[in_base:])
        self._models = (*self.base.models, *models[in_base:])
        self.batches = all(model.batches for model in self._models)

    def score(
        self,
        payload: bytes | memoryview,
        *,
        content_type: str | None = None,
        inject: Mapping[str, Any] = _NOTHING,
        limits: InputLimits | None = None,
    ) -> Scored:
        """Score one payload; arguments and errors are those of `Base.features`, errors also those of `Head.score`."""
        return self.head.score(self.base.features(payload, content_type=content_type, inject=inject, limits=limits))

    def run(self, prepared: Sequence[Features]) -> list[Features]:
        """The last stage's outputs for what `base.prepare` made of each input: for `head.read`.

        They run as one batch where `batches` says that all models take one, else one after another.

        Raises:
            ModelRunError: a model failed; with a batch, nobody knows on which input.
        """
        if not self.batches or len(prepared) == 1:
            return [_run(self._models, tensors) for tensors in prepared]
        stacked = [np.concatenate(column) for column in zip(*prepared, strict=True)]
        outputs = _run(self._models, stacked)
        return [[tensor[place : place + 1] for tensor in outputs] for place in range(len(prepared))]

    def outputs(self, payload: bytes | memoryview, *, inject: Mapping[str, Any] = _NOTHING) -> list[NDArray[Any]]:
        """The last stage's outputs for one payload in real units, float32 in their own shapes; raises as `score`."""
        return self.head.outputs(self.base.features(payload, inject=inject))

    def check_vectors(self, vectors: Iterable[GoldenVector], *, tolerance: float) -> str:
        """Prove that these stages give the outputs expected, within `tolerance`, in output units.

        Returns:
            What the outputs were to the last bit, as `golden_hash` says it: the same on all machines with the same
            hardware and runtime.

        Raises:
            GoldenMismatchError: they do not; says which vector and by how much.
            InputError, ModelRunError, BadOutputError: as `score` does.
        """
        found: list[NDArray[np.float32]] = []
        for number, vector in enumerate(vectors):
            outputs = self.outputs(vector.payload, inject=vector.inject)
            compare(number, vector, outputs, tolerance=tolerance)
            found += outputs
        return golden_hash(found)


class Pipeline(Chain):
    """A bundle's stages, loaded by the runtime this machine has for them.

    Args:
        bundle: the opened bundle.
        stages: those of its stages that run here, in order.
        models: the same, loaded.
        base: to be shared, in place of one of its own.
    """

    def __init__(
        self, bundle: Bundle, stages: Sequence[Stage], models: Sequence[Model], base: Base | None = None
    ) -> None:
        super().__init__(bundle.config, stages, models, base)
        self._bundle = bundle

    @classmethod
    def load(cls, bundle: Bundle, settings: RuntimeSettings = _ANY_RUNTIME, *, base: Base | None = None) -> Self:
        """Load the stages of an opened bundle.

        Args:
            bundle: the bundle.
            settings: which runtime, and how it shall run them.
            base: one loaded already, to be shared; its stage is not loaded again.

        Raises:
            NoRuntimeError: no runtime that may and can run it is installed.
            NoDelegateError: the hardware asked for is not there.
            ModelLoadError: a stage cannot be loaded, or is not what the bundle says it is.
            OtherBaseError: `base` is not this bundle's.
        """
        config = bundle.config
        if base is not None and (base.key is None or base.key != base_key(config)):
            raise OtherBaseError(f"{bundle.reference} has another base than the one it was to share")
        runtime, stage_format = choose_runtime(config.runtime.runtimes, settings.name)
        stages = config.stages_in(stage_format)
        models = list(base.models) if base is not None else []
        for stage in stages[len(models) :]:
            path = bundle.stage_path(stage.name, stage_format)
            model = runtime.load(path, settings)
            if model.inputs != stage.inputs or model.outputs != stage.outputs:
                raise ModelLoadError(f"{path}: its tensors are not those the bundle lists for stage {stage.name}")
            models.append(model)
        return cls(bundle, stages, models, base)

    def check_golden(self) -> str:
        """Prove that this machine gives the outputs the bundle was built with.

        Returns:
            As `check_vectors` does.

        Raises:
            BundleError: the golden vectors cannot be read.
            GoldenMismatchError, InputError, ModelRunError, BadOutputError: as `check_vectors` does.
        """
        spec = self._bundle.config.golden
        return self.check_vectors(decode_golden(self._bundle.golden_path, spec), tolerance=spec.tolerance)


def _run(models: Iterable[Model], tensors: Features) -> Features:
    """What the last of `models` gives, each fed with the outputs of the one before."""
    for model in models:
        tensors = model.run(tensors)
    return tensors
