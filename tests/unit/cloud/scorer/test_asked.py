"""What a message on an ask topic asks."""

from datetime import UTC, datetime

import msgspec
import pytest

from roost_cloud.broker.message import Message
from roost_cloud.scorer.asked import BadQuestionError, RetainedQuestionError, read_question, version_refusals
from roost_shared.messages import MessageError, VersionMismatchError
from roost_shared.questions import CloudScore, Question, encode_msgpack

TOPIC = "roost/1/acme/d/cam-01/ask/light"


def message(payload: bytes, topic: str = TOPIC, *, retained: bool = False) -> Message:
    return Message(
        topic, payload, 0, retained=retained, received_ns=5, received_at=datetime.now(UTC), connection=1, mid=0
    )


def question(**fields: object) -> Question:
    return msgspec.convert({"id": "q", "contestants": ["big"], "remaining_ms": 10.0, **fields}, Question)


def test_where_the_score_goes_is_read_off_the_topic() -> None:
    asked = read_question(message(encode_msgpack(question())))
    assert (asked.tenant, asked.device, asked.task) == ("acme", "cam-01", "light")
    assert asked.reply_topic == "roost/1/acme/d/cam-01/score"
    assert asked.until_ns == 5 + 10_000_000


@pytest.mark.parametrize(("remaining_ms", "until_ns"), [(-1e300, 5), (float("inf"), 5 + 600_000_000_000)])
def test_the_time_that_remains_is_bounded(remaining_ms: float, until_ns: int) -> None:
    asked = Question(id="q", contestants=[], remaining_ms=remaining_ms)
    assert read_question(message(encode_msgpack(asked))).until_ns == until_ns


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ""},
        {"id": "x" * 201},
        {"contestants": ["c"] * 2},
        {"contestants": [f"c{number}" for number in range(17)]},
        {"contestants": ["../etc"]},
        {"content_type": "x" * 201},
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(BadQuestionError):
        read_question(message(encode_msgpack(question(**fields))))


def test_no_number_is_no_time() -> None:
    asked = Question(id="q", contestants=[], remaining_ms=float("nan"))
    with pytest.raises(BadQuestionError):
        read_question(message(encode_msgpack(asked)))


@pytest.mark.parametrize("topic", ["roost/1/acme/d/cam-01/in/light", "roost/1/Acme/d/cam-01/ask/light", "", "ask"])
def test_another_topic_is_no_question(topic: str) -> None:
    with pytest.raises(MessageError):
        read_question(message(encode_msgpack(question()), topic))


def test_what_a_broker_kept_is_no_question() -> None:
    with pytest.raises(RetainedQuestionError):
        read_question(message(encode_msgpack(question()), retained=True))


def test_another_version_says_whom_to_upgrade() -> None:
    with pytest.raises(VersionMismatchError, match="upgrade this side"):
        read_question(message(encode_msgpack(question(schema_version=2))))


def refused(payload: bytes) -> list[CloudScore]:
    with pytest.raises(VersionMismatchError) as caught:
        read_question(message(payload))
    return version_refusals(payload, caught.value)


@pytest.mark.parametrize(("theirs", "side"), [(2, "upgrade the scorers"), (0, "upgrade whoever asks")])
@pytest.mark.parametrize(
    ("contestants", "answered_by"),
    [pytest.param(["big", "huge"], ["big", "huge"], id="question"), pytest.param([], [None], id="probe")],
)
def test_who_asks_in_another_version_is_told_in_that_version_whom_to_upgrade(
    theirs: int, side: str, contestants: list[str], answered_by: list[str | None]
) -> None:
    scores = refused(encode_msgpack(question(schema_version=theirs, contestants=contestants)))
    assert [one.contestant for one in scores] == answered_by
    for one in scores:
        assert (one.schema_version, one.id) == (theirs, "q")
        assert one.error is not None
        assert one.error.code == "message.version"
        assert side in one.error.message


@pytest.mark.parametrize(
    "fields", [{"id": 7}, {"id": "x" * 201}, {"contestants": ["../etc"]}, {"contestants": 7}, {"id": None}]
)
def test_where_not_even_the_envelope_makes_sense_nobody_is_told(fields: dict[str, object]) -> None:
    sent = {"schema_version": 2, "id": "q", "contestants": ["big"], **fields}
    assert refused(msgspec.msgpack.encode(sent)) == []


def test_what_else_a_newer_question_holds_does_not_matter() -> None:
    sent = {"schema_version": 2, "id": "q", "contestants": ["big"], "remaining_ms": "soon", "payload": [1]}
    (score,) = refused(msgspec.msgpack.encode(sent))
    assert score.contestant == "big"
