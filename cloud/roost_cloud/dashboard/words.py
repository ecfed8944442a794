"""Figures and moments as pages write them: numbers with units, times with their zone. Pure.

>>> from datetime import timedelta
>>> noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
>>> ago(noon - timedelta(minutes=90), noon), ago(noon, noon), ago(None, noon)
('1 h ago', 'just now', 'never')
>>> when(noon), size_of(1_500_000), share_of(0.0512), count_of(10000)
('2026-12-01 12:00:00 UTC', '1.5 MB', '5.1 %', '10,000')
"""

from datetime import UTC, datetime
from typing import Final

__all__ = [
    "ago",
    "bundle_of",
    "count_of",
    "figure_of",
    "measured",
    "share_of",
    "short_of",
    "size_of",
    "span_of",
    "when",
]

_SPANS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_SIZES: Final = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
_NOW_S: Final = 5
_LARGE: Final = 1000
_UNITS: Final = {"_s": "s", "_ms": "ms", "_mb": "MB"}


def when(moment: datetime | None) -> str:
    """A moment by the server's clock."""
    return "never" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago a moment was."""
    if moment is None:
        return "never"
    past_s = (now - moment).total_seconds()
    return "just now" if past_s < _NOW_S else f"{span_of(past_s)} ago"


def span_of(seconds: float) -> str:
    """A stretch of time in its largest unit, rounded down."""
    name, unit_s = next((one for one in _SPANS if seconds >= one[1]), _SPANS[-1])
    return f"{int(seconds // unit_s)} {name}"


def size_of(size_bytes: float) -> str:
    """Bytes, by powers of ten."""
    name, unit = next((one for one in _SIZES if size_bytes >= one[1]), ("B", 1.0))
    return f"{size_bytes / unit:.3g} {name}"


def share_of(share: float | None) -> str:
    """A share in per cent."""
    if share is None:
        return "–"
    per_cent = round(100 * share, 1)
    return f"{per_cent:.0f} %" if per_cent == int(per_cent) else f"{per_cent:.1f} %"


def count_of(number: int) -> str:
    """A number of things."""
    return f"{number:,}"


def figure_of(value: float | None, unit: str = "") -> str:
    """A measured value with two places and its unit."""
    return "–" if value is None else f"{value:.2f}{unit and ' ' + unit}"


def short_of(value: float | None) -> str:
    """A number of which its size matters, in at most four figures or with commas.

    >>> short_of(18362.4), short_of(29.64), short_of(0.0123), short_of(None)
    ('18,362', '29.6', '0.0123', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:.3g}"


def measured(name: str, value: float) -> str:
    """A figure of a training run, whose name says its unit.

    >>> measured("peak_memory_bytes", 1.072e8), measured("cpu_s", 1.726), measured("accuracy.new", 0.92451)
    ('107 MB', '1.73 s', '0.9245')
    """
    if name.endswith("_bytes"):
        return size_of(value)
    for suffix, unit in _UNITS.items():
        if name.endswith(suffix):
            return f"{value:.3g} {unit}"
    return f"{value:.4g}"


def bundle_of(reference: str | None) -> str:
    """A bundle without its digest.

    >>> bundle_of("meter:8@sha256:12ab")
    'meter:8'
    """
    return "–" if reference is None else reference.partition("@")[0]
