"""A progress bar for bundles on their way, on standard error; none where that is no terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from roost_cloud.commands.bars import bars_of

__all__ = ["TransferBar", "transfer_bar"]


class TransferBar:
    """A `transfer.Progress` that draws one of `bars`."""

    def __init__(self, bars: Progress, title: str) -> None:
        self._bars = bars
        self._task = bars.add_task(title, total=0)
        self._total_bytes = 0
        self._lock = Lock()

    def expect(self, more_bytes: int) -> None:
        """See `transfer.Progress.expect`."""
        with self._lock:
            self._total_bytes += more_bytes
            self._bars.update(self._task, total=self._total_bytes)

    def moved(self, more_bytes: int) -> None:
        """See `transfer.Progress.moved`."""
        self._bars.update(self._task, advance=more_bytes)


@contextmanager
def transfer_bar(title: str) -> Iterator[TransferBar]:
    """A bar as long as something is transferred, and no trace of it after that."""
    said = TextColumn("{task.description}")
    columns = (said, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with bars_of(*columns) as bars:
        yield TransferBar(bars, title)
