"""What of /proc and /sys becomes the machine."""

import platform
from pathlib import Path

import pytest

from roost_edge.installer.machine import read_machine
from roost_shared import runtimes
from roost_shared.runtime_settings import RUNTIME_PACKAGES

GIB = 1 << 30


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(
        tmp_path, "proc/meminfo", "MemTotal: 4194304 kB\nMemFree: 1 kB\nMemAvailable: 2097152 kB\nHugePages_Free: 0\n"
    )
    return tmp_path


def test_without_limits_it_is_what_the_kernel_says(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/user.slice\n")
    write(root, "sys/fs/cgroup/user.slice/memory.max", "max\n")
    machine = read_machine(root)
    assert (machine.memory_bytes, machine.available_bytes) == (4 * GIB, 2 * GIB)
    assert machine.architecture == platform.machine()


def test_a_limit_of_the_group_counts_and_cache_is_free(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/system.slice/roost.service\n")
    group = "sys/fs/cgroup/system.slice/roost.service/"
    write(root, group + "memory.max", f"{GIB}\n")
    write(root, group + "memory.current", f"{GIB - (100 << 20)}\n")
    write(root, group + "memory.stat", f"anon 5\ninactive_file {50 << 20}\n")
    machine = read_machine(root)
    assert (machine.memory_bytes, machine.available_bytes) == (GIB, 150 << 20)


def test_a_limit_of_a_group_above_counts_too(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/system.slice/roost.service\n")
    write(root, "sys/fs/cgroup/system.slice/memory.max", f"{2 * GIB}\n")
    write(root, "sys/fs/cgroup/system.slice/memory.current", f"{2 * GIB - 5}\n")
    machine = read_machine(root)
    assert (machine.memory_bytes, machine.available_bytes) == (2 * GIB, 5)


def test_the_older_kind_of_groups_counts(root: Path) -> None:
    write(root, "proc/self/cgroup", "12:cpu,cpuacct:/\n4:memory:/docker/abc\n0::/\n")
    group = "sys/fs/cgroup/memory/docker/abc/"
    write(root, group + "memory.limit_in_bytes", f"{GIB}\n")
    write(root, group + "memory.usage_in_bytes", f"{GIB // 2}\n")
    write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    machine = read_machine(root)
    assert (machine.memory_bytes, machine.available_bytes) == (GIB, GIB // 2)


@pytest.mark.parametrize("text", ["", "nonsense", "0:", "MemTotal: much kB\n\n:::\n"])
def test_what_cannot_be_read_is_unknown(tmp_path: Path, text: str) -> None:
    write(tmp_path, "proc/meminfo", text)
    write(tmp_path, "proc/self/cgroup", text)
    machine = read_machine(tmp_path)
    assert (machine.memory_bytes, machine.available_bytes) == (None, None)


def test_this_machine_has_memory_and_a_runtime() -> None:
    machine = read_machine()
    assert machine.memory_bytes
    assert machine.available_bytes
    assert "litert" in machine.runtimes


def test_runtimes_are_looked_for_by_the_names_they_are_run_by() -> None:
    assert {*runtimes.runtimes_of("tflite"), *runtimes.runtimes_of("onnx")} == set(RUNTIME_PACKAGES)
