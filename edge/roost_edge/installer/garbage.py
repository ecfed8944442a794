"""What of plans, bundles and blobs nobody needs any more, and its end."""

from collections.abc import Collection
from pathlib import Path

from roost_edge.installer import pointer
from roost_edge.installer.errors import PlanDamagedError
from roost_edge.installer.store import BundleStore

__all__ = ["collect_garbage"]


def collect_garbage(
    state_dir: Path,
    store: BundleStore,
    *,
    bundles: Collection[str] = (),
    blobs: Collection[str] | None = None,
    version: int = 0,
) -> int:
    """Remove plans, bundles and blobs that neither what is in force, nor what was before it, nor what comes needs.

    Nothing is removed while it cannot be read what is in force.

    Args:
        state_dir: the agent's folder.
        store: its bundles.
        bundles: digests of those that come, where they are known.
        blobs: of which they are made; None: blobs that are half here stay.
        version: that comes; 0 for the newest that is on its way.

    Returns:
        How many bundles and blobs were removed.

    Raises:
        PointerDamagedError: it cannot be read what is in force.
        StoreUnwritableError: the disk refused.
    """
    store.prepare()
    standing = pointer.read_standing(state_dir)
    wanted = {standing.current, standing.previous, version or standing.pending} - {0}
    kept = set(bundles)
    for one in pointer.plans_kept(state_dir):
        if one not in wanted:
            pointer.remove_plan(state_dir, one)
            continue
        try:
            kept |= pointer.read_plan(state_dir, one).assignment.pins.keys()
        except PlanDamagedError:
            if one in (standing.current, standing.previous):
                return 0  # until it is mended or given up, nobody knows what it needs
    return store.collect(kept, blobs or (), partial=blobs is not None)
