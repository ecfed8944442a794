"""Whether this machine can run what is assigned: runtime, architecture, memory, disk. Pure; `machine.py` looks.

Memory is counted with what runs and what is new loaded together, for the new proves itself beside the old.
"""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import msgspec

from roost_edge.installer.errors import NoDiskError, NoMemoryError, NoRuntimeHereError, WrongArchitectureError
from roost_shared.runtime_settings import RuntimeName

__all__ = ["WORKER_BYTES", "Machine", "Need", "Seat", "check_disk", "check_machine"]

WORKER_BYTES: Final = 40 << 20  # of a worker beside its model: 24 MB were measured, the rest is a decoded picture
_MIB: Final = 1 << 20


class Seat(NamedTuple):
    """Who runs a bundle: it is loaded once for each."""

    task: str
    contestant: str
    digest: str


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a contestant takes.

    Attributes:
        bundle: its reference, for people.
        runtimes: that the bundle can use, the best first.
        only: the one that the contestant's settings ask for.
        architectures: that the bundle is made for; empty: any.
        ram_bytes: of weights and tensors.
    """

    bundle: str
    runtimes: tuple[str, ...]
    only: RuntimeName | None = None
    architectures: tuple[str, ...] = ()
    ram_bytes: int = 0


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What there is.

    Attributes:
        runtimes: that are installed.
        architecture: as `platform.machine()` names it.
        memory_bytes: that our processes may have, all together; None where nobody knows.
        available_bytes: of these, that nobody has yet; None where nobody knows.
    """

    runtimes: Collection[str]
    architecture: str
    memory_bytes: int | None = None
    available_bytes: int | None = None


def check_machine(needs: Mapping[Seat, Need], loaded: Mapping[Seat, Need], machine: Machine) -> None:
    """See that this machine can run what is assigned, beside what it runs.

    Args:
        needs: of the assignment.
        loaded: what runs by the assignment in force.
        machine: this one.

    Raises:
        NoRuntimeHereError, WrongArchitectureError, NoMemoryError: it cannot; each says what is missing.
    """
    for need in needs.values():
        _check_runtime(need, machine)
        _check_architecture(need, machine)
    new = {seat: need for seat, need in needs.items() if seat not in loaded}
    new_bytes, loaded_bytes = _bytes(new.values()), _bytes(loaded.values())
    if machine.available_bytes is not None and new_bytes > machine.available_bytes:
        raise NoMemoryError(
            f"what is new needs {_mib(new_bytes)} of memory beside what runs, and {_mib(machine.available_bytes)}"
            " are free"
        )
    if machine.memory_bytes is not None and new_bytes + loaded_bytes > machine.memory_bytes:
        raise NoMemoryError(
            f"what is new and what runs need {_mib(new_bytes + loaded_bytes)} of memory together, and there are"
            f" {_mib(machine.memory_bytes)}"
        )


def check_disk(fetch_bytes: int, *, free_bytes: int, reserve_bytes: int) -> None:
    """See that what has to be fetched fits on the disk.

    Args:
        fetch_bytes: that are not here yet.
        free_bytes: that could be written.
        reserve_bytes: of these, that are left to others.

    Raises:
        NoDiskError: it does not.
    """
    room_bytes = free_bytes - reserve_bytes
    if fetch_bytes > max(room_bytes, 0):
        raise NoDiskError(
            f"{_mib(fetch_bytes)} have to be fetched, and {_mib(free_bytes)} are free on the disk, of which"
            f" {_mib(reserve_bytes)} are left to others (limits.free_disk_bytes): make room, or lower that limit"
        )


def _check_runtime(need: Need, machine: Machine) -> None:
    usable = [name for name in need.runtimes if need.only in (None, name)]
    if not usable:
        raise NoRuntimeHereError(
            f"{need.bundle}: its contestant asks for {need.only}, but the bundle is made for"
            f" {' or '.join(need.runtimes)}"
        )
    if not set(usable) & set(machine.runtimes):
        there = ", ".join(sorted(machine.runtimes)) or "none"
        raise NoRuntimeHereError(f"{need.bundle} needs {' or '.join(usable)}; installed here: {there}")


def _check_architecture(need: Need, machine: Machine) -> None:
    if need.architectures and machine.architecture not in need.architectures:
        raise WrongArchitectureError(
            f"{need.bundle} is made for {' or '.join(need.architectures)}; this machine is {machine.architecture}"
        )


def _bytes(needs: Collection[Need]) -> int:
    return sum(need.ram_bytes + WORKER_BYTES for need in needs)


def _mib(size_bytes: int) -> str:
    """A size for people.

    >>> _mib(3 << 20), _mib(1)
    ('3 MiB', '1 MiB')
    """
    return f"{-(-size_bytes // _MIB)} MiB"
