"""A task's rules on a time axis: whose answer will do when, from arrival to deadline; and the same in words. Pure.

A contestant's stretch begins when its first rule opens and lasts until time is up. Within it the bar only falls: a
rule once open stays open.

>>> rules = [Opening("a", 0, 0.8), Opening("b", 80, None), Opening("a", 250, None)]
>>> stretches(rules, "a", 295)
[Stretch(from_ms=0, to_ms=250, bar=0.8), Stretch(from_ms=250, to_ms=295, bar=None)]
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from roost_cloud.dashboard.markup import Markup, joined, tag
from roost_cloud.dashboard.words import share_of

__all__ = ["Axis", "Opening", "Player", "Stretch", "draw_axis", "stretches"]

_WIDTH: Final = 880  # of the drawing, in its own units, as all that follow
_LEFT: Final = 150  # for names
_RIGHT: Final = 24
_TOP: Final = 34
_ROW: Final = 40
_BAR: Final = 26
_BOTTOM: Final = 44
_TICK: Final = 62  # between two figures at least
_WORD: Final = 8  # a letter's width, about
_ROLES: Final = {
    "shadow": "scores everything, never answers",
    "baseline": "scores everything, answers only where a rule names it",
    "decoy": "records inputs",
}


class Player(NamedTuple):
    """A contestant, and when it is asked if that is in the cloud."""

    name: str
    role: str
    where: str
    ask: str


class Opening(NamedTuple):
    """A rule: from then on a score of this contestant will do that reaches the bar; None: any."""

    accept: str
    after_ms: float
    bar: float | None


class Axis(NamedTuple):
    """What is drawn."""

    players: Sequence[Player]
    rules: Sequence[Opening]
    deadline_ms: float
    guard_ms: float
    default: str | None
    early_advance: bool

    @property
    def time_up_ms(self) -> float:
        """When the best there is leaves."""
        return max(0.0, self.deadline_ms - self.guard_ms)


class Stretch(NamedTuple):
    """A time in which a contestant's score will do, and the bar for it."""

    from_ms: float
    to_ms: float
    bar: float | None


def stretches(rules: Sequence[Opening], name: str, time_up_ms: float) -> list[Stretch]:
    """Those of one contestant, in order."""
    its = sorted((rule for rule in rules if rule.accept == name), key=lambda rule: rule.after_ms)
    found: list[Stretch] = []
    for rule in its:
        before = found[-1] if found else None
        if before is not None and (before.bar is None or (rule.bar is not None and rule.bar >= before.bar)):
            continue  # what is open already asks for no more
        begins_ms = min(rule.after_ms, time_up_ms)
        if before is not None:
            found[-1] = before._replace(to_ms=begins_ms)
        found.append(Stretch(begins_ms, time_up_ms, rule.bar))
    return [one for one in found if one.to_ms > one.from_ms]


def draw_axis(axis: Axis, title: str) -> Markup:
    """The drawing, which those who do not see it are read in the words beneath."""
    height = _TOP + _ROW * (len(axis.players) + 1) + _BOTTOM
    inside = [
        tag("title", title),
        *_grid(axis, height),
        *(piece for place, one in enumerate(axis.players) for piece in _lane(axis, one, place)),
        *_default_lane(axis, len(axis.players)),
    ]
    drawing = tag("svg", *inside, viewBox=f"0 0 {_WIDTH} {height}", role="img", aria_label=title)
    words = tag("ol", *(tag("li", line) for line in _in_words(axis)))
    scrolled = tag("div", drawing, kind="axis", tabindex="0", role="group", aria_label=f"{title}, drawn")
    return joined([scrolled, tag("details", tag("summary", "In words"), words)])


def _x(axis: Axis, moment_ms: float) -> float:
    span = _WIDTH - _LEFT - _RIGHT
    return round(_LEFT + span * moment_ms / axis.deadline_ms, 1)


