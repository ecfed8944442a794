"""The spooler's process is killed, hangs, finds no disk: an order is settled once, and what was said kept is there."""

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from roost_shared.clock import SECOND
from roost_shared.records import LateRecord, SampleRecord, Watermark, decode_record
from tests.support.spool_reading import inputs_in
from tests.support.spooler_rig import SpoolerRig
from tests.support.strace import require_strace
from tests.support.waiting import until


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SpoolerRig]:
    rig = SpoolerRig(tmp_path)
    yield rig
    rig.close()


@contextmanager
def stopped_tracer(pid: int) -> Iterator[None]:
    """Have a process held at its next system call, and dead it may not be reaped, until the block ends."""
    strace = require_strace()
    with subprocess.Popen([strace, "-qq", "-p", str(pid), "-o", os.devnull], stderr=subprocess.DEVNULL) as tracer:
        try:
            until(lambda: "TracerPid:\t0" not in Path(f"/proc/{pid}/status").read_text(), "it is traced")
            os.kill(tracer.pid, signal.SIGSTOP)
            yield
        finally:
            tracer.kill()


def pid_of(rig: SpoolerRig) -> int:
    rig.until(lambda: rig.spooler.pid is not None and rig.spooler.is_ready, "it is ready")
    assert rig.spooler.pid is not None
    return rig.spooler.pid


def test_what_is_settled_is_there_afterwards(rig: SpoolerRig, tmp_path: Path) -> None:
    rig.start()
    inputs = {rig.keep(bytes([number]) * 20_000): bytes([number]) * 20_000 for number in range(20)}
    rig.until_settled()
    assert set(rig.outcomes.values()) == {None}
    rig.stop()
    assert inputs_in(tmp_path) == inputs


def test_what_comes_within_a_moment_is_written_together(rig: SpoolerRig) -> None:
    rig.start()
    pid_of(rig)
    for number in range(5):
        rig.keep(bytes([number]) * 20_000)
    rig.until_settled()
    rig.until(lambda: rig.spooler.figures.get("kept") == 5, "it has said so")
    assert rig.spooler.figures["groups"] == 1


def test_killed_again_and_again_under_load_it_loses_nothing_and_keeps_nothing_twice(
    rig: SpoolerRig, tmp_path: Path
) -> None:
    rig.start()
    inputs: dict[str | None, bytes] = {}
    for round_ in range(4):
        pid = pid_of(rig)
        for number in range(12):
            data = f"{round_} {number} ".encode() * 1000
            inputs[rig.keep(data)] = data
        rig.until_outcomes(len(rig.outcomes) + 1 + round_)
        os.kill(pid, signal.SIGKILL)
        rig.until_gone(pid)
    rig.until_settled()
    assert None not in inputs
    assert set(rig.outcomes.values()) == {None}
    rig.stop()
    assert inputs_in(tmp_path) == inputs


def test_records_that_are_sent_again_to_the_next_process_are_told_once(rig: SpoolerRig) -> None:
    rig.start()
    for round_ in range(4):
        pid = pid_of(rig)
        for number in range(10):
            late = LateRecord(sample=f"b1-{round_ * 10 + number}", contestant="cloud", elapsed_ms=1.0)
            assert rig.note(late)
        rig.until_outcomes(len(rig.outcomes) + 1 + 2 * round_)
        os.kill(pid, signal.SIGKILL)
        rig.until_gone(pid)
    rig.until_settled()
    rig.spooler.link(up=True)
    rig.until(lambda: len(list(rig.records())) >= 40, "all are told")
    told = [decode_record(record) for record in rig.records()]
    assert sorted(int(one.sample.partition("-")[2]) for one in told if isinstance(one, LateRecord)) == list(range(40))


def test_orders_that_came_before_it_ran_are_settled_too(rig: SpoolerRig) -> None:
    sample = rig.keep(b"early")
    rig.start()
    rig.until_settled()
    assert rig.outcomes == {sample: None}


def test_what_speaks_for_an_order_that_waits_goes_with_it(rig: SpoolerRig) -> None:
    samples = [rig.keep(b"early"), rig.keep(b"too")]
    rig.spooler.raise_priority(str(samples[1]), 2, 2.0)
    rig.start()
    rig.until_settled()
    rig.until(lambda: rig.spooler.figures.get("entries") == {"0": 1, "2": 1}, "one is worth more")
    rig.spooler.link(up=True)
    rig.until(lambda: len(list(rig.records())) == 2, "both are told")
    records = [decode_record(record) for record in rig.records()]
    assert [one.probability for one in records if isinstance(one, SampleRecord)] == [0.5, 1.0]


