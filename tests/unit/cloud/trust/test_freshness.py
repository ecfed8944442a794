"""Snapshot and timestamp: what they say next, and when."""

from datetime import timedelta

import pytest

from roost_cloud.trust.freshness import TIMESTAMP_LIFE, is_due, next_snapshot, next_timestamp
from tests.support.tuf_repository import NOW


def test_a_snapshot_never_forgets_a_role() -> None:
    first = next_snapshot(None, {"targets": (1, b"t"), "task.meter": (1, b"m")}, NOW)
    second = next_snapshot(first, {"targets": (2, b"u")}, NOW)
    assert (first.version, second.version) == (1, 2)
    assert {name: meta.version for name, meta in second.meta.items()} == {"targets.json": 2, "task.meter.json": 1}
    assert second.meta["targets.json"].length == 1
    assert first.meta["targets.json"].version == 1, "and is not changed by the next"


def test_a_timestamp_names_a_snapshot_by_version_length_and_digest() -> None:
    first = next_timestamp(None, (7, b"snapshot"), NOW)
    assert (first.version, first.snapshot_meta.version, first.snapshot_meta.length) == (1, 7, 8)
    first.snapshot_meta.verify_length_and_hashes(b"snapshot")
    assert next_timestamp(first, (8, b"s"), NOW).version == 2


@pytest.mark.parametrize(
    ("after", "due"),
    [(timedelta(), False), (timedelta(hours=12), False), (timedelta(hours=12, seconds=1), True), (timedelta(9), True)],
)
def test_it_is_time_when_half_of_a_life_has_passed(after: timedelta, due: bool) -> None:  # noqa: FBT001 - an expectation
    assert is_due(next_timestamp(None, (1, b""), NOW), TIMESTAMP_LIFE, NOW + after) is due
