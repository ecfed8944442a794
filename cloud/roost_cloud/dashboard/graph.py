"""A graph of what came of what, drawn as SVG from left to right; each node leads to its page. Pure.

>>> columns = [[Node("alarm", "cam-01", "/ui/alarms/1")], [Node("run", "meter:8", None)]]
>>> str(draw(columns, says="from alarm to run")).count("<a ")
1
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from roost_cloud.dashboard.markup import Markup

__all__ = ["Node", "draw"]

_WIDE: Final = 196
_HIGH: Final = 50
_BETWEEN: Final = 46
_GAP: Final = 14
_CHARS: Final = 22
_SHOWN: Final = 6  # nodes of a column; of those beyond it is said how many there are


class Node(NamedTuple):
    """A node.

    Attributes:
        what: kind of thing it is, in a word.
        says: which one.
        leads_to: its page; None: it has none.
        kind: how it looks: good, bad, busy, quiet, or empty; `this` is what the page is about.
    """

    what: str
    says: str
    leads_to: str | None
    kind: str = ""


def draw(columns: Sequence[Sequence[Node]], *, says: str) -> Markup:
    """All nodes of a column lead to all of the next; empty columns are left out."""
    shown = [_shortened(column) for column in columns if column]
    high = max(len(column) for column in shown) * (_HIGH + _GAP) - _GAP
    wide = len(shown) * (_WIDE + _BETWEEN) - _BETWEEN
    places = [[_place(x, y, len(column), high) for y in range(len(column))] for x, column in enumerate(shown)]
    edges = [_edge(start, end) for left, right in pairwise(places) for start in left for end in right]
    nodes = [
        _node(node, place)
        for column, at in zip(shown, places, strict=True)
        for node, place in zip(column, at, strict=True)
    ]
    drawn = Markup(
        '<svg class="graph" width="{0}" height="{1}" viewBox="-1 -1 {0} {1}" role="group" aria-label="{2}">{3}{4}'
        "</svg>"
    ).format(wide + 2, high + 2, says, Markup().join(edges), Markup().join(nodes))
    return Markup('<div class="wide" tabindex="0" role="region" aria-label="{}">{}</div>').format(says, drawn)


def _shortened(column: Sequence[Node]) -> list[Node]:
    if len(column) <= _SHOWN:
        return list(column)
    rest = len(column) - _SHOWN + 1
    return [*column[: _SHOWN - 1], Node("and", f"{rest} more", None, "quiet")]


def _place(column: int, row: int, rows: int, high: int) -> tuple[int, int]:
    whole = rows * (_HIGH + _GAP) - _GAP
    return column * (_WIDE + _BETWEEN), (high - whole) // 2 + row * (_HIGH + _GAP)


def _edge(start: tuple[int, int], end: tuple[int, int]) -> Markup:
    x, y, to_x, to_y = start[0] + _WIDE, start[1] + _HIGH // 2, end[0], end[1] + _HIGH // 2
    middle = (x + to_x) // 2
    tip = f"M{to_x - 7} {to_y - 4}L{to_x} {to_y}L{to_x - 7} {to_y + 4}"
    return Markup('<path class="edge" d="M{} {}C{} {} {} {} {} {}{}"/>').format(
        x, y, middle, y, middle, to_y, to_x, to_y, tip
    )


def _node(node: Node, place: tuple[int, int]) -> Markup:
    x, y = place
    inside = Markup(
        '<title>{} {}</title><rect x="{}" y="{}" width="{}" height="{}" rx="8"/>'
        '<text class="what" x="{}" y="{}">{}</text><text x="{}" y="{}">{}</text>'
    ).format(node.what, node.says, x, y, _WIDE, _HIGH, x + 12, y + 19, node.what, x + 12, y + 38, _short(node.says))
    if node.leads_to is None:
        return Markup('<g class="node {}">{}</g>').format(node.kind, inside)
    return Markup('<a class="node {}" href="{}" aria-label="{} {}">{}</a>').format(
        node.kind, node.leads_to, node.what, node.says, inside
    )


def _short(text: str) -> str:
    return text if len(text) <= _CHARS else text[: _CHARS - 1] + "…"
