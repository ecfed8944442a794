"""`{state_dir}/assignments/` on the disk: which assignment is in force, and the plans that may be.

    pointer.json   a `Standing`
    7.json         a `Plan` that was staged whole
    lock

Light: the agent's own process reads it at its start, and goes on with whatever it finds.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from roost_edge.installer.errors import PlanDamagedError, PointerDamagedError, StoreUnwritableError
from roost_edge.installer.plan import InForce, Plan
from roost_edge.installer.standing import Standing, boot
from roost_shared.durable import fsync_folder, make_folders, write_durably
from roost_shared.errors import RoostError
from roost_shared.messages import SCHEMA_VERSION, UNREADABLE, ErrorInfo

__all__ = [
    "FOLDER",
    "POINTER",
    "change_standing",
    "count_boot",
    "plans_kept",
    "read_in_force",
    "read_plan",
    "read_standing",
    "remove_plan",
    "write_plan",
]

FOLDER: Final = "assignments"
POINTER: Final = "pointer.json"
_LOCK: Final = "lock"
_PRIVATE: Final = 0o700
_SECRET: Final = 0o600
_LIMIT_BYTES: Final = 1 << 20  # of a file here; an assignment is a quarter of that at most


# ---- for the agent


def read_in_force(state_dir: Path) -> InForce:
    """What the device runs by assignment; what cannot be read is told in `problem`, and nothing is raised."""
    try:
        standing = read_standing(state_dir)
    except PointerDamagedError as error:
        return InForce(problem=ErrorInfo(error.code, str(error)))
    current, problem = _plan(state_dir, standing.current)
    previous, also = _plan(state_dir, standing.previous)
    if problem is not None:
        return InForce(plan=previous, trust=standing.trust, problem=problem)
    return InForce(plan=current, previous=previous, confirmed=standing.confirmed, trust=standing.trust, problem=also)


def count_boot(state_dir: Path) -> ErrorInfo | None:
    """The agent starts; to be called before `read_in_force`, once a start.

    Returns:
        Why another version is in force now than before, or the start could not be counted; None if all is well.
    """
    if not (state_dir / FOLDER / POINTER).exists():
        return None
    told: list[ErrorInfo] = []

    def count(standing: Standing) -> Standing:
        counted = boot(standing)
        if counted.error is not None:
            told.append(counted.error)
        return counted.standing

    try:
        change_standing(state_dir, count)
    except RoostError as error:
        return ErrorInfo(error.code, str(error))
    return told[0] if told else None


def _plan(state_dir: Path, version: int) -> tuple[Plan | None, ErrorInfo | None]:
    if not version:
        return None, None
    try:
        return read_plan(state_dir, version), None
    except PlanDamagedError as error:
        return None, ErrorInfo(error.code, str(error))


# ---- the standing


def read_standing(state_dir: Path) -> Standing:
    """Where the device stands; nowhere yet if nothing is there.

    Raises:
        PointerDamagedError: something is, and it cannot be read.
    """
    path = state_dir / FOLDER / POINTER
    try:
        standing = msgspec.json.decode(_read(path), type=Standing)
    except FileNotFoundError:
        return Standing()
    except OSError as error:
        raise PointerDamagedError(f"{path}: {error.strerror or error}") from error
    except UNREADABLE as error:
        raise PointerDamagedError(f"{path}: {error}") from error
    if standing.schema_version != SCHEMA_VERSION:
        problem = f"is of version {standing.schema_version}, this agent reads {SCHEMA_VERSION}"
        raise PointerDamagedError(f"{path} {problem}")
    return standing


def change_standing(
    state_dir: Path, change: Callable[[Standing], Standing], *, anew: Standing | None = None
) -> Standing:
    """Read, change and write, durably, with nobody else in between; the standing after it.

    Args:
        state_dir: the agent's.
        change: a transition; what it raises comes out, and nothing is changed.
        anew: what to begin with where the pointer is damaged.

    Raises:
        PointerDamagedError: it is damaged, and there is no `anew`.
        StoreUnwritableError: the disk refused; the standing is as it was.
    """
    folder = state_dir / FOLDER
    with _locked(folder):
        damaged = False
        try:
            before = read_standing(state_dir)
        except PointerDamagedError:
            if anew is None:
                raise
            before, damaged = anew, True
        after = change(before)
        if after != before or damaged:
            _write(folder / POINTER, after)
    return after


# ---- plans


def read_plan(state_dir: Path, version: int) -> Plan:
    """A plan that was staged.

    Raises:
        PlanDamagedError: it cannot be read, or a folder of its bundles is gone.
    """
    path = state_dir / FOLDER / f"{version}.json"
    try:
        plan = msgspec.json.decode(_read(path), type=Plan)
    except OSError as error:
        raise PlanDamagedError(f"{path}: {error.strerror or error}") from error
    except UNREADABLE as error:
        raise PlanDamagedError(f"{path}: {error}") from error
    if plan.assignment.version != version or plan.assignment.schema_version != SCHEMA_VERSION:
        raise PlanDamagedError(f"{path}: holds another version than its name says, or one of another schema")
    for digest in plan.assignment.pins:
        if digest not in plan.folders or not plan.folder(digest, state_dir).is_dir():
            raise PlanDamagedError(f"{path}: the folder of {digest} is gone")
    return plan


def write_plan(state_dir: Path, plan: Plan) -> None:
    """Keep a plan whose bundles are all there, durably.

    Raises:
        StoreUnwritableError: the disk refused.
    """
    folder = state_dir / FOLDER
    with _locked(folder):
        _write(folder / f"{plan.assignment.version}.json", plan)


def plans_kept(state_dir: Path) -> list[int]:
    """Versions whose plans lie on the disk, readable or not, ascending; none if nothing can be read."""
    try:
        stems = [path.stem for path in (state_dir / FOLDER).iterdir() if path.suffix == ".json"]
    except OSError:
        return []
    return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdecimal())


def remove_plan(state_dir: Path, version: int) -> None:
    """Forget a plan.

    Raises:
        StoreUnwritableError: the disk refused.
    """
    folder = state_dir / FOLDER
    try:
        (folder / f"{version}.json").unlink(missing_ok=True)
        fsync_folder(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


# ---- disk


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_LIMIT_BYTES + 1)
    if len(data) > _LIMIT_BYTES:
        raise ValueError(f"is larger than {_LIMIT_BYTES} bytes")
    return data


def _write(path: Path, document: msgspec.Struct) -> None:
    try:
        write_durably(path, msgspec.json.encode(document), mode=_SECRET)
    except OSError as error:
        raise _unwritable(path, error) from error


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder, made if missing; the installer of a dead agent may be ending just now."""
    try:
        make_folders(folder, mode=_PRIVATE)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _SECRET)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _unwritable(path: Path, error: OSError) -> StoreUnwritableError:
    return StoreUnwritableError(f"{error.filename or path}: {error.strerror or error}; nothing was changed")
