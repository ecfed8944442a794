"""What a person may say to the torch trainer: the parameters of a job."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from roost_cloud.training.errors import TrainingError

__all__ = ["TorchSettings", "read_settings"]

Count = Annotated[int, Meta(ge=1, le=4096)]
Share = Annotated[float, Meta(ge=0, le=1)]


class TorchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each with a default that suits pictures of some thousand pixels.

    Attributes:
        epochs: how often each picture is seen, on average.
        batch: pictures in a step.
        learning_rate: the highest; it rises and falls over the steps.
        weight_decay: of AdamW.
        channels: of the convolutions, each followed by ReLU and a 2×2 pool.
        features: units of the dense layer behind them: the embedding.
        dropout: share of values left out, before the dense layer.
        augmentation: how far pictures are bent, shifted and lit otherwise; 0: not at all.
        numbers: `float`, or `int8`, or as the incumbent's.
    """

    epochs: Count = 30
    batch: Count = 32
    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 5e-3
    weight_decay: Share = 1e-2
    channels: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=6)] = (16, 32, 48)
    features: Count = 128
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.5
    augmentation: Share = 1.0
    numbers: Literal["as-incumbent", "float", "int8"] = "as-incumbent"


def read_settings(parameters: Mapping[str, Any]) -> TorchSettings:
    """The settings that a job's parameters are.

    Raises:
        TrainingError: one means nothing, or has a value that it cannot have.
    """
    try:
        return msgspec.convert(parameters, TorchSettings)
    except msgspec.ValidationError as error:
        raise TrainingError(f"the parameters of the run: {error}") from error
