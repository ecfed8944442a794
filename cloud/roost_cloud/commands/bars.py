"""Progress bars on standard error: no trace of them afterwards, and none where that is no terminal."""

from rich.console import Console
from rich.progress import Progress, ProgressColumn

__all__ = ["bars_of"]


def bars_of(*columns: ProgressColumn) -> Progress:
    """Bars of these columns; they are drawn within its `with`."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
