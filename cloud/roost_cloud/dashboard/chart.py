"""Drawings of numbers over time as SVG, which scale to their place while lines and dots keep their width. Pure.

Text is HTML around them, so that it can be read at any width; colours are the style sheet's, light and dark.

>>> str(sparkline([1.0, 3.0], [2.0, 2.0])).count("<path")
3
"""

from collections.abc import Callable, Iterable, Sequence
from math import log10
from typing import Final, NamedTuple

from roost_cloud.dashboard.markup import Markup, tag

__all__ = ["Axis", "Mark", "chart", "logarithmic", "sparkline"]

_WIDE: Final = 1000.0
_HIGH: Final = 100.0
_EDGE: Final = 4.0  # so that dots at the rim are whole
_Scale = Callable[[float], float]


class Mark(NamedTuple):
    """A moment that something is said of: at which place of the x axis, 0…1."""

    at: float
    kind: str


class Axis(NamedTuple):
    """How numbers become heights.

    Attributes:
        low: at the bottom.
        high: at the top.
        scale: of the numbers between.
    """

    low: float
    high: float
    scale: _Scale = float

    def y(self, value: float) -> float:
        """Where a value is, from the top."""
        low, high = self.scale(self.low), self.scale(self.high)
        share = (self.scale(min(max(value, self.low), self.high)) - low) / (high - low) if high > low else 0.5
        return _HIGH - _EDGE - share * (_HIGH - 2 * _EDGE)


def logarithmic(value: float) -> float:
    """For what is above 0, mostly small, and sometimes a hundred times as large."""
    return log10(1 + max(value, 0.0))


def chart(
    places: Sequence[float],
    values: Sequence[float | None],
    axis: Axis,
    *,
    says: str,
    band: tuple[float, float] | None = None,
    lines: Iterable[Sequence[float | None]] = (),
    bad: Sequence[bool] = (),
    dim: Sequence[bool] = (),
    marks: Iterable[Mark] = (),
) -> Markup:
    """A line with dots.

    Args:
        places: on the x axis, 0…1, one a value.
        values: None: there is none, and the line breaks.
        axis: of the values.
        says: what it shows, for those who hear it.
        band: from where to where values usually are.
        lines: others, dashed: thresholds.
        bad: which dots are bad.
        dim: which are of no account yet.
        marks: moments, each a line from top to bottom.
    """
    inside: list[Markup] = []
    if band is not None:
        top, bottom = axis.y(band[1]), axis.y(band[0])
        inside.append(_rect(top, max(bottom - top, 0.5)))
    inside += [_path(_upright(mark.at), f"mark {mark.kind}") for mark in marks]
    inside += [_path(_line(places, each, axis), "limit") for each in lines]
    inside.append(_path(_line(places, values, axis), "value"))
    for kind, chosen in (("dot dim", dim), ("dot bad", bad)):
        some = [value if place < len(chosen) and chosen[place] else None for place, value in enumerate(values)]
        inside.append(_path(_dots(places, some, axis), kind))
    rest = [
        None if any(place < len(some) and some[place] for some in (bad, dim)) else value
        for place, value in enumerate(values)
    ]
    inside.append(_path(_dots(places, rest, axis), "dot"))
    return _svg(inside, says, "chart")


def sparkline(values: Sequence[float | None], limits: Sequence[float | None]) -> Markup:
    """A small line of distances, with their threshold; red where it is exceeded."""
    told = [value for value in (*values, *limits) if value is not None]
    if not told:
        return tag("span", "–", kind="dim")
    axis = Axis(0.0, max(*told, 1e-9) * 1.1, logarithmic)
    places = evenly(len(values))
    bad = [
        value if value is not None and limit is not None and value > limit else None
        for value, limit in zip(values, limits, strict=True)
    ]
    inside = [
        _path(_line(places, limits, axis), "limit"),
        _path(_line(places, values, axis), "value"),
        _path(_dots(places, bad, axis), "dot bad"),
    ]
    count = sum(one is not None for one in bad)
    return _svg(inside, f"the last {len(values)} decisions, {count} of them beyond the threshold", "spark")


def evenly(count: int) -> list[float]:
    """Places for so many values.

    >>> evenly(3), evenly(1)
    ([0.0, 0.5, 1.0], [0.5])
    """
    return [0.5] if count == 1 else [place / (count - 1) for place in range(count)]


def _svg(inside: Sequence[Markup], says: str, kind: str) -> Markup:
    box = f"0 0 {_WIDE:.0f} {_HIGH:.0f}"
    return Markup(
        '<svg class="{}" viewBox="{}" preserveAspectRatio="none" role="img" aria-label="{}" focusable="false">{}</svg>'
    ).format(kind, box, says, Markup().join(inside))


def _rect(top: float, high: float) -> Markup:
    return Markup('<rect class="band" x="0" y="{:.1f}" width="{:.0f}" height="{:.1f}"/>').format(top, _WIDE, high)


def _path(way: str, kind: str) -> Markup:
    return (
        Markup('<path class="{}" d="{}" vector-effect="non-scaling-stroke"/>').format(kind, way) if way else Markup()
    )


def _x(place: float) -> float:
    return _EDGE + place * (_WIDE - 2 * _EDGE)


def _upright(place: float) -> str:
    return f"M{_x(place):.1f} 0V{_HIGH:.0f}"


def _line(places: Sequence[float], values: Sequence[float | None], axis: Axis) -> str:
    way, goes_on = [], False
    for place, value in zip(places, values, strict=True):
        if value is not None:
            way.append(f"{'L' if goes_on else 'M'}{_x(place):.1f} {axis.y(value):.1f}")
        goes_on = value is not None
    return "".join(way)


def _dots(places: Sequence[float], values: Sequence[float | None], axis: Axis) -> str:
    """Lines of no length, whose round ends are dots however wide the drawing is."""
    return "".join(
        f"M{_x(place):.1f} {axis.y(value):.1f}h0"
        for place, value in zip(places, values, strict=True)
        if value is not None
    )