def _grid(axis: Axis, height: int) -> Iterator[Markup]:
    bottom = height - _BOTTOM
    for moment_ms in _ticks(axis):
        x = _x(axis, moment_ms)
        yield tag("line", x1=x, x2=x, y1=_TOP - 4, y2=bottom, kind="tick")
        yield _text(x, bottom + 16, _ms(moment_ms), anchor="middle")
    up, end = _x(axis, axis.time_up_ms), _x(axis, axis.deadline_ms)
    yield tag("line", x1=up, x2=up, y1=_TOP - 4, y2=bottom, kind="up")
    yield tag("line", x1=end, x2=end, y1=_TOP - 4, y2=bottom, kind="end")
    yield _text(end, 20, f"deadline {_ms(axis.deadline_ms)}", anchor="end", kind="strong")
    yield _text(_LEFT, 20, "input arrives", anchor="start", kind="strong")
    yield _text(up, bottom + 34, f"time is up {_ms(axis.time_up_ms)}", anchor="end", kind="strong")


def _ticks(axis: Axis) -> list[float]:
    """Moments at which rules open, as far as there is room for their figures."""
    found: list[float] = []
    for moment_ms in sorted({0.0, *(rule.after_ms for rule in axis.rules)}):
        if not found or _x(axis, moment_ms) - _x(axis, found[-1]) >= _TICK:
            found.append(moment_ms)
    return found


def _lane(axis: Axis, one: Player, place: int) -> Iterator[Markup]:
    y = _TOP + _ROW * place
    yield _text(8, y + 17, one.name, kind="strong")
    yield _text(8, y + 31, "in the cloud" if one.where == "cloud" else one.role, kind="dim small")
    its = stretches(axis.rules, one.name, axis.time_up_ms)
    if not its:
        yield _text(_LEFT + 8, y + 22, _ROLES.get(one.role, "no rule names it"), kind="dim")
    for stretch in its:
        x, width = _x(axis, stretch.from_ms), _x(axis, stretch.to_ms) - _x(axis, stretch.from_ms)
        says = "any" if stretch.bar is None else f"≥ {share_of(stretch.bar)}"
        kind = "any" if stretch.bar is None else "sure"
        told = tag("title", f"{one.name}: {_stretch_words(stretch)}")
        yield tag("rect", told, x=x, y=y + 4, width=round(width, 1), height=_BAR, rx=4, kind=kind)
        if width >= _WORD * len(says):
            yield _text(x + width / 2, y + 22, says, anchor="middle", kind=f"on-{kind}")


def _default_lane(axis: Axis, place: int) -> Iterator[Markup]:
    y, up = _TOP + _ROW * place, _x(axis, axis.time_up_ms)
    says = "nothing" if axis.default is None else axis.default
    yield _text(8, y + 17, "default", kind="strong")
    yield _text(8, y + 31, "if nobody said anything", kind="dim small")
    yield tag("circle", cx=up, cy=y + 17, r=7, kind="default")
    yield _text(up - 14, y + 22, says, anchor="end")


def _text(x: float, y: float, says: str, *, anchor: str = "start", kind: str | None = None) -> Markup:
    return tag("text", says, x=round(x, 1), y=y, text_anchor=anchor, kind=kind)


def _in_words(axis: Axis) -> Iterator[str]:
    for one in axis.players:
        its = stretches(axis.rules, one.name, axis.time_up_ms)
        where = f", in the cloud, asked {one.ask}" if one.where == "cloud" else ""
        if its:
            yield f"{one.name}{where}: {'; '.join(map(_stretch_words, its))}."
        else:
            yield f"{one.name}{where}: {_ROLES.get(one.role, 'no rule names it')}."
    yield f"At {_ms(axis.time_up_ms)} time is up: the best that was said leaves, whatever its confidence."
    yield f"If nobody has said anything, the default leaves: {axis.default or 'nothing'}."
    if axis.early_advance:
        yield "When nobody who is still awaited can satisfy an open rule, the next rules open at once."


def _stretch_words(stretch: Stretch) -> str:
    sure = "with any confidence" if stretch.bar is None else f"with a confidence of {share_of(stretch.bar)} or more"
    return f"from {_ms(stretch.from_ms)} {sure}" if stretch.from_ms else f"from the start {sure}"


def _ms(moment_ms: float) -> str:
    return f"{moment_ms:g} ms"
