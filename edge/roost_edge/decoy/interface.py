"""Who keeps what the decoy decides to keep, as the decoy sees it."""

from collections.abc import Callable
from typing import Any, Protocol

from roost_edge.workers import SharedPayload
from roost_shared.messages import ErrorInfo
from roost_shared.records import SampleRecord

__all__ = ["Done", "Keeper"]

Done = Callable[[ErrorInfo | None], object]
"""Called once: None when it is durable, else why it is not kept."""


class Keeper(Protocol):
    """Keeps inputs and records; never blocks."""

    @property
    def figures(self) -> dict[str, Any]:
        """What it counts, for the status document."""
        ...

    @property
    def is_coming(self) -> bool:
        """It is not there yet and will be in a moment: for that, and not for the disk, all that it was given waits."""
        ...

    def keep(
        self,
        record: SampleRecord,
        payload: SharedPayload,
        done: Done,
        *,
        priority: int,
        content_type: str | None,
        correlation: str,
        redelivered: bool,
    ) -> bool:
        """Have an input kept, with the record on it, whose `input` it fills in; it holds `payload` until then.

        Args:
            record: what was said of the input.
            payload: its bytes.
            done: hears of the outcome.
            priority: higher ones outlive lower ones where room runs out.
            content_type: as the sender said.
            correlation: what tells the input from another of the same bytes.
            redelivered: an earlier boot may have kept it.

        Returns:
            False if too much waits for the disk: it is not kept, and `done` is not called.
        """
        ...

    def note(self, record: bytes, done: Done) -> bool:
        """Have a record kept for the cloud; returns as `keep` does."""
        ...

    def hurry(self) -> None:
        """Much waits for what was given: keep it now, and do not wait for more that could be kept with it."""
        ...

    def raise_priority(self, sample: str, priority: int, likelier: float = 1.0) -> None:
        """Something speaks for an input that is kept already.

        Args:
            sample: it.
            priority: it is worth now.
            likelier: by how much likelier it was to be kept, knowing that, than was said.
        """
        ...
