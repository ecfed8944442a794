r"""What a message on a score topic is: a score that somebody waits for; else why it is none, by name. Pure.

Whoever asks scorers hears of scores that come twice, of another version, or for somebody else. Each has a code of its
own, by which it is counted and named; none of them is an answer.

>>> read_score(b"\xc1", retained=False).code
'score.unreadable'
>>> score = CloudScore(id="b1:7", contestant="big", label="7")
>>> stray(score, QuestionIds("b1"), asked=["big"]).code
'score.duplicate'
>>> stray(score, QuestionIds("b2"), asked=None).code
'score.foreign'
"""

from collections.abc import Collection
from typing import Final

from roost_shared.asking.question_ids import QuestionIds
from roost_shared.messages import ErrorInfo, MessageError, VersionMismatchError
from roost_shared.questions import CloudScore, decode_msgpack

__all__ = ["brief", "read_score", "stray", "version_skew"]

_NAME_CHARS: Final = 64  # of an id, a contestant's name or a code that we repeat
_TEXT_CHARS: Final = 256


def read_score(payload: bytes, *, retained: bool) -> CloudScore | ErrorInfo:
    """The score in a message, or why there is none.

    Args:
        payload: the message's.
        retained: the broker had it before we subscribed.
    """
    if retained:
        return ErrorInfo("score.retained", "a broker keeps a score: whoever sent it had it retained")
    try:
        return decode_msgpack(payload, CloudScore)
    except VersionMismatchError as error:
        return ErrorInfo("score.version", str(error))
    except MessageError as error:
        return ErrorInfo("score.unreadable", str(error))


def stray(score: CloudScore, ours: QuestionIds, asked: Collection[str] | None) -> ErrorInfo:
    """Why nobody waits for a score for which nobody does.

    Args:
        score: as it came; no probe of ours that comes back.
        ours: the ids of our questions.
        asked: the contestants that its question was for; None: we know of no such question.
    """
    says = f"{str(score.contestant)[:_NAME_CHARS]!r} answers {score.id[:_NAME_CHARS]!r}"
    if asked is None and score.id in ours:
        return ErrorInfo("score.unknown", f"{says}: a question we do not know")
    if asked is None:
        return ErrorInfo("score.foreign", f"{says}: somebody else's question, or an earlier boot's")
    if score.contestant not in asked:
        return ErrorInfo("score.wrong_contestant", f"{says}, and was not asked")
    return ErrorInfo("score.duplicate", f"{says}, and has before")


def version_skew(score: CloudScore) -> ErrorInfo | None:
    """What a scorer says that does not read our version, and so which side to upgrade; None if it reads it."""
    error = score.error
    return brief(error) if error is not None and error.code == VersionMismatchError.code else None


def brief(error: ErrorInfo) -> ErrorInfo:
    """A scorer's own error, no longer than an answer repeats."""
    return ErrorInfo(error.code[:_NAME_CHARS], error.message[:_TEXT_CHARS])
