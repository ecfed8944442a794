"""Disks that are full, read-only, or fail when asked to be durable: what is not kept is said, the rest stays."""

import subprocess
import sys
from pathlib import Path

import pytest

from roost_edge.spool.errors import SpoolUnwritableError
from roost_edge.spool.interface import Note
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from tests.support.mounts import remount, small_tmpfs
from tests.support.spool_work import Log, check, new_entry, work
from tests.support.strace import run_traced

TOLERANT_WORK = """
import sys
from pathlib import Path
from tests.support.spool_work import work
work(Path(sys.argv[1]), sys.argv[2], steps=14, tolerant=True)
"""
WORK = TOLERANT_WORK.replace("tolerant=True", "tolerant=False")
WRITES = "pwrite64,pwritev,pwritev2"
UNLIMITED = SpoolLimits(reserve_bytes=0, quota_bytes=1 << 40)


def refused(folder: Path, boot: str, calls: str, error: str, when: str) -> None:
    """Work while the kernel answers some calls with an error; then all that was kept must be there."""
    done = run_traced(
        ["-o", "/dev/null", "-e", f"inject={calls}:error={error}:when={when}"], TOLERANT_WORK, str(folder), boot
    )
    assert done.returncode == 0, done.stderr
    check(folder)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("number", [1, 3, 6, 8, 13, 18, 27, 40])
def test_an_fsync_that_fails_once_costs_only_what_it_was_for(quick_path: Path, number: int, error: str) -> None:
    refused(quick_path / "spool", "b5", "fsync,fdatasync", error, str(number))


@pytest.mark.parametrize("number", [2, 9, 20])
def test_a_disk_whose_fsyncs_fail_from_now_on_costs_only_what_comes_after(quick_path: Path, number: int) -> None:
    work(quick_path / "spool", "b12", steps=14)
    refused(quick_path / "spool", "b5", "fsync,fdatasync", "ENOSPC", f"{number}+")


@pytest.mark.parametrize("number", [1, 5, 11, 24, 38, 61])
@pytest.mark.parametrize("repeat", ["", "+", "+3"])
def test_a_write_to_a_full_disk_costs_only_what_it_was_for(quick_path: Path, number: int, repeat: str) -> None:
    refused(quick_path / "spool", "b5", WRITES, "ENOSPC", f"{number}{repeat}")


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("calls", ["fsync,fdatasync", WRITES, "ftruncate,fallocate,unlink"])
def test_every_call_refused_once(quick_path: Path, calls: str) -> None:
    for number in range(1, 90):
        refused(quick_path / str(number) / "spool", "b5", calls, "ENOSPC", str(number))


def test_a_full_disk_refuses_with_a_reason_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    with small_tmpfs(tmp_path / "disk", 1 << 20) as disk:
        spool = Spool(disk / "spool", "boot", UNLIMITED, 0)
        log = Log(disk.parent / "spool")
        (disk / "filler").write_bytes(bytes(400_000))
        errors, kept = set(), 0
        for number in range(300):
            name = f"boot-{number}"
            log.say("offered", name)
            (outcome,) = spool.append([new_entry(name)], now_ns=0)
            if outcome.error is None:
                log.say("kept", name)
                kept += 1
            else:
                errors.add(outcome.error.code)
        assert kept > 20
        assert errors <= {"spool.unwritable", "spool.full"}
        assert errors
        assert sum(spool.describe()["refused"].values()) == 300 - kept
        (disk / "filler").unlink()
        log.say("offered", "boot-last")
        assert spool.append([new_entry("boot-last")], now_ns=0)[0].kept
        log.say("kept", "boot-last")
        spool.close()
        (disk / "spool.log").write_bytes((disk.parent / "spool.log").read_bytes())
        assert "boot-last" in check(disk / "spool")["present"]


def test_a_reserve_leaves_others_their_room(tmp_path: Path) -> None:
    with small_tmpfs(tmp_path / "disk", 2 << 20) as disk:
        spool = Spool(disk / "spool", "boot", SpoolLimits(reserve_bytes=1 << 20, segment_bytes=200_000), 0)
        for number in range(300):
            spool.append([new_entry(f"boot-{number}")], now_ns=0)
            if not number % 20:
                spool.tick(0)
        assert spool.describe()["dropped"]["thinned"] > 50
        (disk / "others").write_bytes(bytes(600_000))
        spool.close()


def test_a_disk_that_becomes_read_only_keeps_and_serves_what_it_has(tmp_path: Path) -> None:
    with small_tmpfs(tmp_path / "disk", 1 << 20) as disk:
        spool = Spool(disk / "spool", "boot", UNLIMITED, 0)
        assert spool.append([new_entry("boot-1")], now_ns=0)[0].kept
        spool.close()
        remount(disk, "ro")
        with pytest.raises(SpoolUnwritableError, match="Read-only"):
            Spool(disk / "spool", "boot", UNLIMITED, 0)
        remount(disk, "rw")
        (disk / "spool.log").write_text("offered boot-1\nkept boot-1\n")
        assert check(disk / "spool")["present"] == {"boot-1"}


def test_a_second_process_is_refused_and_goes_without_a_trace(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", "boot", UNLIMITED, 0)
    spool.note([Note(record=b"one")], now_ns=0)
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(tmp_path / "spool"), "b5"],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert "SpoolBusyError" in done.stderr
    spool.note([Note(record=b"two")], now_ns=0)
    spool.link_up(0)
    batch = spool.next_batch(0)
    assert batch is not None
    assert (batch.boot, batch.records) == ("boot", [b"one", b"two"])
    spool.close()
