"""What lies in a spool, read by a process that comes after."""

from pathlib import Path

from roost_edge.spool.interface import SealLimits
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool

__all__ = ["inputs_in"]


def inputs_in(state_dir: Path) -> dict[str, bytes]:
    """Sample to bytes, of every input in the spool of a state folder; nobody else may have it."""
    limits = SpoolLimits(quota_bytes=1 << 30, reserve_bytes=0)
    spool = Spool(state_dir / "spool", "reader", limits, now_ns=0)
    reader = spool.reader()
    try:
        found: dict[str, bytes] = {}
        while (shard := reader.seal(SealLimits(flush=True), lambda _task, entries: entries[0].sample)) is not None:
            for entry in shard.entries:
                assert entry.sample not in found
                found[entry.sample] = reader.read(entry).payload
        return found
    finally:
        reader.close()
        spool.close()
