"""What a trainer says while it works, and how it hears that it shall stop."""

from typing import Protocol

__all__ = ["Progress", "TrainingCancelledError"]


class TrainingCancelledError(Exception):
    """The run was cancelled: the trainer is to let this pass through, having cleaned up behind it."""


class Progress(Protocol):
    """Where a trainer tells how far it is."""

    def step(self, done: int, total: int, what: str) -> None:
        """Say how far the work is; often enough that a person sees it move, and that a cancellation is heard.

        Args:
            done: steps done of this piece of work.
            total: steps it has.
            what: the piece of work, in a few words.

        Raises:
            TrainingCancelledError: the run was cancelled.
        """

    def metric(self, name: str, value: float) -> None:
        """Record a figure of the run, by a dotted name; not a number is refused by whoever reads it."""

    def log(self, text: str) -> None:
        """Add a line to the run's log."""
