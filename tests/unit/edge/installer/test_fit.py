"""What this machine can run, and what it says where it cannot."""

from typing import Any

import pytest

from roost_edge.installer.errors import NoDiskError, NoMemoryError, NoRuntimeHereError, WrongArchitectureError
from roost_edge.installer.fit import WORKER_BYTES, Machine, Need, Seat, check_disk, check_machine

MIB = 1 << 20
SEAT = Seat("meter", "primary", "sha256:a")
OTHER = Seat("meter", "primary", "sha256:b")


def machine(**fields: Any) -> Machine:
    return Machine(**({"runtimes": ["litert"], "architecture": "aarch64"} | fields))


def need(**fields: Any) -> Need:
    return Need(**({"bundle": "meter:7@sha256:a", "runtimes": ("litert", "tflite-runtime")} | fields))


def test_what_is_installed_and_made_for_it_fits() -> None:
    check_machine({SEAT: need(architectures=("aarch64",))}, {}, machine())


def test_any_runtime_that_the_bundle_lists_will_do() -> None:
    check_machine({SEAT: need()}, {}, machine(runtimes=["tflite-runtime"]))


def test_a_runtime_that_is_not_installed_is_named() -> None:
    with pytest.raises(NoRuntimeHereError, match=r"meter:7.*needs onnxruntime; installed here: litert"):
        check_machine({SEAT: need(runtimes=("onnxruntime",))}, {}, machine())


def test_a_contestant_that_asks_for_one_runtime_gets_no_other() -> None:
    with pytest.raises(NoRuntimeHereError, match="needs tflite-runtime"):
        check_machine({SEAT: need(only="tflite-runtime")}, {}, machine())
    with pytest.raises(NoRuntimeHereError, match="asks for onnxruntime, but the bundle is made for litert"):
        check_machine({SEAT: need(only="onnxruntime")}, {}, machine(runtimes=["onnxruntime"]))


def test_another_architecture_does_not_fit() -> None:
    with pytest.raises(WrongArchitectureError, match="made for x86_64; this machine is aarch64"):
        check_machine({SEAT: need(architectures=("x86_64",))}, {}, machine())


def test_the_new_has_to_fit_into_what_is_free() -> None:
    size_bytes = 10 * MIB + WORKER_BYTES
    needs = {SEAT: need(ram_bytes=10 * MIB)}
    check_machine(needs, {}, machine(available_bytes=size_bytes))
    with pytest.raises(NoMemoryError, match=r"50 MiB .* 49 MiB are free"):
        check_machine(needs, {}, machine(available_bytes=size_bytes - 1 - MIB))


def test_old_and_new_have_to_fit_into_what_there_is_together() -> None:
    size_bytes = 10 * MIB + WORKER_BYTES
    needs, loaded = {SEAT: need(ram_bytes=10 * MIB)}, {OTHER: need(ram_bytes=10 * MIB)}
    check_machine(needs, loaded, machine(memory_bytes=2 * size_bytes))
    with pytest.raises(NoMemoryError, match="together"):
        check_machine(needs, loaded, machine(memory_bytes=2 * size_bytes - 1))


def test_what_goes_on_as_it_is_needs_no_memory_of_its_own() -> None:
    needs = {SEAT: need(ram_bytes=10 * MIB)}
    check_machine(needs, needs, machine(available_bytes=0, memory_bytes=10 * MIB + WORKER_BYTES))


def test_where_nobody_knows_of_memory_it_is_not_asked_for() -> None:
    check_machine({SEAT: need(ram_bytes=1 << 60)}, {}, machine())


@pytest.mark.parametrize(("free", "fits"), [(150, True), (149, False), (50, False), (0, False)])
def test_what_is_fetched_leaves_the_others_their_part(free: int, *, fits: bool) -> None:
    if fits:
        check_disk(100 * MIB, free_bytes=free * MIB, reserve_bytes=50 * MIB)
        return
    with pytest.raises(NoDiskError, match=r"limits\.free_disk_bytes"):
        check_disk(100 * MIB, free_bytes=free * MIB, reserve_bytes=50 * MIB)


def test_a_full_disk_is_no_matter_where_nothing_is_fetched() -> None:
    check_disk(0, free_bytes=0, reserve_bytes=50 * MIB)
