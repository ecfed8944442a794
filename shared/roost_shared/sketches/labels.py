"""How often each label was said, in 64 counts however many labels there are. Pure.

Which labels share a count must not depend on what was said first or most: then counts of two windows could not be
added. So a label's slot follows from the label space alone: its place among the labels in alphabetical order, modulo
63; the last slot takes what is outside the label space (a default, say). Up to 63 labels, none shares.

>>> space = LabelSpace(["dog", "cat"])
>>> counts = LabelCounts(space.digest)
>>> for label in ("cat", "cat", "unknown", None):
...     counts.update(space.slot(label))
>>> counts.counts[0], counts.counts[1], counts.counts[LabelCounts.OTHER], space.labels_in(0)
(2, 0, 2, ['cat'])
"""

import zlib
from collections.abc import Iterable
from typing import ClassVar, Final, Self

from roost_shared.sketches.slot_counts import SlotCounts

__all__ = ["LabelCounts", "LabelSpace"]

_SLOTS: Final = 64


class LabelCounts(SlotCounts):
    """Counts of labels.

    Args:
        space: digest of the label space that slots are of.
    """

    TAG = 0x31
    SLOTS = _SLOTS
    HEAD_BYTES = 5
    OTHER: ClassVar[int] = _SLOTS - 1  # the slot of what is no label of the space

    __slots__ = ("space",)

    def __init__(self, space: int) -> None:
        super().__init__()
        self.space = space

    def update(self, slot: int) -> None:
        """Count a label, by the slot that its `LabelSpace` gives."""
        self.count(slot)

    def _head(self) -> bytes:
        return bytes((self.TAG,)) + self.space.to_bytes(4, "little")

    @classmethod
    def _from_head(cls, head: bytes) -> Self:
        return cls(int.from_bytes(head[1:], "little"))


class LabelSpace:
    """What can be said, and which count it falls into.

    Args:
        labels: all of them, in any order.

    Attributes:
        digest: tells it from another label space, 32 bits.
    """

    def __init__(self, labels: Iterable[str]) -> None:
        self._labels = sorted(set(labels))
        self._slots = {label: place % LabelCounts.OTHER for place, label in enumerate(self._labels)}
        self.digest = zlib.crc32("\0".join(self._labels).encode())

    def slot(self, label: str | None) -> int:
        """The slot of a label; of what is none, `LabelCounts.OTHER`."""
        return LabelCounts.OTHER if label is None else self._slots.get(label, LabelCounts.OTHER)

    def labels_in(self, slot: int) -> list[str]:
        """The labels that fall into a slot, none into `LabelCounts.OTHER`."""
        return [label for label in self._labels if self._slots[label] == slot]
