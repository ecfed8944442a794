"""A replay, page after page, with its progress in a file: an interrupted one goes on, and ends with the same report.

After each page the file holds the place of the next and the sums so far, and a page counts once it does. The file of a
finished replay gives its report again.
"""

from pathlib import Path
from typing import Final, Protocol

import msgspec

from roost_cloud.replay.replayer import LeftOutError, Replayer
from roost_cloud.replay.report import Question, Report, report_of
from roost_cloud.replay.source import Source
from roost_cloud.replay.span import Span
from roost_cloud.replay.tally import Tally
from roost_shared.durable import write_durably
from roost_shared.errors import ContentError
from roost_shared.messages import UNREADABLE

__all__ = ["Progress", "ReplayState", "StateError", "load_state", "run_replay"]

_SCHEMA: Final = 1


class StateError(ContentError):
    """The file of a replay's state is none, or of another replay."""

    code = "replay.state"


class Progress(Protocol):
    """Is told how far a replay has come."""

    def moved(self, share: float, requests: int) -> None:
        """So much of the span is done, 0…1, and so many requests are."""
        ...


class ReplayState(msgspec.Struct):
    """How far a replay has come.

    Attributes:
        question: what it is about; `until` may be open in it.
        span: that it was begun with.
        after: the last page that is in the sums; None: none is.
        done: there is no other.
        contestant: in whose place the other bundle runs, if that is known by now.
        tally: the sums.
        schema_version: of this file.
    """

    question: Question
    span: Span
    after: str | None = None
    done: bool = False
    contestant: str | None = None
    tally: Tally = msgspec.field(default_factory=Tally)
    schema_version: int = _SCHEMA


def load_state(path: Path, question: Question) -> ReplayState | None:
    """The state in a file; None if there is no file yet.

    Raises:
        StateError: it cannot be read, or belongs to another question.
        OSError: the disk refused.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        state = msgspec.json.decode(data, type=ReplayState)
    except UNREADABLE as error:
        raise StateError(f"{path} is no state of a replay: {error}; give another file") from error
    if state.schema_version != _SCHEMA or state.question != question:
        raise StateError(f"{path} is the state of another replay: give another file, or remove it")
    return state


def run_replay(
    source: Source,
    replayer: Replayer,
    state: ReplayState,
    *,
    truth: dict[str, str],
    path: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Play what is left, and report.

    Args:
        source: of the requests.
        replayer: plays them.
        state: how far it is; changed.
        truth: labels by sample.
        path: where the state is kept.
        progress: is told how far it has come.

    Raises:
        UnclearContestantError: in whose place the other bundle shall be cannot be told.
        RemoteError, ApiUnreachableError, ApiAnswerError: the source failed; what is done is kept.
        OSError: the state cannot be kept.
    """
    while not state.done:
        page = source.page(state.after)
        for recorded in page.items:
            try:
                state.tally.add(replayer.replay(recorded), truth.get(recorded.sample))
            except LeftOutError as error:
                state.tally.leave_out(error)
        state.contestant = replayer.contestant
        state.after, state.done = page.next, page.next is None
        if path is not None:
            write_durably(path, msgspec.json.encode(state))
        if progress is not None and page.items:
            share = 1.0 if state.done else state.span.share_behind(page.items[-1].received_at)
            progress.moved(share, state.tally.read)
    return report_of(state.tally, state.question, state.contestant)
