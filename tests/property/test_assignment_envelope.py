"""Whatever bytes come as an assignment, only typed errors come of them; and what was changed is not believed."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost_shared.errors import RoostError
from roost_shared.messages import VersionMismatchError
from roost_shared.trust import TrustRefusedError
from roost_shared.trust.envelope import PAYLOAD_TYPE, SealedAssignment
from tests.support.tuf_repository import TufRepository, assignment

REPOSITORY: Final = TufRepository()
SEALED: Final = REPOSITORY.seal(7)
DOCUMENT: Final[dict[str, Any]] = json.loads(SEALED)

texts = st.text(max_size=40) | st.sampled_from(["", "=", "QQ==", "QR==", "Q Q=", "_-==", DOCUMENT["payload"]])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
signatures = st.lists(
    st.fixed_dictionaries({}, optional={"keyid": texts | values, "sig": texts | values, "more": values})
    | st.just(DOCUMENT["signatures"][0])
    | values,
    max_size=4,
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "payload": texts | values,
        "payloadType": st.just(PAYLOAD_TYPE) | values,
        "signatures": signatures | values,
        "more": values,
    },
)


def read(data: bytes) -> SealedAssignment | None:
    """What is believed of it; None where it is refused in words."""
    try:
        sealed = SealedAssignment.parse(data)
        signed = sealed.is_by(REPOSITORY.targets)
        sealed.assignment()
    except (TrustRefusedError, VersionMismatchError):
        return None
    return sealed if signed else None


@given(st.binary(max_size=300) | values.map(lambda it: json.dumps(it).encode("utf-8", "surrogatepass")))
def test_anything_is_refused_in_words(data: bytes) -> None:
    assert read(data) is None


@given(documents)
def test_what_looks_like_an_envelope_is_read_or_refused(document: dict[str, Any]) -> None:
    sealed = read(json.dumps(document).encode("utf-8", "surrogatepass"))
    assert sealed is None or sealed.payload == SealedAssignment.parse(SEALED).payload


@given(st.integers(0, len(SEALED) - 1), st.integers(0, 255), st.sampled_from(["set", "cut", "put", "drop"]))
def test_a_byte_that_is_changed_makes_no_other_assignment(at: int, byte: int, how: str) -> None:
    ways: dict[str, Callable[[], bytes]] = {
        "set": lambda: SEALED[:at] + bytes([byte]) + SEALED[at + 1 :],
        "cut": lambda: SEALED[:at],
        "put": lambda: SEALED[:at] + bytes([byte]) + SEALED[at:],
        "drop": lambda: SEALED[:at] + SEALED[at + 1 :],
    }
    sealed = read(ways[how]())
    assert sealed is None or sealed.assignment() == assignment(7)


@given(st.binary(max_size=200))
def test_a_payload_that_is_signed_and_no_assignment_is_refused(payload: bytes) -> None:
    data = SealedAssignment(payload, {}).sealed_by(REPOSITORY.signers["assignments"])
    assert SealedAssignment.parse(data).payload == payload, "what was sealed is read"
    with pytest.raises(RoostError):
        SealedAssignment.parse(data).assignment()
