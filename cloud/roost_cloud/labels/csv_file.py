"""Labels as people keep them in a table: CSV with the columns `device`, `sample` and `label`, and perhaps `at`. Pure.

A line whose label is empty has not been filled in: it is passed over. A program's table may have `confidence` too.
"""

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from roost_cloud.labels.errors import BadLabelsError

__all__ = ["Line", "read_lines"]

_NEEDED: Final = ("device", "sample", "label")


class Line(NamedTuple):
    """A line that says something.

    Attributes:
        place: where it stands, for people.
        device: that the sample came from.
        sample: its name there.
        label: what it shows.
        at: when that was found; None: now.
        confidence: 0…1, of a program.
    """

    place: str
    device: str
    sample: str
    label: str
    at: datetime | None
    confidence: float | None


def read_lines(text: str) -> list[Line]:
    r"""Read a table.

    >>> [(line.place, line.label) for line in read_lines("device,sample,label\ncam,b-1,7\ncam,b-2,\n")]
    [('line 2', '7')]

    Raises:
        BadLabelsError: lines are wrong, or say two things of a sample at one time; names them all.
    """
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    lines: list[Line] = []
    problems: list[str] = []
    said: dict[tuple[str, str, datetime | None], str] = {}
    try:
        missing = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
        if missing:
            raise BadLabelsError([f"line 1: there is no column {', '.join(missing)}"])
        for row in rows:
            place = f"line {rows.line_num}"
            try:
                line = _line(place, row)
            except ValueError as error:
                problems.append(f"{place}: {error}")
                continue
            if line is None:
                continue
            if said.setdefault((line.device, line.sample, line.at), line.label) != line.label:
                problems.append(f"{place}: {line.device}/{line.sample} has another label above")
            lines.append(line)
    except csv.Error as error:
        problems.append(f"line {rows.reader.line_num}: {error}")
    if problems:
        raise BadLabelsError(problems)
    return lines


def _line(place: str, row: Mapping[Any, Any]) -> Line | None:
    """What a line says; None if it is not filled in.

    Raises:
        ValueError: it is wrong.
    """
    if None in row:
        raise ValueError("it has more fields than the first line")
    cells = {str(name): value.strip() if isinstance(value, str) else "" for name, value in row.items()}
    if not cells["device"] or not cells["sample"]:
        raise ValueError("it names no device, or no sample")
    if not cells["label"]:
        return None
    at, confidence = cells.get("at", ""), cells.get("confidence", "")
    return Line(
        place,
        cells["device"],
        cells["sample"],
        cells["label"],
        _moment(at) if at else None,
        _share(confidence) if confidence else None,
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text[:64]!r} is no moment: write 2026-11-24T12:00Z") from error
    if moment.tzinfo is None:
        raise ValueError(f"{text[:64]!r} says no zone: write 2026-11-24T12:00Z")
    return moment


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError as error:
        raise ValueError(f"the confidence {text[:64]!r} is no number") from error
    if not 0 <= share <= 1:
        raise ValueError(f"the confidence {text[:64]} is not within 0…1")
    return share
