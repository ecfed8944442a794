"""Something that goes on beside the pictures: a person's work, in a thread, that nobody's answer waits for."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from queue import Empty, SimpleQueue

from roost_shared.errors import RoostError

__all__ = ["Scene"]


class Scene(ABC):
    """One of them.

    Attributes:
        error: why it was given up; None if it was not.
    """

    def __init__(self) -> None:
        self.error: str | None = None
        self._said: SimpleQueue[str] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether all was done, or given up."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def hear(self, tell: Callable[[str], None]) -> None:
        """Pass on what was said since."""
        while True:
            try:
                tell(self._said.get_nowait())
            except Empty:
                return

    @abstractmethod
    def play(self) -> None:
        """Do it; in the thread.

        Raises:
            RoostError: it cannot be done.
        """

    def say(self, text: str) -> None:
        """Have people told."""
        self._said.put(text)

    def _run(self) -> None:
        try:
            self.play()
        except RoostError as error:
            self.error = f"{error.code}: {error}"
            self.say(f"given up: {error}")
