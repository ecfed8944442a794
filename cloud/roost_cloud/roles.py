"""What one process of the cloud can do; roles scale apart (DESIGN.md, section 12).

`api` and `dashboard` are served by the process's HTTP server. The others are workers: threads that take work from the
broker, the database or the clock until they are stopped.
"""

from typing import Final, Literal, Protocol, get_args

__all__ = ["ROLE_NAMES", "RoleName", "Worker"]

RoleName = Literal["api", "dashboard", "ingest", "scorer", "monitor", "director", "trainer"]
ROLE_NAMES: Final[tuple[RoleName, ...]] = get_args(RoleName)


class Worker(Protocol):
    """A role that is no HTTP server."""

    @property
    def problem(self) -> str | None:
        """Why it cannot work just now, in a line; None if it can."""
        ...

    def start(self) -> None:
        """Begin, in threads of its own."""
        ...

    def stop(self) -> None:
        """Finish what is in hand, and wait for the threads' end."""
        ...
