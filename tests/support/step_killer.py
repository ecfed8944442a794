"""Ends a piece of work at its first, second, third… touch of the disk or the network, in a process of its own each.

As a program, `python step_killer.py kill|full MODULE:FUNCTION FOLDER ARGUMENT…` forks a child for n = 1, 2, … that
calls FUNCTION with FOLDER/n and the nth ARGUMENT. At the nth step it is killed by SIGKILL, or finds the disk full from
then on. Prints what became of each child and at which `point`, one JSON a line, up to the first that had no nth step.
"""

import errno
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["end_at_each_step"]

FREEING = frozenset({"os.remove", "os.rmdir"})
FILLING = frozenset({"os.mkdir", "os.rename", "os.link", "os.symlink", "os.chmod"})


def end_at_each_step(how: str, target: str, folder: Path, arguments: Iterable[str]) -> list[dict[str, Any]]:
    """Run the program; what became of each child, by rising `number`: its `code`, None where it went well.

    Of those that were killed, `point` names what they were about to do.
    """
    command = [sys.executable, __file__, how, target, str(folder), *arguments]
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=100, env=environment)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _end_at(number: int, how: str, folder: str) -> list[int]:
    """From now on count steps, and end at the one of this number; the list holds the count."""
    count = [0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and str(arguments[0]).startswith(folder) and arguments[2] & os.O_ACCMODE
        if not (writes or event in FILLING or (how == "kill" and event in FREEING | {"socket.connect"})):
            return
        count[0] += 1
        if count[0] == number and how == "kill":
            _tell(number, "killed", event)
            os.kill(os.getpid(), signal.SIGKILL)
        if count[0] >= number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))

    sys.addaudithook(hook)
    return count


def _child(number: int, how: str, target: str, folder: Path, argument: str) -> int:
    module, _, name = target.partition(":")
    function = getattr(importlib.import_module(module), name)
    count = _end_at(number, how, str(folder))
    code = None
    try:
        function(folder, argument)
    except Exception as error:  # noqa: BLE001 - told to the test
        code = getattr(error, "code", repr(error))
    _tell(number, code)
    return int(count[0] >= number)


def _tell(number: int, code: str | None, point: str | None = None) -> None:
    sys.stdout.write(json.dumps({"number": number, "code": code, "point": point}) + "\n")
    sys.stdout.flush()


def _main() -> None:
    how, target, parent, *arguments = sys.argv[1:]
    importlib.import_module(target.partition(":")[0])  # once, for all children
    for number, argument in enumerate(arguments, start=1):
        pid = os.fork()
        if pid == 0:
            os._exit(_child(number, how, target, Path(parent) / str(number), argument))
        _, status = os.waitpid(pid, 0)
        if status == 0:
            return


if __name__ == "__main__":
    _main()
