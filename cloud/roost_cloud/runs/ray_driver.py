"""`python -m roost_cloud.runs.ray_driver FOLDER …`: has a process of a job run on a Ray cluster.

It is a process of its own, since Ray ends a program whose cluster dies, and since nobody else then needs Ray's memory.
It speaks as the process itself would (`training/lines.py`), and leaves in the folder its results and how it ended.
Where there is no such word, it was lost: its node, its cluster, or this process died. SIGTERM cancels. Ray tries
nothing again by itself: the run's row decides.

Ray's own protocol between its processes is Ray's affair, as is who may reach a cluster; only bytes and text of ours go
through it.
"""

import argparse
import importlib
import io
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

from roost_cloud.runs.executor import ExecutorError
from roost_cloud.runs.on_node import ENDED, LINE, RESULTS, work_on_node
from roost_cloud.runs.packing import pack, unpack
from roost_cloud.training.lines import ErrorLine, StepLine, encode_line
from roost_cloud.training.process import stop_at_end_of_input, take_output
from roost_shared.durable import write_durably

__all__ = ["ENDED_FILE", "LOST", "main"]

ENDED_FILE: Final = ".ended.json"
CANCELLED: Final = 4  # exit statuses
LOST: Final = 5
_CACHE: Final = "cache"  # stays on this machine
_LOOK_EVERY_S: Final = 0.5
_CONNECT_S: Final = 30.0
_CANCEL_S: Final = 8.0  # for a node to clear up


class _Driver:
    """One job."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._folder: Path = arguments.folder
        self._output = take_output()
        self._cancelled = threading.Event()
        self._ray: Any = importlib.import_module("ray")  # which only an extra installs

    def drive(self) -> int:
        """Have it run; the exit status."""
        signal.signal(signal.SIGTERM, lambda _number, _frame: self._cancelled.set())
        ray = self._ray
        faults = (ray.exceptions.RayError, ExecutorError, ConnectionError, ValueError, RuntimeError)
        try:
            connected = self._give_up_after(_CONNECT_S)
            ray.init(address=self._arguments.address, namespace="roost", log_to_driver=False, logging_level="WARNING")
            connected.set()
            return self._follow(self._submit())
        except ray.exceptions.TaskCancelledError:
            return CANCELLED
        except faults as error:
            return self._lost(_line_of(error))
        finally:
            ray.shutdown()

    def _give_up_after(self, timeout_s: float) -> threading.Event:
        """End this process if the cluster does not answer in time: Ray itself asks for minutes."""
        connected = threading.Event()

        def wait() -> None:
            if not connected.wait(timeout_s):
                os._exit(self._lost(f"no cluster answers at {self._arguments.address}"))

        threading.Thread(target=wait, daemon=True).start()
        return connected

    def _submit(self) -> Any:
        packed = io.BytesIO()
        pack(self._folder, {path.name for path in self._folder.iterdir()} - {_CACHE}, packed)
        self._say(StepLine(0, 0, "waiting for a node"))
        options = {"num_cpus": 1, "max_retries": 0, "num_returns": "streaming"}
        remote = self._ray.remote(**options)(work_on_node)
        arguments = self._arguments
        return remote.remote(arguments.module, packed.getvalue(), arguments.result, arguments.limits.encode())

    def _follow(self, items: Any) -> int:
        asked = 0
        while True:
            if self._cancelled.is_set():
                # Asked once, the node clears up behind it; asked again, it has no more time to.
                self._ray.cancel(items, force=asked * _LOOK_EVERY_S > _CANCEL_S)
                asked += 1
            ready, _ = self._ray.wait([items], timeout=_LOOK_EVERY_S)
            if not ready:
                continue
            try:
                item = self._ray.get(next(items))
            except StopIteration:
                return self._lost("the node said nothing of how it ended")
            if (status := self._take(item)) is not None:
                return status

    def _take(self, item: bytes) -> int | None:
        kind, data = item[:1], item[1:]
        if kind == LINE:
            self._output.write(data)
            self._output.flush()
        elif kind == RESULTS:
            unpack(io.BytesIO(data), self._folder, self._arguments.result)
        elif kind == ENDED:
            write_durably(self._folder / ENDED_FILE, data)
            return 0
        return None

    def _lost(self, text: str) -> int:
        self._say(ErrorLine("run.cluster_lost", text))
        return LOST

    def _say(self, line: StepLine | ErrorLine) -> None:
        self._output.write(encode_line(line))
        self._output.flush()


def _line_of(error: Exception) -> str:
    """What an error says, in a line: Ray's have many."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m roost_cloud.runs.ray_driver", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--address", required=True, help="of the cluster, as ray.init takes it")
    parser.add_argument("--module", required=True, help="that is run")
    parser.add_argument("--limits", required=True, help="that it is held to, JSON")
    parser.add_argument("--result", action="append", default=[], help="what comes back")
    driver = _Driver(parser.parse_args())
    stop_at_end_of_input()
    return driver.drive()


if __name__ == "__main__":
    sys.exit(main())
