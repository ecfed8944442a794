"""What the gate said of a candidate, as far as a run goes by it; the rest is kept as it came."""

from pathlib import Path
from typing import Any, Final

import msgspec

from roost_shared.errors import ContentError
from roost_shared.messages import UNREADABLE

__all__ = ["Verdict", "VerdictError", "read_verdict", "verdict_of"]

_BYTES: Final = 1 << 20


class VerdictError(ContentError):
    """The gate left no verdict that can be read."""

    code = "run.no_verdict"


class Reason(msgspec.Struct, frozen=True):
    """A check of the gate's."""

    check: str
    passed: bool
    sentence: str


class Verdict(msgspec.Struct, frozen=True):
    """Whether a candidate is good enough, and why."""

    passed: bool
    reasons: tuple[Reason, ...]
    document: dict[str, Any]

    @property
    def summary(self) -> str:
        """What it fell through by, or that it passed."""
        failed = [one.sentence for one in self.reasons if not one.passed]
        return "; ".join(failed) if failed else f"passed all {len(self.reasons)} checks"


class _Document(msgspec.Struct, frozen=True):
    passed: bool
    reasons: tuple[Reason, ...]


def read_verdict(file: Path) -> Verdict:
    """Read what the gate left.

    Raises:
        VerdictError: there is nothing, or it cannot be read.
    """
    try:
        data = file.read_bytes()
        if len(data) > _BYTES:
            raise VerdictError(f"{file.name} has {len(data)} bytes")
        document = msgspec.json.decode(data)
    except (OSError, *UNREADABLE) as error:
        raise VerdictError(f"{file.name} cannot be read: {error}") from error
    return verdict_of(document)


def verdict_of(document: Any) -> Verdict:
    """A verdict of its document.

    Raises:
        VerdictError: it is none.
    """
    try:
        told = msgspec.convert(document, _Document)
    except msgspec.ValidationError as error:
        raise VerdictError(f"it is no verdict: {error}") from error
    return Verdict(told.passed, told.reasons, document)
