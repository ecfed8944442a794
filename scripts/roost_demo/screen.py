"""What a person sees while the demo runs: a live screen on a terminal, plain lines elsewhere."""

import io
import time
from collections import Counter, deque
from types import TracebackType
from typing import Final, Protocol, Self

from PIL import Image
from rich.color import Color
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.segment import Segment, Segments
from rich.style import Style
from rich.table import Table
from rich.text import Text

from scripts.roost_demo.outcomes import Outcome
from scripts.roost_demo.pictures import Picture

__all__ = ["LiveScreen", "PlainScreen", "Screen", "open_screen"]

_ROWS: Final = 10  # answers on the live screen
_ART_SIDE: Final = 16  # pixels of the larger side at most
_PLAIN_EVERY_S: Final = 1.0


class Screen(Protocol):
    """Where the demo tells what happens; a context, so that a terminal is always given back."""

    def __enter__(self) -> Self:
        """Take the terminal."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        ...

    def note(self, text: RenderableType) -> None:
        """One line that stays."""
        ...

    def show(self, outcome: Outcome) -> None:
        """One picture's outcome."""
        ...

    def stand(self, text: str) -> None:
        """What holds by now, in place of what was said so before."""
        ...


def open_screen(console: Console, *, plain: bool) -> Screen:
    """The live screen on a terminal, plain lines elsewhere or where asked for."""
    return LiveScreen(console) if console.is_terminal and not plain else PlainScreen(console)


class PlainScreen:
    """A line a second for each device, and one whenever another contestant or reason takes over."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[str, tuple[tuple[str | None, str] | None, float]] = {}

    def __enter__(self) -> Self:
        """Nothing to take."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to give back."""

    def note(self, text: RenderableType) -> None:
        """Print `text`."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def show(self, outcome: Outcome) -> None:
        """Print the outcome, if it says something new or a second has passed on its device."""
        now_s = time.monotonic()
        answer = outcome.answer
        by = (answer.contestant, answer.reason) if answer else None
        last_by, last_s = self._last.get(outcome.device, (None, 0.0))
        if by is not None and by == last_by and now_s - last_s < _PLAIN_EVERY_S:
            return
        self._last[outcome.device] = (by, now_s)
        self._console.print("  " + "  ".join(_cells(outcome)), highlight=False, soft_wrap=True)

    def stand(self, text: str) -> None:
        """Nothing: lines that were printed cannot be replaced, and each act ends with the same."""


class LiveScreen:
    """The latest picture of each device, the latest answers, and counters; notes scroll above."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=12, transient=True)
        self._rows: deque[Outcome] = deque(maxlen=_ROWS)
        self._latest: dict[str, Outcome] = {}
        self._counts: Counter[str] = Counter()
        self._standing = ""

    def __enter__(self) -> Self:
        """Take the lower part of the terminal."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back; the notes stay."""
        self._live.stop()

    def note(self, text: RenderableType) -> None:
        """Print `text` above the moving part."""
        self._live.console.print(text, highlight=False, soft_wrap=True)

    def show(self, outcome: Outcome) -> None:
        """Put the outcome on the screen."""
        self._rows.append(outcome)
        self._latest[outcome.device] = outcome
        self._counts["sent"] += 1
        if outcome.answer is not None:
            self._counts["right"] += outcome.is_right
            self._counts["in time"] += outcome.answer.deadline_met
            self._counts[outcome.answer.reason] += 1
        else:
            self._counts["lost"] += 1
        self._live.update(self._render())

    def stand(self, text: str) -> None:
        """Put it below the counters, from the next outcome on."""
        self._standing = text

    def _render(self) -> RenderableType:
        cards = [_card(self._latest[device]) for device in sorted(self._latest)]
        return Group(Columns(cards), self._table(), Text(self._counters(), style="bold"), Text(self._standing))

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for heading in ("device", "true", "answer", "sure", "by", "why", "ms", ""):
            table.add_column(heading, justify="right" if heading in {"sure", "ms"} else "left", min_width=6)
        for outcome in self._rows:
            table.add_row(*_cells(outcome), style=None if outcome.is_right else "yellow")
        return table

    def _counters(self) -> str:
        counts = self._counts
        reasons = ", ".join(
            f"{counts[reason]} {reason}"
            for reason in ("preferred", "fallback", "deadline", "default")
            if counts[reason]
        )
        return (
            f"{counts['sent']} sent, {counts['in time']} answered in time, {counts['lost']} lost, "
            f"{counts['right']} right ({reasons})"
        )


def _cells(outcome: Outcome) -> list[str]:
    answer = outcome.answer
    start = [f"{outcome.device}", f"{outcome.picture.label:>3}"]
    if answer is None:
        return [*start, "lost", "", "", "", "", "LOST"]
    sure = "" if answer.confidence is None else f"{answer.confidence:4.0%}"
    in_time = "in time" if answer.deadline_met else "LATE"
    label = "-" if answer.label is None else answer.label
    return [
        *start,
        f"→ {label:3}",
        f"{sure:>4}",
        f"{answer.contestant or 'default':8}",
        f"{answer.reason:9}",
        f"{answer.elapsed_ms:6.1f} ms",
        in_time,
    ]


def _card(outcome: Outcome) -> Panel:
    answer = outcome.answer
    if answer is None:
        caption = Text("no answer", style="bold red")
    else:
        colour = "green" if answer.reason == "preferred" else "yellow"
        caption = Text(f"{answer.label}  by {answer.contestant or 'default'}", style=f"bold {colour}")
    return Panel(Group(_art(outcome.picture), caption), title=outcome.device, width=30)


def _art(picture: Picture) -> Segments:
    """The picture in half blocks, two pixels a character."""
    with Image.open(io.BytesIO(picture.payload)) as image:
        small = image.convert("RGB")
    small.thumbnail((_ART_SIDE, _ART_SIDE))
    width, height = small.size
    pixels = small.tobytes()

    def colour(x: int, y: int) -> Color:
        place = 3 * (min(y, height - 1) * width + x)
        return Color.from_rgb(*pixels[place : place + 3])

    segments = []
    for y in range(0, height, 2):
        segments += [Segment("▀", Style(color=colour(x, y), bgcolor=colour(x, y + 1))) for x in range(width)]
        segments.append(Segment.line())
    return Segments(segments)
