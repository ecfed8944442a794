"""A window's row as it can be merged: its sketches read, and those that cannot be left out and named. Pure."""

from typing import Final, NamedTuple

from roost_cloud.db.tables import Window as Row
from roost_cloud.drift.decisions import Sketches, Window
from roost_shared.messages import MessageError
from roost_shared.phi import KINDS
from roost_shared.records import WindowRecord, decode_record
from roost_shared.sketches import ConfidenceHistogram, LabelCounts, Moments, SketchError

__all__ = ["Read", "read_window"]

_LONGEST_S: Final = 7 * 86_400.0


class Read(NamedTuple):
    """A window, and what is wrong with it.

    Attributes:
        window: what of it can be used.
        problems: a line for each sketch that cannot be read.
    """

    window: Window
    problems: list[str]


def read_window(row: Row) -> Read:
    """Read a row; whatever a device said, there is a window."""
    problems: list[str] = []
    try:
        record = decode_record(row.record)
    except MessageError as error:  # it could be read when it came: by a newer process
        record, problems = None, [str(error)]
    raw = record.sketches if isinstance(record, WindowRecord) else {}
    phi, labels, confidence = None, None, None
    try:
        if "phi" in raw:
            phi = _known(Moments.from_bytes(raw["phi"]))
    except SketchError as error:
        problems.append(str(error))
    try:
        if "labels" in raw:
            labels = LabelCounts.from_bytes(raw["labels"])
    except SketchError as error:
        problems.append(str(error))
    try:
        if "confidence" in raw:
            confidence = ConfidenceHistogram.from_bytes(raw["confidence"])
    except SketchError as error:
        problems.append(str(error))
    window = Window(
        identity=(row.boot, row.sequence),
        received_s=row.received_at.timestamp(),
        seconds=min(max(row.seconds, 0.0), _LONGEST_S),
        count=row.count,
        sketches=Sketches(phi, labels, confidence),
        bundle=record.bundle if isinstance(record, WindowRecord) else None,
    )
    return Read(window, problems)


def _known(phi: Moments) -> Moments | None:
    """φ of a kind that we can explain, with something measured; None of another.

    Raises:
        SketchError: it has another number of statistics than its kind.
    """
    kind = KINDS.get(phi.kind)
    if kind is not None and phi.size != len(kind.statistics):
        raise SketchError(f"φ of kind {kind.name} has {phi.size} statistics, {len(kind.statistics)} are wanted")
    return phi if kind is not None and phi.count else None
