"""What the spooler makes of an order is what the spool would take from anybody. No process."""

from pathlib import Path

import msgspec
import pytest

from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_edge.spooler import protocol
from roost_edge.spooler.service import _entry, _Order
from roost_shared.records import SampleRecord, decode_record
from tests.support.spooler_rig import answer_of

PAYLOAD = b"pixels"


@pytest.mark.parametrize("made_here", [True, False])
def test_an_order_s_entry_stands_up_to_the_spool_s_checks(tmp_path: Path, made_here: bool) -> None:  # noqa: FBT001 - a case
    record = SampleRecord(sample="b1-1", answer=answer_of(), kept_for=["base_rate"], probability=0.5)
    entry = _entry(_Order(protocol.Keep(1, 0, record, "image/png", "c7"), memoryview(PAYLOAD)))
    assert entry.made_here
    told = decode_record(entry.record)
    assert isinstance(told, SampleRecord)
    assert told.input is not None
    assert (told.input.sha256, told.input.size_bytes) == (entry.sha256.hex(), len(PAYLOAD))
    spool = Spool(tmp_path / "spool", "b1", SpoolLimits(reserve_bytes=0), 0)
    try:
        (outcome,) = spool.append([msgspec.structs.replace(entry, made_here=made_here)], now_ns=0)
    finally:
        spool.close()
    assert outcome.kept
