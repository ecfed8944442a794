"""Moments as people write them: `2026-11-24`, `2026-11-24T12:00Z`, or how long ago: `7d`, `12h`, `30m`. Pure.

>>> from datetime import UTC, datetime
>>> now = datetime(2026, 11, 24, 12, tzinfo=UTC)
>>> moment_of("12h", now).isoformat(), moment_of("2026-11-01", now).isoformat()
('2026-11-24T00:00:00+00:00', '2026-11-01T00:00:00+00:00')
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

__all__ = ["moment_of"]

_AGO: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment_of(text: str, now: datetime) -> datetime:
    """The moment; UTC where no zone is said.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        if (ago := _AGO.fullmatch(text)) is not None:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is no moment: write 2026-11-24, 2026-11-24T12:00Z or 7d") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
