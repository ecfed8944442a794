"""Whatever bytes come as a message: it is read, or it is an error of the message, and nothing else."""

from contextlib import suppress
from datetime import UTC, datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from roost_cloud.broker.message import Message
from roost_cloud.scorer.asked import read_question
from roost_shared.asking.incoming import brief, read_score
from roost_shared.asking.sense import nonsense
from roost_shared.messages import MessageError, State, decode_json, encode_json
from roost_shared.questions import CloudScore, InputSize, Question, encode_msgpack

QUESTION = encode_msgpack(
    Question(
        id="b1:7", contestants=["big"], remaining_ms=9.5, payload=b"x", content_type="a/b", inject={"a": [1, "ü"]}
    )
)
SCORE = encode_msgpack(
    CloudScore(
        id="b1:7", contestant="big", label="ü", confidence=0.5, top=[("ü", 0.5)], output=[1.0], input=InputSize(4, 4)
    )
)
STATE = encode_json(State(state="online", boot="bü", session=1, reason="stopped"))


@st.composite
def nearly(draw: st.DrawFn, message: bytes) -> bytes:
    """A message with a piece of it replaced."""
    piece = draw(
        st.one_of(st.binary(max_size=6), st.sampled_from([b"\x91" * 3000, b"[" * 3000, b"\xa1\xff", b"\xc1"]))
    )
    begin = draw(st.integers(0, len(message)))
    end = draw(st.integers(begin, min(len(message), begin + 4)))
    return message[:begin] + piece + message[end:]


@settings(max_examples=400)
@given(st.binary(max_size=64) | nearly(SCORE))
def test_what_comes_as_a_score_is_one_or_is_named(data: bytes) -> None:
    score = read_score(data, retained=False)
    if isinstance(score, CloudScore):
        error = nonsense(score, labels=None) or score.error
        assert error is None or len(brief(error).message) <= 256
    else:
        assert score.code.startswith("score.")


@settings(max_examples=400)
@given(st.binary(max_size=64) | nearly(QUESTION))
def test_what_comes_as_a_question_is_one_or_is_named(data: bytes) -> None:
    message = Message("roost/1/acme/d/cam-01/ask/light", data, 0, False, 5, datetime.now(UTC), 1, 0)
    with suppress(MessageError):
        asked = read_question(message)
        assert asked.until_ns >= asked.received_ns
        msgspec.msgpack.encode(asked.question.id)


@settings(max_examples=400)
@given(st.binary(max_size=64) | nearly(STATE))
def test_what_comes_as_a_state_is_one_or_is_named(data: bytes) -> None:
    with suppress(MessageError):
        assert decode_json(data, State).schema_version == 1
