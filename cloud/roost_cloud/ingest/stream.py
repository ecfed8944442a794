"""Takes messages of one kind from the broker, has them stored, and acknowledges what is stored.

A database that is away is waited for, with the batch in hand and nothing acknowledged: the broker keeps the rest. What
cannot be read is acknowledged: it would be no better next time.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from sqlalchemy.orm import Session

from roost_cloud.broker.link import BrokerLink
from roost_cloud.broker.message import Message
from roost_cloud.db import Database
from roost_cloud.guard import typed
from roost_shared.backoff import Backoff
from roost_shared.chance import CHANCE
from roost_shared.clock import MS, SECOND, Clock
from roost_shared.complaints import Complaints
from roost_shared.messages import MessageError

__all__ = ["Kind", "Stream"]

_FIRST_WAIT_NS: Final = 200 * MS
_LONGEST_WAIT_NS: Final = 10 * SECOND

_Item = TypeVar("_Item")
_Stored = TypeVar("_Stored")


@dataclass(frozen=True)
class Kind(Generic[_Item, _Stored]):
    """What is done with a kind of message.

    Attributes:
        name: of the thread.
        at_once: messages to a transaction, at most.
        read: makes something of a message, or raises `MessageError`.
        refuse: told of one that could not be read.
        store: stores what was read, in a transaction that is committed after it.
        done: told what `store` gave, once it has been committed.
    """

    name: str
    at_once: int
    read: Callable[[Message], _Item]
    refuse: Callable[[Message, MessageError], None]
    store: Callable[[Session, Sequence[_Item]], _Stored]
    done: Callable[[_Stored], None]


class Stream(Generic[_Item, _Stored]):
    """A thread of the role.

    Args:
        link: subscribed to messages of the kind, and not started yet.
        database: where to.
        kind: what is done with them.
        clock: for complaints about the database.
        draw: randomness for the waits, evenly in 0…1.
    """

    def __init__(
        self,
        link: BrokerLink,
        database: Database,
        kind: Kind[_Item, _Stored],
        *,
        clock: Clock,
        draw: Callable[[], float] = CHANCE.random,
    ) -> None:
        self.link = link
        self._database = database
        self._kind = kind
        self._complaints = Complaints(clock)
        self._draw = draw
        self._backoff = Backoff(_FIRST_WAIT_NS, _LONGEST_WAIT_NS)
        self._stopping = threading.Event()
        self._storing_fails: str | None = None
        self._thread = threading.Thread(target=self._work, name=kind.name)

    @property
    def problem(self) -> str | None:
        """Why nothing is taken in just now, in a line; None if it is."""
        return self._storing_fails or self.link.problem

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self.link.start()

    def stop(self) -> None:
        """Store and acknowledge the batch in hand, if that works at once, and end."""
        self._stopping.set()
        self.link.finish()
        if self._thread.ident is not None:
            self._thread.join()
        self.link.stop()

    def _work(self) -> None:
        for batch in self.link.batches(self._kind.at_once):
            items = self._read(batch)
            if not self._store(items):
                return  # unacknowledged, and it comes again
            self.link.acknowledge(batch)

    def _read(self, batch: list[Message]) -> list[_Item]:
        items = []
        for message in batch:
            try:
                items.append(self._kind.read(message))
            except MessageError as error:
                self._kind.refuse(message, error)
            except Exception as raised:  # noqa: BLE001 - the boundary of a message: it is refused, and no other
                fault = typed(raised, loop=self._kind.name, topic=message.topic[:255])
                self._kind.refuse(message, MessageError(str(fault)))
        return items

    def _store(self, items: list[_Item]) -> bool:
        """Store; whether that was done before we were stopped."""
        while True:
            try:
                with self._database.begin() as session:
                    stored = self._kind.store(session, items)
            except Exception as raised:  # noqa: BLE001 - the boundary of a batch, which is tried again until it is stored
                error = typed(raised, loop=self._kind.name)
                self._storing_fails = str(error)
                self._complaints.note(error.code, str(error))
                if self._stopping.wait(self._backoff.next_ns(self._draw()) / SECOND):
                    return False
            else:
                self._storing_fails = None
                self._backoff.reset()
                self._kind.done(stored)
                return True
