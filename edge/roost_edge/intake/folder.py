"""Inputs from a watched folder: put a file there, find its answer as `done/NAME.json`.

It works without any broker. The folder is looked at a few times a second: that tells the same on every file system,
where notices of changes do not reach across a network's. A file is an input once it is complete (`settling`), unless
its name begins with a dot or ends as those of unfinished files do. Looking, reading and writing happen in a thread;
the loop only hands over what was read, at most as many inputs and bytes at a time as there is room for.

An input's deadline counts from the moment it was read. Its answer is handed over when the thread has it; should the
disk refuse it, the input stays, and writing is tried again.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from roost_edge.intake.inbox import Collected, Found, Inbox
from roost_edge.intake.inputs import Delivery, Input
from roost_edge.loop.errands import Errands
from roost_edge.loop.reactor import Reactor
from roost_edge.settings.config import FolderConfig
from roost_shared.clock import MS, SECOND, Clock, ms_to_ns, timestamp
from roost_shared.complaints import Complaints
from roost_shared.messages import Answer, ErrorInfo

__all__ = ["FolderIntake", "FolderReply"]

MORE_NS: Final = 5 * MS  # between two looks while more is ready
RETRY_NS: Final = 2 * SECOND  # until an answer that could not be written is tried again
GOODBYE_S: Final = 2.0  # for answers on their way to the disk


class FolderReply:
    """The way back to a folder."""

    __slots__ = ("_found", "_intake")

    def __init__(self, intake: "FolderIntake", found: Found) -> None:
        self._intake = intake
        self._found = found

    def answered(self) -> bool:
        """Never: a file is read once."""
        return False

    def can_deliver(self) -> bool:
        """Whether the disk took the answer before this one."""
        return self._intake.writable

    def deliver(self, answer: Answer) -> Delivery:
        """Have the answer written and the input put away."""
        handed = self._intake.writable
        self._intake.put_away(self._found, answer)
        return Delivery.HANDED if handed else Delivery.QUEUED

    def settled(self) -> None:
        """Nothing to do: the input goes when its answer is on the disk."""


class FolderIntake:
    """Turns the files of one task's folder into inputs.

    Args:
        task: the task.
        config: which folder, and how.
        reactor: the loop it lives in.
        clock: for times of reading and the wall time that answers state.
        complaints: where faults of files and disk are counted.
        limit_bytes: a larger file is not read.
        room: how many inputs may be handed over now.
        take: called with each input.
        refuse: called with each input that cannot be asked about, and why.

    Attributes:
        writable: the disk took the last answer.
    """

    def __init__(
        self,
        task: str,
        config: FolderConfig,
        reactor: Reactor,
        clock: Clock,
        complaints: Complaints,
        *,
        limit_bytes: int,
        room: Callable[[], int],
        take: Callable[[Input], None],
        refuse: Callable[[Input, ErrorInfo], None],
    ) -> None:
        self.writable = True
        self._task = task
        self._config = config
        self._reactor = reactor
        self._clock = clock
        self._complaints = complaints
        self._room = room
        self._take = take
        self._refuse = refuse
        self._inbox = Inbox(
            config.path, clock, settle_ns=ms_to_ns(config.settle_ms), limit_bytes=limit_bytes, done=config.done
        )
        self._errands: Errands | None = None
        self._stopped = False
        self._taken = 0
        self._put_away = 0
        self._unwritten: set[str] = set()  # inputs whose answer the disk refused so far

    def begin(self) -> None:
        """Begin to look into the folder."""
        self._errands = Errands(self._reactor, f"folder {self._task}")
        self._look()

    def stop(self) -> None:
        """Take no more inputs; those taken are still answered."""
        self._stopped = True

    def close(self) -> None:
        """Wait until the answers given are on the disk, two seconds at most."""
        if self._errands is not None:
            self._errands.close(GOODBYE_S)

    def put_away(self, found: Found, answer: Answer) -> None:
        """Have an input's answer written, and the input moved or deleted."""
        assert self._errands is not None  # noqa: S101 - nothing was found before it began; tells mypy
        self._errands.run(partial(self._inbox.put_away, found, answer), partial(self._is_put_away, found, answer))

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        return {
            "path": str(self._config.path),
            "taken": self._taken,
            "put_away": self._put_away,
            "under_way": self._taken - self._put_away,
            "unwritten": len(self._unwritten),
        }

    # ---- taking

    def _look(self) -> None:
        if self._stopped or self._errands is None:
            return
        room = self._room() - len(self._unwritten)
        if room > 0:
            self._errands.run(partial(self._inbox.collect, room), self._collected)
        else:
            self._look_again(soon=self.writable)

    def _collected(self, collected: Collected) -> None:
        for note in collected.notes:
            self._complaints.note(note.code, f"{self._task}: {note.message}")
        if self._stopped:
            return  # what was read stays in the folder for the next start
        for found in collected.found:
            self._taken += 1
            self._hand_over(found)
        self._look_again(soon=collected.more)

    def _look_again(self, *, soon: bool) -> None:
        self._reactor.call_after(MORE_NS if soon else ms_to_ns(self._config.poll_ms), self._look)

    def _hand_over(self, found: Found) -> None:
        given = Input(
            key=f"f-{self._task}/{found.id}",
            id=found.id,
            task=self._task,
            payload=found.payload,
            content_type=None,
            received_ns=found.read_ns,
            received_at=timestamp(self._clock.wall()),
            reply=FolderReply(self, found),
            backlog=found.backlog,
            redelivered=found.redelivered,
        )
        if found.error is None:
            self._take(given)
        else:
            self._refuse(given, found.error)

    # ---- putting away

    def _is_put_away(self, found: Found, answer: Answer, error: ErrorInfo | None) -> None:
        self.writable = error is None
        if error is None:
            self._put_away += 1
            self._unwritten.discard(found.name)
            return
        self._complaints.note(error.code, f"{self._task}: {error.message}")
        self._unwritten.add(found.name)
        late = msgspec.structs.replace(answer, deadline_met=False)
        self._reactor.call_after(RETRY_NS, partial(self.put_away, found, late))
