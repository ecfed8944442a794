"""The Open Inference Protocol's bodies, for the OpenAPI document: they are msgspec's structs and bytes."""

from http import HTTPStatus
from typing import Any, Final

import msgspec

from roost_shared.oip import ErrorDocument

__all__ = ["INFERRED", "INFER_BODY", "oip_raises", "shows"]

_REF: Final = "#/$defs/"
# What any route may answer.
_EVERYWHERE: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.INSUFFICIENT_STORAGE,
)


def _schema(kind: type[msgspec.Struct]) -> Any:
    """JSON Schema, with what it refers to written out: references lead elsewhere in an OpenAPI document."""
    (schema,), found = msgspec.json.schema_components([kind], ref_template=f"{_REF}{{name}}")

    def inline(node: Any) -> Any:
        if isinstance(node, list):
            return [inline(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return inline(found[node["$ref"].removeprefix(_REF)])
        return {key: inline(value) for key, value in node.items()}

    return inline(schema)


def shows(kind: type[msgspec.Struct], *also: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the document it shows, with status 200 and those of `also`."""
    content = {"application/json": {"schema": _schema(kind)}}
    return {int(status): {"content": content, "description": status.phrase} for status in (HTTPStatus.OK, *also)}


def oip_raises(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the errors it documents, beside those every route may have."""
    content = {"application/json": {"schema": _schema(ErrorDocument)}}
    return {
        int(status): {"content": content, "description": status.phrase} for status in sorted({*statuses, *_EVERYWHERE})
    }


_TENSORS: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "datatype", "shape"],
        "properties": {
            "name": {"type": "string"},
            "datatype": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "parameters": {"type": "object"},
            "data": {"type": "array", "items": {}},
        },
    },
}
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}

INFER_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {
                        "id": {"type": "string"},
                        "parameters": {"type": "object"},
                        "inputs": {**_TENSORS, "minItems": 1, "maxItems": 1},
                        "outputs": {"type": "array", "items": {"type": "object", "required": ["name"]}},
                    },
                }
            },
            "application/octet-stream": _BINARY,
        },
    }
}
INFERRED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The answer",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["model_name", "model_version", "id", "parameters", "outputs"],
                    "properties": {
                        "model_name": {"type": "string"},
                        "model_version": {"type": "string"},
                        "id": {"type": "string"},
                        "parameters": {"type": "object"},
                        "outputs": _TENSORS,
                    },
                }
            },
            "application/octet-stream": _BINARY,
        },
    }
}
