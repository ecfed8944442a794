"""How far a transfer has come, told to whoever draws bars."""

from typing import Protocol

__all__ = ["Progress", "Unseen"]


class Progress(Protocol):
    """Told by several threads at once."""

    def expect(self, more_bytes: int) -> None:
        """So many more bytes are going to be moved."""
        ...

    def moved(self, more_bytes: int) -> None:
        """So many more bytes have been; negative if they have to be moved again."""
        ...


class Unseen:
    """Nobody looks."""

    def expect(self, more_bytes: int) -> None:
        """Say nothing."""

    def moved(self, more_bytes: int) -> None:
        """Say nothing."""
