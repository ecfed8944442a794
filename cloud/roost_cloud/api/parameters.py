"""A trainer's own parameters, as requests carry them: names and plain values."""

from typing import Annotated, Final

from pydantic import Field

from roost_cloud.api.fields import Line, Name

__all__ = ["Parameters"]

_INT_MAX: Final = (1 << 53) - 1  # what every reader of JSON takes

_Value = (
    bool
    | Annotated[int, Field(ge=-_INT_MAX, le=_INT_MAX)]
    | Annotated[float, Field(allow_inf_nan=False)]
    | Line
    | None
)

Parameters = Annotated[dict[Name, _Value], Field(max_length=64, json_schema_extra={"additionalProperties": False})]
"""By name."""
