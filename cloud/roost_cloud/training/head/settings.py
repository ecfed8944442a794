"""What a person may say to the head trainer: the parameters of a job."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from roost_cloud.training.errors import TrainingError

__all__ = ["HeadSettings", "read_settings"]


class HeadSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each with a default that suits.

    Attributes:
        penalty: λ; None: chosen by cross-validation.
        self_training: `measure`: learn from unlabelled inputs too, where that is found to help; `off`: never.
        head: of what numbers the head is: as the incumbent's, or `float`, or `int8`.
        onnx: whether the candidate has a twin in ONNX; None: as the incumbent.
    """

    penalty: Annotated[float, Meta(gt=0)] | None = None
    self_training: Literal["measure", "off"] = "measure"
    head: Literal["as-incumbent", "float", "int8"] = "as-incumbent"
    onnx: bool | None = None


def read_settings(parameters: Mapping[str, Any]) -> HeadSettings:
    """The settings that a job's parameters are.

    Raises:
        TrainingError: one means nothing, or has a value that it cannot have.
    """
    try:
        return msgspec.convert(parameters, HeadSettings)
    except msgspec.ValidationError as error:
        raise TrainingError(f"the parameters of the run: {error}") from error