def test_a_disk_that_cannot_be_written_is_said_and_nobody_waits_for_it_for_ever(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    rig = SpoolerRig(tmp_path)
    try:
        rig.start()
        sample = rig.keep(b"pixels")
        rig.until(lambda: sample in rig.outcomes, "it is given up", 60)
        error = rig.outcomes[str(sample)]
        assert error is not None
        assert error.code == "spooler.down"
        assert rig.complaints.counts["spool.unwritable"] >= 1
        assert rig.keep(b"another") is None, "there is no use in waiting"
    finally:
        rig.close()


def test_two_on_one_folder_are_refused(rig: SpoolerRig, tmp_path: Path) -> None:
    rig.start()
    pid_of(rig)
    second = SpoolerRig(tmp_path)
    try:
        second.start()
        second.until(lambda: second.complaints.counts["spool.busy"], "it is refused")
    finally:
        second.close()


def test_one_that_is_just_ending_is_waited_for(rig: SpoolerRig, tmp_path: Path) -> None:
    rig.start()
    pid_of(rig)
    second = SpoolerRig(tmp_path, "b2")
    try:
        second.start()
        sample = second.keep(b"pixels")
        rig.stop()
        second.until_settled()
        assert second.outcomes == {sample: None}
        assert not second.complaints.counts
    finally:
        second.close()


def test_it_is_coming_until_it_is_there_and_again_while_another_takes_its_place(rig: SpoolerRig) -> None:
    assert not rig.spooler.is_coming, "nobody has started it"
    rig.start()
    rig.until(lambda: rig.spooler.is_coming, "it is on its way")
    pid = pid_of(rig)
    rig.until(lambda: not rig.spooler.is_coming, "it is there")
    rig.keep(b"pixels")
    rig.until_settled()
    os.kill(pid, signal.SIGKILL)
    rig.until_gone(pid)
    rig.until(lambda: rig.spooler.is_coming, "another takes its place")


def test_one_that_never_comes_is_not_coming_for_ever(rig: SpoolerRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roost_edge.spooler.spooler._COMING_NS", 2 * SECOND)
    rig.start()
    pid_of(rig)
    second = SpoolerRig(rig.folder, "b2")
    try:
        second.start()
        second.until(lambda: not second.spooler.is_coming, "it is given up")
        assert not second.spooler.is_ready
        second.until(lambda: second.complaints.counts["spooler.failed"], "its first process failed later")
        assert not second.spooler.is_coming, "another attempt is no reason to wait any longer"
    finally:
        second.close()


def test_only_so_much_waits_for_the_disk(rig: SpoolerRig) -> None:
    taken = [rig.keep(b"x" * 100_000) for _ in range(12)]
    assert [sample is not None for sample in taken] == [True] * 10 + [False] * 2, "1 MiB may wait"
    rig.start()
    rig.until_settled()
    assert rig.keep(b"x" * 100_000) is not None


def test_only_so_many_wait_for_the_disk(rig: SpoolerRig) -> None:
    taken = [rig.keep(b"x") for _ in range(300)]
    assert sum(sample is not None for sample in taken) == 256


def test_a_process_that_hangs_is_replaced(rig: SpoolerRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roost_edge.spooler.spooler._HUNG_NS", SECOND)
    rig.start()
    os.kill(pid_of(rig), signal.SIGSTOP)
    sample = rig.keep(b"pixels")
    rig.until_settled()
    assert rig.outcomes == {sample: None}
    assert rig.complaints.counts["spooler.failed"] == 1


def test_a_process_that_does_not_even_die_stops_nobody(rig: SpoolerRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing disk holds whoever waits for it, killed or not, and its locks with it; here a tracer does."""
    monkeypatch.setattr("roost_edge.spooler.spooler._HUNG_NS", SECOND)
    rig.start()
    pid = pid_of(rig)
    with stopped_tracer(pid):
        sample = rig.keep(b"pixels")
        rig.until_outcomes(1)
        assert Path(f"/proc/{pid}").exists(), "it is still there"
    error = rig.outcomes[str(sample)]
    assert error is not None
    assert error.code == "spooler.down"
    assert rig.complaints.counts["spool.busy"] >= 1
    rig.until(lambda: rig.spooler.is_ready, "another has taken its place", 60)
    sample = rig.keep(b"more")
    rig.until_settled()
    assert rig.outcomes[str(sample)] is None


def test_an_input_that_an_earlier_boot_kept_is_recognised(tmp_path: Path) -> None:
    first = SpoolerRig(tmp_path, "b1")
    first.start()
    first.keep(b"pixels", correlation="in/meter:7")
    first.until_settled()
    first.stop()
    second = SpoolerRig(tmp_path, "b2")
    second.start()
    second.keep(b"pixels", correlation="in/meter:7", redelivered=True)
    second.keep(b"pixels", correlation="in/meter:8", redelivered=True)
    second.until_settled()
    assert set(second.outcomes.values()) == {None}
    second.stop()
    assert inputs_in(tmp_path) == {"b1-1": b"pixels", "b2-2": b"pixels"}


def test_records_go_out_while_the_link_is_up_until_they_are_covered(rig: SpoolerRig) -> None:
    rig.start()
    sample = rig.keep(b"pixels")
    late = LateRecord(sample=str(sample), contestant="cloud", label="5", elapsed_ms=400.0)
    rig.note(late)
    rig.until_settled()
    assert not rig.batches
    rig.spooler.link(up=True)
    rig.until(lambda: len(list(rig.records())) == 2, "both are sent")
    kept, told = (decode_record(record) for record in rig.records())
    assert isinstance(kept, SampleRecord)
    assert kept.input is not None
    assert (kept.sample, kept.input.size_bytes, kept.input.content_type) == (sample, 6, "image/png")
    assert told == late
    rig.spooler.link(up=False)
    rig.spooler.link(up=True)
    rig.until(lambda: len(list(rig.records())) == 4, "they are sent again")
    rig.spooler.covered(Watermark(boot="b1", sequence=2))
    rig.until(lambda: rig.spooler.figures.get("outbox_bytes") == 0, "they have left")
    rig.spooler.link(up=False)
    rig.spooler.link(up=True)
    rig.keep(b"more")
    rig.until(lambda: len(list(rig.records())) == 5, "only what is new is sent")
    assert rig.batches[-1].first == 3


def test_orders_outlive_a_stop_in_the_middle(rig: SpoolerRig, tmp_path: Path) -> None:
    rig.start()
    pid_of(rig)
    for number in range(50):
        rig.keep(b"%d" % number * 5000)
    rig.stop()
    settled = {sample for sample, error in rig.outcomes.items() if error is None}
    assert settled <= set(inputs_in(tmp_path))
    index = sqlite3.connect(tmp_path / "spool" / "index.db")
    assert index.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    index.close()
