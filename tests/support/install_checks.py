"""What must hold of an installer's folder, whatever ended it."""

from pathlib import Path

from roost_edge.installer.pointer import read_in_force
from roost_shared.bundle import Bundle, open_bundle
from tests.support.served_cloud import sizes_of

__all__ = ["check_clean", "check_whole"]


def check_whole(state: Path, versions: set[int]) -> None:
    """What is in force, and what it would return to, can be read and run."""
    held = read_in_force(state)
    assert held.problem is None
    assert held.plan is not None
    assert held.plan.assignment.version in versions
    for plan in (held.plan, held.previous):
        for digest in plan.assignment.pins if plan is not None else ():
            assert plan is not None
            assert open_bundle(plan.folder(digest, state)).digest == digest


def check_clean(state: Path, bundles: list[Bundle]) -> None:
    """Nothing is there but what these need."""
    names = {bundle.digest.removeprefix("sha256:") for bundle in bundles}
    folder = state / "bundles"
    assert {path.name for path in folder.iterdir()} - {"blobs", "partial", "tmp"} == names
    blobs = {digest.removeprefix("sha256:") for bundle in bundles for digest in sizes_of(bundle)}
    assert {path.name for path in (folder / "blobs/sha256").iterdir()} == blobs | names
    assert not list((folder / "partial").iterdir())
    assert not list((folder / "tmp").iterdir())
