"""Messages that have come and were not taken: the link's thread puts them in, a role's thread takes them out."""

import threading
from collections import deque

from roost_cloud.broker.message import Message

__all__ = ["Inbox"]


class Inbox:
    """In order of receipt. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._messages: deque[Message] = deque()
        self._finished = False

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._messages)

    def put(self, message: Message) -> None:
        """One more has come."""
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    def take(self) -> list[Message]:
        """All that wait; does not wait itself."""
        with self._changed:
            taken = list(self._messages)
            self._messages.clear()
        return taken

    def next_batch(self, max_items: int, max_wait_s: float = 0) -> list[Message] | None:
        """Wait for messages, and take them.

        Args:
            max_items: that are taken at most.
            max_wait_s: for more to come, once there is one; 0 takes what there is.

        Returns:
            One at least; None once `finish` was called, whatever still waits.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._finished)
            if max_wait_s:
                self._changed.wait_for(lambda: len(self._messages) >= max_items or self._finished, max_wait_s)
            if self._finished:
                return None
            return [self._messages.popleft() for _ in range(min(max_items, len(self._messages)))]

    def finish(self) -> None:
        """Hand out no more batches."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()
