"""An API asked for whatever its OpenAPI document allows, and what it forbids (schemathesis)."""

from collections.abc import Callable, Mapping
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode, SerializationContext, checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks as openapi_checks

__all__ = ["fault_of", "operations"]

CHECKS: list[Callable[..., Any]] = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]


@schemathesis.serializer("application/msgpack")
def as_bytes(_: SerializationContext, value: Any) -> bytes:
    """Bodies that the document calls bytes: what makes a batch of them is not its affair."""
    return bytes(value) if isinstance(value, bytes | bytearray) else str(value).encode()


def operations(schema: BaseSchema) -> list[APIOperation[Any, Any, Any, Any]]:
    """All that the document has."""
    found = list(schema.get_all_operations())
    assert all(isinstance(each, Ok) for each in found), "an operation of the document cannot be read"
    return [each.ok() for each in found if isinstance(each, Ok)]


def fault_of(
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    askers: Mapping[str, Mapping[str, str]],
    examples: int,
    chance: int | None = None,
) -> str | None:
    """What an operation does that its document does not say; None if nothing.

    To make a request up takes three times as long as to answer it, so all who ask send the same ones.

    Args:
        operation: of the API.
        mode: what is sent: as the document has it, or not.
        askers: headers of those who ask.
        examples: how many of each.
        chance: a seed of what is sent; None: always the same.
    """
    last = ""

    @seed(chance or 0)
    @settings(
        max_examples=examples,
        derandomize=chance is None,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def is_as_documented(case: Case[Any]) -> None:
        nonlocal last
        for who, headers in askers.items():
            last = who
            case.call_and_validate(headers=dict(headers), checks=CHECKS)

    try:
        is_as_documented()
    except FailureGroup as found:
        return f"{operation.label}, asked by {last}: {found}"
    except Unsatisfiable:  # there is no bad request where nothing is asked for
        assert mode == GenerationMode.NEGATIVE
    return None
