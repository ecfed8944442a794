"""What a message on an `ask` topic asks, checked whole before anything is spent on it. Pure.

Whoever may publish there is a device, which may be broken or hostile: what it names is bounded, since all of it comes
back in scores.
"""

import math
from typing import Final, NamedTuple

import msgspec

from roost_cloud.broker.message import Message
from roost_cloud.tasks.document import CONTESTANTS_MAX
from roost_shared.clock import ms_to_ns
from roost_shared.messages import SCHEMA_VERSION, UNREADABLE, ErrorInfo, MessageError, VersionMismatchError
from roost_shared.questions import CloudScore, Question, decode_msgpack
from roost_shared.topics import is_name, parse_task_topic

__all__ = ["Asked", "BadQuestionError", "RetainedQuestionError", "read_question", "reply_topic", "version_refusals"]

_ID_CHARS: Final = 200
_LONGEST_MS: Final = 600_000.0  # beyond it a question waits no longer than this


class BadQuestionError(MessageError):
    """A question is well formed and makes no sense."""

    code = "question.invalid"


class RetainedQuestionError(MessageError):
    """A question comes whenever we subscribe, and nobody has asked it just now."""

    code = "question.retained"


class Asked(NamedTuple):
    """A question, and where its scores go."""

    tenant: str
    device: str
    task: str
    question: Question
    received_ns: int  # monotonic
    until_ns: int  # a score is of no use after that
    reply_topic: str


def read_question(message: Message) -> Asked:
    """Read a message.

    Raises:
        VersionMismatchError: it follows another version; `version_refusals` is what to say to that.
        MessageError: it is no question that can be answered; says why. Nobody is told: where the answer would go, or
            what it would be about, cannot be known.
    """
    topic = parse_task_topic(message.topic)
    if topic is None or topic.kind != "ask":
        raise MessageError("it came on no topic of a device's questions")
    if message.retained:
        raise RetainedQuestionError("a broker keeps it: whoever asked had it retained")
    question = decode_msgpack(message.payload, Question)
    problem = _problem(question)
    if problem is not None:
        raise BadQuestionError(problem)
    remaining_ms = min(max(question.remaining_ms, 0.0), _LONGEST_MS)
    return Asked(
        tenant=topic.tenant,
        device=topic.device,
        task=topic.task,
        question=question,
        received_ns=message.received_ns,
        until_ns=message.received_ns + ms_to_ns(remaining_ms),
        reply_topic=reply_topic(message.topic),
    )


def reply_topic(ask_topic: str) -> str:
    """Where scores go for questions that came on this topic.

    >>> reply_topic("roost/1/acme/d/cam-01/ask/meter")
    'roost/1/acme/d/cam-01/score'
    """
    return f"{ask_topic.rpartition('/ask/')[0]}/score"


def version_refusals(payload: bytes, error: VersionMismatchError) -> list[CloudScore]:
    """What to say to a question of another version, in that version; nothing if not even that can be read.

    Args:
        payload: the message's.
        error: what `read_question` said of it.
    """
    try:
        envelope = msgspec.msgpack.decode(payload, type=_Envelope)
    except UNREADABLE:
        return []
    if _envelope_problem(envelope.id, envelope.contestants) is not None:
        return []
    side = "the scorers" if error.theirs > SCHEMA_VERSION else "whoever asks"
    text = f"the question has schema_version {error.theirs}, scorers read {SCHEMA_VERSION}: upgrade {side}"
    return [
        CloudScore(
            schema_version=error.theirs, id=envelope.id, contestant=contestant, error=ErrorInfo(error.code, text)
        )
        for contestant in (*envelope.contestants,) or (None,)  # a probe is answered by none of them
    ]


class _Envelope(msgspec.Struct):
    """What a question of any version has."""

    id: str
    contestants: list[str]


def _problem(question: Question) -> str | None:
    problem = _envelope_problem(question.id, question.contestants)
    if problem is not None:
        return problem
    if math.isnan(question.remaining_ms):
        return "its remaining time is no number"
    if question.content_type is not None and len(question.content_type) > _ID_CHARS:
        return "its content type is too long"
    return None


def _envelope_problem(question_id: str, names: list[str]) -> str | None:
    if not 0 < len(question_id) <= _ID_CHARS:
        return f"its id has {len(question_id)} characters, not 1 to {_ID_CHARS}"
    if len(names) > CONTESTANTS_MAX:
        return f"it is for {len(names)} contestants, a task has at most {CONTESTANTS_MAX}"
    if not all(map(is_name, names)) or len(set(names)) != len(names):
        return "its contestants are no names, or one comes twice"
    return None
