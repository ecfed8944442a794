"""How often a contestant, or the answer, was compared with each other contestant, and how often they differed. Pure.

Eight others are told apart, by a hash of their names; beyond that, those with the smallest hashes are, and the rest
are counted together. Which these are does not depend on who came first: a name that has to go among some has to go
among more. So counts add up in any order.

>>> sketch = Disagreements()
>>> for differs in (False, True, False):
...     sketch.update("baseline", differs=differs)
>>> sketch.of("baseline")
Compared(compared=3, differed=1)
"""

import zlib
from typing import Final, NamedTuple, Self

from roost_shared.sketches.errors import SketchError
from roost_shared.sketches.slot_counts import LARGEST
from roost_shared.sketches.varints import read_count, write_counts

__all__ = ["Compared", "Disagreements"]

_TAG: Final = 0x51
_OTHERS: Final = 8  # told apart
_NAME_BYTES: Final = 4  # of a name's hash
_COUNT_BYTES: Final = 5


class Compared(NamedTuple):
    """How often two were compared, and differed."""

    compared: int
    differed: int

    def plus(self, other: "Compared") -> "Compared":
        """Both together, as far as counts go."""
        return Compared(min(self.compared + other.compared, LARGEST), min(self.differed + other.differed, LARGEST))


_NEVER: Final = Compared(0, 0)


class Disagreements:
    """Comparisons with others."""

    __slots__ = ("_by_name", "_rest")

    def __init__(self) -> None:
        self._by_name: dict[int, Compared] = {}  # by the hash of the other's name
        self._rest = _NEVER  # with those that are not told apart

    @classmethod
    def size_limit_bytes(cls) -> int:
        """No such sketch takes more on the wire."""
        return 2 + 2 * _COUNT_BYTES + _OTHERS * (_NAME_BYTES + 2 * _COUNT_BYTES)

    def update(self, other: str, *, differs: bool) -> None:
        """Count a comparison with the contestant `other`."""
        self._add(_hash(other), Compared(1, int(differs)))
        self._tidy()

    def of(self, other: str) -> Compared:
        """What was counted of one contestant; none of one that is counted with the rest."""
        return self._by_name.get(_hash(other), _NEVER)

    @property
    def total(self) -> Compared:
        """All comparisons."""
        total = self._rest
        for compared in self._by_name.values():
            total = total.plus(compared)
        return total

    def merge(self, other: Self) -> Self:
        """A new sketch of what both have counted."""
        merged = type(self)()
        merged._by_name = dict(self._by_name)  # noqa: SLF001 - our own
        merged._rest = self._rest.plus(other._rest)  # noqa: SLF001 - our own
        for name, compared in other._by_name.items():
            merged._add(name, compared)  # noqa: SLF001 - our own
        merged._tidy()  # noqa: SLF001 - our own
        return merged

    def to_bytes(self) -> bytes:
        """For the wire: how many names, each with its two counts, and the two of the rest."""
        names = b"".join(
            name.to_bytes(_NAME_BYTES, "little") + write_counts(self._by_name[name]) for name in sorted(self._by_name)
        )
        return bytes((_TAG, len(self._by_name))) + names + write_counts(self._rest)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` wrote.

        Raises:
            SketchError: `data` is not that.
        """
        if len(data) < 2 or data[0] != _TAG or data[1] > _OTHERS:  # noqa: PLR2004 - the head
            raise SketchError(f"{len(data)} bytes are no {cls.__name__} of a version that we read")
        sketch, start, last = cls(), 2, -1
        for _ in range(data[1]):
            name = int.from_bytes(data[start : start + _NAME_BYTES], "little")
            compared, start = _read_compared(data, start + _NAME_BYTES)
            if name <= last or not compared.compared:
                raise SketchError(f"{cls.__name__}: names are not in order, or one was never compared")
            sketch._by_name[name], last = compared, name
        sketch._rest, start = _read_compared(data, start)
        if start != len(data) or (sketch._rest.compared and len(sketch._by_name) < _OTHERS):
            raise SketchError(f"{cls.__name__}: {len(data) - start} bytes too many, or a rest beside a name to spare")
        return sketch

    def _add(self, name: int, compared: Compared) -> None:
        self._by_name[name] = self._by_name.get(name, _NEVER).plus(compared)

    def _tidy(self) -> None:
        while len(self._by_name) > _OTHERS:
            self._rest = self._rest.plus(self._by_name.pop(max(self._by_name)))

    def __eq__(self, other: object) -> bool:
        """Whether both have counted the same."""
        if not isinstance(other, Disagreements):
            return NotImplemented
        return self._by_name == other._by_name and self._rest == other._rest

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        """For people who debug."""
        return f"<Disagreements {self._by_name} and {self._rest}>"


def _hash(name: str) -> int:
    return zlib.crc32(name.encode())


def _read_compared(data: bytes, start: int) -> tuple[Compared, int]:
    compared, start = read_count(data, start, at_most=LARGEST)
    differed, start = read_count(data, start, at_most=compared)
    return Compared(compared, differed), start
