"""The executor `local`: processes of this machine's, beside the worker that started them, and gone with it."""

import sys
from collections.abc import Callable

from roost_cloud.runs.executor import Ended, Hear, Work, command_of
from roost_cloud.runs.supervising import Supervised

__all__ = ["LocalExecutor"]


class LocalExecutor:
    """Runs processes here."""

    problem: str | None = None

    def run(self, work: Work, hear: Hear, stopping: Callable[[], bool]) -> Ended:
        """See `Executor.run`."""
        command = command_of(sys.executable, work.module, work.folder, work.limits)
        supervised = Supervised(command, work.folder, work.limits, stopping)
        for line in supervised:
            hear(line)
        return supervised.ended

    def close(self) -> None:
        """Nothing is held."""
