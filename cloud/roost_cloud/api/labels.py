"""Labels as the API's document describes them. The room judges them and says what is wrong (`fleet/labels.py`)."""

from typing import Annotated, Final

from pydantic import Field, WithJsonSchema

from roost_cloud.fleet.labels import KEY_PATTERN, MAX_LABELS, VALUE_PATTERN

__all__ = ["LabelChanges", "Labels", "Selector"]

_Key = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{KEY_PATTERN}$"})]
_Value = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{VALUE_PATTERN}$"})]
_WHOLE: Final = Field(json_schema_extra={"additionalProperties": False, "maxProperties": MAX_LABELS})

Labels = Annotated[dict[_Key, _Value], _WHOLE]
LabelChanges = Annotated[dict[_Key, _Value | None], _WHOLE]
Selector = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{KEY_PATTERN}={VALUE_PATTERN}$"})]
