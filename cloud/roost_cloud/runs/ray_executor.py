"""The executor `ray`: processes on a cluster's nodes, each by a driver of its own on this machine (`ray_driver`)."""

import importlib.util
import sys
from collections.abc import Callable
from typing import Final

import msgspec

from roost_cloud.runs.executor import Ended, Hear, Limits, Work
from roost_cloud.runs.supervising import Supervised
from roost_shared.errors import ConfigError

__all__ = ["RayExecutor"]

_DRIVER: Final = "roost_cloud.runs.ray_driver"
_ENDED_FILE: Final = ".ended.json"  # the driver's; to import it would load Ray
_MORE_S: Final = 60.0  # that a driver has beyond what its process on the node has
_DRIVER_BYTES: Final = 8 << 30  # it holds packed folders
_GRACE_S: Final = 15.0


class RayExecutor:
    """Runs processes on a cluster. Nodes need this version of Roost.

    Args:
        address: of the cluster, as Ray takes it: `auto`, HOST:PORT, or ray://HOST:PORT.

    Raises:
        ConfigError: Ray is not installed.
    """

    def __init__(self, address: str) -> None:
        if importlib.util.find_spec("ray") is None:
            raise ConfigError(
                where="settings",
                key="trainer_executor",
                problem="Ray is not installed",
                remedy="Install roost[ray], or set local",
            )
        self._address = address
        self.problem: str | None = None

    def run(self, work: Work, hear: Hear, stopping: Callable[[], bool]) -> Ended:
        """See `Executor.run`."""
        results = [word for name in work.results for word in ("--result", name)]
        said = ["--address", self._address, "--module", work.module]
        limits = ["--limits", msgspec.json.encode(work.limits).decode()]
        own = Limits(
            memory_bytes=_DRIVER_BYTES,
            wall_s=work.limits.wall_s + _MORE_S,
            silent_s=work.limits.silent_s + _MORE_S,
        )
        command = [sys.executable, "-P", "-m", _DRIVER, str(work.folder), *said, *limits, *results]
        supervised = Supervised(command, work.folder, own, stopping, grace_s=_GRACE_S, passed_on=("RAY_",))
        for line in supervised:
            hear(line)
        ended = self._ended(work, supervised.ended)
        self.problem = f"{ended.code}: {ended.text}" if ended.how == "lost" else None
        return ended

    def _ended(self, work: Work, driver: Ended) -> Ended:
        file = work.folder / _ENDED_FILE
        if file.exists():
            return msgspec.json.decode(file.read_bytes(), type=Ended)
        if driver.how in ("stopped", "time", "hang"):
            return driver
        text = driver.text or "its driver died"
        return msgspec.structs.replace(driver, how="lost", code="run.cluster_lost", text=text)

    def close(self) -> None:
        """Nothing is held: each driver ends with its process."""
