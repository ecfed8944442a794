"""Whether the demo would notice an input that is missing in the cloud, or there twice, or altered."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from roost_cloud.replay.source import Recorded
from roost_shared.messages import Answer
from roost_shared.records import SampleRecord, encode_record
from scripts.roost_demo.capture import Arrived, Keeping, arrived, keeping_line, keeping_of, truth_of
from scripts.roost_demo.cloud import CloudInput
from scripts.roost_demo.outcomes import Outcome
from scripts.roost_demo.pictures import Picture

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def answer(number: int) -> Answer:
    return Answer(
        id=f"r{number}",
        task="digits",
        label="7",
        confidence=0.9,
        top=[],
        output=None,
        contestant="primary",
        bundle=None,
        reason="preferred",
        deadline_met=True,
        elapsed_ms=2.0,
        candidates=[],
        received_at="2026-11-24T00:00:00+00:00",
    )


def outcome(number: int) -> Outcome:
    return Outcome("cam-01", 1, Picture(b"picture %d" % number, str(number)), answer(number), 3.0, 0.0)


def recorded(number: int, sample: str | None = None) -> Recorded:
    name = sample or f"b-{number}"
    record = SampleRecord(sample=name, answer=answer(number), kept_for=["base_rate"], probability=0.1)
    return Recorded(device="cam-01", sample=name, received_at=NOW, record=encode_record(record))


def brought(number: int, sample: str | None = None) -> CloudInput:
    return CloudInput("cam-01", sample or f"b-{number}", hashlib.sha256(b"picture %d" % number).hexdigest())


OUTCOMES = [outcome(number) for number in (1, 2, 3)]
RECORDED = [recorded(number) for number in (1, 2, 3)]


def test_all_of_it_once_is_exactly_once() -> None:
    found = arrived(OUTCOMES, 2, RECORDED, [brought(1), brought(3)])
    assert found == Arrived(answers=3, recorded=3, kept=2, in_cloud=2, wrong=0)
    assert found.exactly_once


@pytest.mark.parametrize(
    ("records", "inputs"),
    [
        pytest.param(RECORDED, [brought(1)], id="an input is missing"),
        pytest.param(RECORDED, [brought(1), CloudInput("cam-01", "b-3", "0" * 64)], id="other bytes"),
        pytest.param(RECORDED, [brought(1), brought(3, "b-2")], id="the bytes of another"),
        pytest.param([*RECORDED, recorded(3, "c-1")], [brought(1), brought(3), brought(3, "c-1")], id="twice"),
        pytest.param(RECORDED, [brought(1), brought(3), brought(2)], id="one that nobody kept"),
        pytest.param(RECORDED[:2], [brought(1), brought(2)], id="a record is missing"),
        pytest.param([*RECORDED, recorded(4)], [brought(1), brought(3)], id="a record of nobody's"),
        pytest.param([*RECORDED, recorded(2, "c-2")], [brought(1), brought(3)], id="a record twice"),
    ],
)
def test_anything_else_is_not(records: Sequence[Recorded], inputs: Sequence[CloudInput]) -> None:
    assert not arrived(OUTCOMES, 2, records, inputs).exactly_once


def test_samples_are_labelled_by_the_pictures_they_are_of() -> None:
    assert truth_of(OUTCOMES, [*RECORDED, recorded(4)]) == {"b-1": "1", "b-2": "2", "b-3": "3"}


STATUS = {
    "capture": {
        "durable": 5,
        "kept_for_disagreement": 3,
        "kept_for_base_rate": 2,
        "unsettled": 0,
        "spool": {"entry_bytes": 0, "outbox_bytes": 0, "upload": {"inputs": 5}},
    }
}


def with_spool(**figures: object) -> dict[str, object]:
    capture = STATUS["capture"]
    return {"capture": {**capture, "spool": {**capture["spool"], **figures}}}  # type: ignore[dict-item]


def test_status_tells_what_is_kept_and_for_what() -> None:
    keeping = keeping_of(STATUS)
    assert (keeping.kept, keeping.spooled, keeping.uploaded) == (5, 0, 5)
    assert keeping.kept_for == {"base_rate": 2, "disagreement": 3}
    assert keeping.is_drained


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(with_spool(upload={"inputs": 4}), id="an input is not confirmed"),
        pytest.param(with_spool(entry_bytes=9), id="an input is still there"),
        pytest.param({"capture": {**STATUS["capture"], "unsettled": 1}}, id="an input is not durable"),
        pytest.param({"capture": {"unsettled": 0, "spool": {}}}, id="the spooler has said nothing"),
    ],
)
def test_what_waits_is_not_drained(status: dict[str, object]) -> None:
    assert not keeping_of(status).is_drained


def test_a_record_on_its_way_keeps_no_device_waiting() -> None:
    assert keeping_of(with_spool(outbox_bytes=9)).is_drained, "a window closes every second: there is always one"


def test_a_device_is_told_of_in_a_line() -> None:
    line = keeping_line("cam-01", Keeping(5, {"disagreement": 3, "base_rate": 2}, 4), 4)
    assert line == "cam-01    kept 5: 1 in its spool, 4 uploaded, 4 in the cloud; for disagreement 3, base rate 2"
