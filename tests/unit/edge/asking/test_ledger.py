"""The day's bytes over restarts: no crash and no loop of them spends more than the day allows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roost_edge.asking import ledger as ledger_module
from roost_edge.asking.budget import HOUR_NS
from roost_edge.asking.ledger import Ledger
from roost_edge.loop.errands import Errands
from roost_shared.clock import SystemClock
from roost_shared.complaints import Complaints
from tests.support.virtual_reactor import VirtualReactor

DAY_BYTES = 200_000


class Now(Errands):
    """Does what it is given at once."""

    def __init__(self, *_: object) -> None:
        pass

    def run(self, work: Callable[[], Any], then: Callable[[Any], object]) -> None:
        then(work())

    def close(self, timeout_s: float) -> None:
        del timeout_s


@pytest.fixture
def reactor(monkeypatch: pytest.MonkeyPatch) -> VirtualReactor:
    monkeypatch.setattr(ledger_module, "Errands", Now)
    return VirtualReactor()


def open_ledger(folder: Path, reactor: VirtualReactor, complaints: Complaints | None = None) -> Ledger:
    return Ledger(folder, DAY_BYTES, reactor.as_reactor(), complaints or Complaints(SystemClock()))


def spend_all(ledger: Ledger, size_bytes: int = 1000) -> int:
    """Questions of this size until one is refused; the bytes they took."""
    spent = 0
    while ledger.refusal(size_bytes, unsent=0, unsent_bytes=0) is None:
        ledger.spend(size_bytes)
        spent += size_bytes
    return spent


def test_a_day_is_spent_to_its_end(tmp_path: Path, reactor: VirtualReactor) -> None:
    assert spend_all(open_ledger(tmp_path, reactor)) == DAY_BYTES


def test_a_loop_of_crashes_spends_no_more_than_the_day(tmp_path: Path, reactor: VirtualReactor) -> None:
    spent = 0
    for _ in range(50):
        ledger = open_ledger(tmp_path, reactor)
        for _ in range(10):
            if ledger.refusal(1000, unsent=0, unsent_bytes=0) is None:
                ledger.spend(1000)
                spent += 1000
    assert 0 < spent <= DAY_BYTES


def test_stopping_forfeits_nothing(tmp_path: Path, reactor: VirtualReactor) -> None:
    ledger = open_ledger(tmp_path, reactor)
    ledger.spend(1000)
    ledger.close()
    assert spend_all(open_ledger(tmp_path, reactor)) == DAY_BYTES - 1000


def test_the_next_day_begins_anew_on_the_monotonic_clock(tmp_path: Path, reactor: VirtualReactor) -> None:
    spend_all(open_ledger(tmp_path, reactor))
    reactor.advance(25 * HOUR_NS)
    assert spend_all(open_ledger(tmp_path, reactor)) == DAY_BYTES


def test_over_a_reboot_no_time_has_passed(
    tmp_path: Path, reactor: VirtualReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    reactor.advance(1000 * HOUR_NS)
    spend_all(open_ledger(tmp_path, reactor))
    boot = tmp_path / "boot_id"
    boot.write_text("another\n")
    monkeypatch.setattr(ledger_module, "_KERNEL_BOOT", boot)
    reactor.now = 0
    ledger = open_ledger(tmp_path, reactor)
    assert spend_all(ledger) == 0
    reactor.advance(25 * HOUR_NS)
    assert spend_all(ledger) == 0  # what is to be spent is set aside first
    assert spend_all(ledger) == DAY_BYTES


@pytest.mark.parametrize("record", [b"{", b'{"kernel_boot":"\xff"}', b"[" * 5000])
def test_a_record_that_cannot_be_read_leaves_nothing_to_spend_and_is_named(
    tmp_path: Path, reactor: VirtualReactor, record: bytes
) -> None:
    (tmp_path / "asked.json").write_bytes(record)
    complaints = Complaints(SystemClock())
    assert spend_all(open_ledger(tmp_path, reactor, complaints)) == 0
    assert complaints.counts == {"budget.unreadable": 1}


def test_without_a_record_nothing_is_spent(tmp_path: Path, reactor: VirtualReactor) -> None:
    complaints = Complaints(SystemClock())
    ledger = open_ledger(tmp_path / "missing", reactor, complaints)
    assert spend_all(ledger) == 0
    assert set(complaints.counts) == {"budget.unwritable"}


def test_it_writes_some_dozens_of_times_a_day(
    tmp_path: Path, reactor: VirtualReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[Path] = []
    monkeypatch.setattr(ledger_module, "write_durably", lambda path, _: writes.append(path))
    ledger = Ledger(tmp_path, 64 << 20, reactor.as_reactor(), Complaints(SystemClock()))
    spend_all(ledger)
    assert 64 <= len(writes) <= 140
