"""Runs a step in a process of its own, which starts from nothing, and ends all that it has started.

Whatever goes wrong with the process is a violation: that it raised, was killed, or took too long. A guard ends what
a step has started even where the campaign itself is killed.
"""

import faulthandler
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Final

import msgspec
from _pytest.outcomes import Skipped

from roost_shared.durable import write_durably
from scripts.roost_campaign.journal import Done
from scripts.roost_campaign.outcome import Outcome
from scripts.roost_campaign.stalls import Stalls
from scripts.roost_campaign.step import Room, Scenario, Step

__all__ = ["run_step"]

_LOOK_EVERY_S: Final = 0.05
# Waits for a word, or for the end of whoever would give it; then kills the group.
_GUARD: Final = 'read -r _; kill -s KILL -- "-$0" 2>/dev/null'
_outcome: Final = msgspec.json.Decoder(Outcome)


def run_step(step: Step, scenario: Scenario, folder: Path, stalls: Stalls) -> Done:
    """Run it.

    Args:
        step: which.
        scenario: its module.
        folder: an empty one; what it logs is in `step.log` there.
        stalls: of this machine.
    """
    begun_s = time.monotonic()
    result = folder / "outcome.json"
    ready, started = os.pipe()
    pid = os.fork()
    if pid == 0:
        _work(step, scenario, Room(folder, stalls, Outcome()), result, started)
    os.close(started)
    os.read(ready, 1)  # it leads a group of its own by now
    os.close(ready)
    guard = subprocess.Popen(["sh", "-c", _GUARD, str(pid)], stdin=subprocess.PIPE, start_new_session=True)
    status = _wait(pid, begun_s + scenario.LIMIT_S)
    guard.communicate()
    if status is None:
        os.waitpid(pid, 0)
    outcome = _outcome.decode(result.read_bytes()) if result.exists() else Outcome()
    if status is None:
        outcome.broken("step ends", f"it took longer than {scenario.LIMIT_S:g} s")
    elif status != 0:
        outcome.broken("step ends", f"its process ended by status {status}")
    return Done(step.scenario, step.number, round(time.monotonic() - begun_s, 2), outcome)


def _wait(pid: int, until_s: float) -> int | None:
    """Its status; None if it has not ended by then."""
    while time.monotonic() < until_s:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        time.sleep(_LOOK_EVERY_S)
    return None


def _work(step: Step, scenario: Scenario, room: Room, result: Path, started: int) -> None:
    """In the child; never returns."""
    os.setsid()
    log = os.open(room.folder / "step.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout = sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    os.write(started, b"!")
    os.close(started)
    faulthandler.enable()
    try:
        scenario.run(step, room)
    except Skipped as skipped:  # by what tests and campaign share: it cannot be had on this machine
        room.outcome.skipped.append(f"{step.scenario}: {skipped}")
    except BaseException as error:  # noqa: BLE001 - told, whatever it is
        sys.stderr.write(traceback.format_exc())
        room.outcome.broken("step goes through", _said(error))
    write_durably(result, msgspec.json.encode(room.outcome))  # whole or not at all: it may be killed at it
    sys.stderr.flush()
    os._exit(0)  # whatever threads there still are; the guard sees to processes


def _said(error: BaseException) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno}: {place.line})"
