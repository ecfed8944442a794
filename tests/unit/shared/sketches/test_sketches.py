from typing import get_args

import pytest

from roost_shared.messages import Reason
from roost_shared.records import WindowRecord, encode_record
from roost_shared.sketches import (
    ConfidenceHistogram,
    Disagreements,
    LabelCounts,
    LabelSpace,
    LatencyHistogram,
    Moments,
    ReasonCounts,
    UnmeasurableError,
)
from roost_shared.sketches.slot_counts import LARGEST, SlotCounts

MOST_INPUTS = 65_535  # of a window


def test_a_drift_vector_of_eight_statistics_takes_at_most_100_bytes() -> None:
    moments = Moments(kind=255, source=2**32 - 1, size=8)
    moments.update([-1e15] * 8)
    moments.count = 2**62
    assert len(moments.to_bytes()) == Moments.size_limit_bytes(8) <= 100


def test_the_fullest_window_there_can_be_takes_at_most_1_kb() -> None:
    """65,535 inputs spread so that as many counts as can be are large, and every name as long as it may be."""
    window = WindowRecord(
        task="t" * 63,
        contestant="c" * 63,
        started_at="2026-11-30T22:00:00.000000+00:00",
        seconds=86_400.123456,
        count=MOST_INPUTS,
        sketches={
            "phi": full_moments().to_bytes(),
            "labels": evenly(LabelCounts(2**32 - 1)),
            "confidence": evenly(ConfidenceHistogram()),
            "latency": evenly(LatencyHistogram()),
            "reasons": evenly(ReasonCounts()),
            "disagreements": full_disagreements().to_bytes(),
        },
        bundle=f"{'n' * 63}:{'v' * 63}@sha256:{'0' * 64}",
    )
    assert 900 < len(encode_record(window)) <= 1_000


def full_moments() -> Moments:
    moments = Moments(kind=1, source=2**32 - 1, size=8)
    moments.update([1e15] * 8)
    moments.count = MOST_INPUTS
    return moments


def evenly(sketch: SlotCounts) -> bytes:
    slots = len(sketch.counts)
    sketch.counts = [MOST_INPUTS // slots] * slots
    return sketch.to_bytes()


def full_disagreements() -> Disagreements:
    sketch = Disagreements()
    for other in range(12):
        for _ in range(200):
            sketch.update(f"contestant-{other}", differs=True)
    return sketch


def test_labels_that_share_a_count_are_the_same_ones_everywhere() -> None:
    forwards, backwards = LabelSpace("abc"), LabelSpace("cba")
    assert forwards.digest == backwards.digest
    assert [forwards.slot(label) for label in "abc"] == [backwards.slot(label) for label in "abc"]


def test_up_to_63_labels_are_each_counted_alone() -> None:
    labels = [f"{number:02}" for number in range(63)]
    space = LabelSpace(labels)
    assert len({space.slot(label) for label in labels}) == 63
    assert [space.labels_in(space.slot(label)) for label in labels] == [[label] for label in labels]
    assert space.slot("unknown") == space.slot(None) == LabelCounts.OTHER
    assert space.labels_in(LabelCounts.OTHER) == []


def test_a_thousand_labels_share_the_counts_about_evenly() -> None:
    space = LabelSpace(f"{number:04}" for number in range(1001))
    shares = [len(space.labels_in(slot)) for slot in range(LabelCounts.OTHER)]
    assert (min(shares), max(shares)) == (15, 16)


@pytest.mark.parametrize("histogram", [ConfidenceHistogram(), LatencyHistogram()])
def test_a_value_falls_into_the_bin_that_begins_with_it(
    histogram: ConfidenceHistogram | LatencyHistogram,
) -> None:
    edge = histogram.EDGES[3]
    histogram.update(edge)
    histogram.update(edge * 0.999999)
    assert histogram.counts[3:5] == [1, 1]


def test_what_is_not_a_number_is_in_no_bin_and_what_is_beyond_all_edges_in_the_last() -> None:
    histogram = LatencyHistogram()
    for value in (float("nan"), float("inf"), -1.0, 1e9):
        histogram.update(value)
    assert histogram.total == 3
    assert (histogram.counts[0], histogram.counts[-1]) == (1, 2)


def test_a_latency_s_quantile_is_off_by_a_bin_at_most() -> None:
    histogram = LatencyHistogram()
    assert histogram.quantile(0.5) is None
    for hundredth in range(100):
        histogram.update(3.0 if hundredth < 95 else 40.0)
    median, late = histogram.quantile(0.5), histogram.quantile(0.96)
    assert median is not None
    assert late is not None
    assert 3.0 / 1.42 < median < 3.0 * 1.42
    assert 40.0 / 1.42 < late < 40.0 * 1.42


def test_confidences_near_one_are_told_apart() -> None:
    histogram = ConfidenceHistogram()
    for confidence in (0.9, 0.99, 0.995):
        histogram.update(confidence)
    assert sorted(histogram.counts)[-3:] == [1, 1, 1]


def test_every_reason_of_an_answer_has_its_count() -> None:
    counts = ReasonCounts()
    for reason in get_args(Reason):
        counts.update(reason)
    assert counts.by_reason() == dict.fromkeys(get_args(Reason), 1)


def test_a_count_stops_at_its_largest() -> None:
    counts = ReasonCounts()
    counts.counts[0] = LARGEST
    counts.update("preferred")
    assert counts.merge(counts).counts[0] == LARGEST


def test_a_ninth_other_contestant_is_counted_with_the_rest() -> None:
    sketch = Disagreements()
    names = [f"contestant-{number}" for number in range(9)]
    for name in names:
        sketch.update(name, differs=True)
    assert sorted(sketch.of(name).compared for name in names) == [0, *[1] * 8]
    assert sketch.total == (9, 9)


def test_a_vector_of_another_size_is_refused_and_not_counted() -> None:
    moments = Moments(1, 0, 2)
    with pytest.raises(UnmeasurableError):
        moments.update([1.0])
    assert moments.count == 0
