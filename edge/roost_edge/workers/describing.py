"""What a worker's process tells the agent of an error that it met."""

import traceback
from pathlib import Path
from typing import Final

from roost_edge.workers import protocol
from roost_shared.errors import RoostError
from roost_shared.messages import ErrorInfo

__all__ = ["describe"]

_MESSAGE_CHARS: Final = 500


def describe(error: Exception) -> ErrorInfo:
    """What to tell of an error; of one that is a fault of ours also where it was raised, for no log will."""
    if isinstance(error, RoostError):
        return ErrorInfo(error.code, str(error)[:_MESSAGE_CHARS])
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return ErrorInfo(protocol.FAULT, f"{type(error).__name__}{where}: {error}"[:_MESSAGE_CHARS])
