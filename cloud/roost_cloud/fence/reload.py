"""Has the broker read its files again, by an operator's command such as `systemctl reload mosquitto`."""

import subprocess
from collections.abc import Sequence
from typing import Final

from roost_shared.errors import DeviceError

__all__ = ["ReloadError", "reload_broker"]

_TIMEOUT_S: Final = 30


class ReloadError(DeviceError):
    """The command that has the broker read its files again failed."""

    code = "broker.reload"


def reload_broker(command: Sequence[str]) -> None:
    """Run `command`, without a shell.

    Raises:
        ReloadError: it cannot be run, fails, or takes longer than 30 s.
    """
    name = " ".join(command)
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except OSError as error:
        raise ReloadError(f"{name}: {error.strerror or error}") from error
    except subprocess.TimeoutExpired as error:
        raise ReloadError(f"{name}: not done after {_TIMEOUT_S} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise ReloadError(f"{name}: exit status {done.returncode}{': ' if said else ''}{said[-200:]}")
