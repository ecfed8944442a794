"""What a node of a cluster does: a process of a job, in a folder of the node's own, watched as it would be here.

It knows nothing of Ray: folders come and go as bytes, and what is said comes out as bytes, one item after another.

    b"L" and a line, as `training/lines.py` writes it
    b"R" and what of its results there is, packed
    b"E" and how it ended, as JSON; the last
"""

import io
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from roost_cloud.runs.claiming import Claim
from roost_cloud.runs.executor import Limits, command_of
from roost_cloud.runs.packing import pack, unpack
from roost_cloud.runs.supervising import Supervised
from roost_cloud.runs.workshop import Workshop
from roost_cloud.training.lines import encode_line

__all__ = ["ENDED", "LINE", "RESULTS", "work_on_node"]

LINE: Final = b"L"
RESULTS: Final = b"R"
ENDED: Final = b"E"


def work_on_node(module: str, packed: bytes, results: Sequence[str], limits: bytes) -> Iterator[bytes]:
    """Run a process on a packed folder.

    Args:
        module: which.
        packed: the folder.
        results: what of it comes back.
        limits: that it is held to, as JSON.

    Raises:
        ExecutorError: it cannot be started.
        OSError: the disk refused.
    """
    held = msgspec.json.decode(limits, type=Limits)
    workshop = Workshop(Path(tempfile.gettempdir()) / f"roost-node-{os.getuid()}")
    workshop.open()
    try:
        with workshop.workspace(Claim("node", "run", 1, "node")) as space:
            unpack(io.BytesIO(packed), space.job, None)
            command = command_of(sys.executable, module, space.job, held)
            supervised = Supervised(command, space.job, held, lambda: False)
            for line in supervised:
                yield LINE + encode_line(line)
            came = io.BytesIO()
            pack(space.job, set(results), came)
            yield RESULTS + came.getvalue()
            yield ENDED + msgspec.json.encode(supervised.ended)
    finally:
        workshop.close()
