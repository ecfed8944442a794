"""Which bundles shall be in memory, where not all that tasks name fit. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from roost_cloud.tasks.resolution import Version
from roost_shared.clock import SECOND

__all__ = ["Candidate", "choose"]

_RECENT_NS: Final = 60 * SECOND


class Candidate(NamedTuple):
    """A bundle that a task names."""

    version: Version
    loaded: bool
    asked_ns: int | None  # when a question for it last came; None: never


def choose(candidates: Iterable[Candidate], limit_bytes: int, now_ns: int, sizes: Mapping[str, int]) -> set[str]:
    """The digests of those to have in memory.

    Those loaded and in use come first, so that two that do not fit together do not drive each other out with every
    question; then those asked for, then those loaded, then the rest.

    Args:
        candidates: all.
        limit_bytes: of memory they may take together.
        now_ns: monotonic.
        sizes: what each takes in memory, in bytes, by digest, as far as that is known; else it is as on disk.
    """

    def rank(one: Candidate) -> tuple[bool, bool, str]:
        recent = one.asked_ns is not None and now_ns - one.asked_ns < _RECENT_NS
        return (not recent, not one.loaded, one.version.digest)

    chosen: set[str] = set()
    left_bytes = limit_bytes
    for one in sorted(candidates, key=rank):
        size_bytes = sizes.get(one.version.digest, one.version.size_bytes)
        if one.version.digest not in chosen and size_bytes <= left_bytes:
            chosen.add(one.version.digest)
            left_bytes -= size_bytes
    return chosen
