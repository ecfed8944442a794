"""A progress bar for a replay, on standard error; none where that is no terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from roost_cloud.commands.bars import bars_of

__all__ = ["ReplayBar", "replay_bar"]


class ReplayBar:
    """A `replay.run.Progress` that draws one of `bars`: how much of the time is behind."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task = bars.add_task("replaying", total=1.0, requests=0)

    def moved(self, share: float, requests: int) -> None:
        """See `replay.run.Progress.moved`."""
        self._bars.update(self._task, completed=share, requests=requests)


@contextmanager
def replay_bar() -> Iterator[ReplayBar]:
    """A bar as long as something is replayed, and no trace of it after that."""
    said, count = TextColumn("{task.description}"), TextColumn("{task.fields[requests]} requests")
    columns = (said, BarColumn(), TaskProgressColumn(), count, TimeRemainingColumn())
    with bars_of(*columns) as bars:
        yield ReplayBar(bars)
