"""What the spool holds and what became of the rest, counted as it changes; both threads may ask and tell."""

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from roost_edge.spool.segments import Place

__all__ = ["Held", "Tally"]


class Held(msgspec.Struct, frozen=True):
    """What the tally needs to know of an entry."""

    place: Place
    priority: int
    sealed: bool


class Tally:
    """Counts. Those of what is held come from the index at the start; those of what happened are of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Counter[int] = Counter()  # bytes of entries that may still be thinned, by priority
        self._entries: Counter[int] = Counter()
        self._sealed_bytes = 0
        self._by_segment: dict[int, list[int]] = {}  # entries, bytes
        self._outbox_bytes = 0
        self._happened: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    # ---- what is held

    def added(self, held: Iterable[Held]) -> None:
        """These are in the index now."""
        with self._lock:
            for one in held:
                self._count(one, 1)

    def removed(self, held: Iterable[Held]) -> None:
        """These are not any more."""
        with self._lock:
            for one in held:
                self._count(one, -1)

    def changed(self, before: Iterable[Held], after: Iterable[Held]) -> None:
        """These are something else now."""
        with self._lock:
            for one in before:
                self._count(one, -1)
            for one in after:
                self._count(one, 1)

    def _count(self, one: Held, sign: int) -> None:
        size_bytes = sign * one.place.size_bytes
        if one.sealed:
            self._sealed_bytes += size_bytes
        else:
            self._open[one.priority] += size_bytes
        self._entries[one.priority] += sign
        segment = self._by_segment.setdefault(one.place.segment, [0, 0])
        segment[0] += sign
        segment[1] += size_bytes
        if segment == [0, 0]:  # the two threads' counts may cross
            del self._by_segment[one.place.segment]

    def outbox_grew(self, size_bytes: int) -> None:
        """By this much, or shrank."""
        with self._lock:
            self._outbox_bytes += size_bytes

    @property
    def outbox_bytes(self) -> int:
        """Of records that the outbox itself holds."""
        with self._lock:
            return self._outbox_bytes

    @property
    def entry_bytes(self) -> int:
        """Of all entries."""
        with self._lock:
            return self._sealed_bytes + sum(self._open.values())

    @property
    def sealed_bytes(self) -> int:
        """Of entries in lists."""
        with self._lock:
            return self._sealed_bytes

    def open_bytes(self) -> dict[int, int]:
        """Of entries that may be thinned, by priority."""
        with self._lock:
            return {priority: size_bytes for priority, size_bytes in self._open.items() if size_bytes}

    def in_segment(self, number: int) -> int:
        """Bytes that count in a segment."""
        with self._lock:
            return self._by_segment.get(number, [0, 0])[1]

    # ---- what happened

    def happened(self, what: str, times: int = 1) -> None:
        """Something worth counting."""
        with self._lock:
            self._happened[what] += times

    def dropped(self, reason: str, times: int) -> None:
        """Entries went before the cloud had them."""
        with self._lock:
            self._dropped[reason] += times

    def refused(self, code: str, times: int) -> None:
        """Entries were not kept."""
        with self._lock:
            self._refused[code] += times

    def describe(self) -> dict[str, Any]:
        """All of it, for the status document."""
        with self._lock:
            return {
                "entries": {str(priority): count for priority, count in sorted(self._entries.items()) if count},
                "entry_bytes": self._sealed_bytes + sum(self._open.values()),
                "sealed_bytes": self._sealed_bytes,
                "outbox_bytes": self._outbox_bytes,
                "dropped": dict(self._dropped),
                "refused": dict(self._refused),
                **{name: self._happened[name] for name in _HAPPENINGS},
            }


_HAPPENINGS = (
    "kept",
    "groups",
    "matched",
    "committed",
    "outbox_thinned",
    "outbox_lost",
    "records_damaged",
    "compacted",
    "rebuilt",
)
