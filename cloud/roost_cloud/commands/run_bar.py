"""A training run followed until it has ended or waits for somebody: a bar on standard error, if that is a terminal."""

import time
from collections.abc import Callable
from typing import Final

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from roost_cloud.commands.bars import bars_of
from roost_cloud.commands.run_text import Run

__all__ = ["follow"]

_EVERY_S: Final = 1.0


def follow(look: Callable[[], Run], *, every_s: float = _EVERY_S) -> Run:
    """Look at a run again and again, and draw how far it is.

    Returns:
        The run as it was when nothing more was to be waited for.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeElapsedColumn())
    with bars_of(*columns) as bars:
        bar = bars.add_task("", total=None, said="")
        while True:
            run = look()
            bars.update(bar, description=run.state, completed=run.done, total=run.total or None, said=run.what)
            if run.is_at_rest:
                return run
            time.sleep(every_s)
