"""The laws that every sketch keeps, whatever it is fed with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roost_shared.messages import Reason
from roost_shared.sketches import (
    SKETCHES,
    ConfidenceHistogram,
    Disagreements,
    LabelCounts,
    LabelSpace,
    LatencyHistogram,
    Moments,
    ReasonCounts,
    SketchError,
    UnlikeSketchesError,
)
from roost_shared.sketches.moments import LARGEST_VALUE

SPACE: Final = LabelSpace(str(number) for number in range(100))
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)


@dataclass(frozen=True)
class Case:
    """A sketch, and what it can be fed with."""

    empty: Callable[[], Any]
    things: st.SearchStrategy[Any]
    update: Callable[[Any, Any], None]
    limit_bytes: int


def _disagree(sketch: Disagreements, thing: tuple[str, bool]) -> None:
    sketch.update(thing[0], differs=thing[1])


def _moments(size: int) -> Case:
    values = st.one_of(st.floats(-LARGEST_VALUE, LARGEST_VALUE), st.floats(0, 1), st.just(0.0))
    return Case(
        lambda: Moments(1, 7, size),
        st.lists(values, min_size=size, max_size=size),
        Moments.update,
        Moments.size_limit_bytes(size),
    )


LABELS: Final = st.one_of(st.none(), st.text(max_size=3), st.sampled_from([str(number) for number in range(100)]))
CASES: Final = {
    "phi": _moments(8),
    "phi_of_16": _moments(16),
    "labels": Case(
        lambda: LabelCounts(SPACE.digest),
        LABELS,
        lambda sketch, label: sketch.update(SPACE.slot(label)),
        LabelCounts.size_limit_bytes(),
    ),
    "confidence": Case(
        ConfidenceHistogram,
        st.one_of(st.floats(0, 1), st.floats()),
        ConfidenceHistogram.update,
        ConfidenceHistogram.size_limit_bytes(),
    ),
    "latency": Case(
        LatencyHistogram,
        st.one_of(st.floats(0, 1e6), st.floats()),
        LatencyHistogram.update,
        LatencyHistogram.size_limit_bytes(),
    ),
    "reasons": Case(ReasonCounts, st.sampled_from(REASONS), ReasonCounts.update, ReasonCounts.size_limit_bytes()),
    "disagreements": Case(
        Disagreements,
        st.tuples(st.sampled_from([f"contestant-{number}" for number in range(20)]), st.booleans()),
        _disagree,
        Disagreements.size_limit_bytes(),
    ),
}
every_sketch = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def same(one: Any, other: Any, *, rounded: bool = False) -> bool:
    """Equal; moments but for rounding, as on the wire where that was between, else as in sums of doubles."""
    if not isinstance(one, Moments):
        return bool(one == other)
    size = 1e-6 if rounded else 1e-12
    pairs = [*zip(one.means, other.means, strict=True), *zip(one.mean_squares, other.mean_squares, strict=True)]
    # What cancels out leaves the rounding of what there was.
    largest = [*(square**0.5 for square in one.mean_squares), *one.mean_squares]
    near = all(abs(a - b) <= size * max(abs(most), 1e-15) for (a, b), most in zip(pairs, largest, strict=True))
    return near and one.count == other.count


def fed(case: Case, things: Sequence[Any]) -> Any:
    sketch = case.empty()
    for thing in things:
        case.update(sketch, thing)
    return sketch


def draw(case: Case, data: st.DataObject) -> list[Any]:
    return data.draw(st.lists(case.things, max_size=12))


def test_every_sketch_is_tried() -> None:
    assert {type(case.empty()) for case in CASES.values()} == set(SKETCHES.values())


@every_sketch
@settings(max_examples=40)
@given(data=st.data())
def test_merging_is_updating_with_everything_in_any_order_and_grouping(case: Case, data: st.DataObject) -> None:
    parts = [draw(case, data) for _ in range(3)]
    one, two, three = (fed(case, part) for part in parts)
    whole = fed(case, [thing for part in parts for thing in part])
    assert same(one.merge(two).merge(three), whole)
    assert same(one.merge(two.merge(three)), whole)
    assert same(three.merge(one).merge(two), whole)
    assert same(fed(case, data.draw(st.permutations([*parts[0], *parts[1]]))), one.merge(two))
    assert same(whole.merge(case.empty()), whole)


@every_sketch
@settings(max_examples=40)
@given(data=st.data())
def test_merging_changes_neither_side(case: Case, data: st.DataObject) -> None:
    one, two = fed(case, draw(case, data)), fed(case, draw(case, data))
    before = one.to_bytes(), two.to_bytes()
    merged = one.merge(two)
    case.update(merged, data.draw(case.things))
    assert (one.to_bytes(), two.to_bytes()) == before


@every_sketch
@settings(max_examples=40)
@given(data=st.data())
def test_a_sketch_comes_back_from_its_bytes_and_has_one_encoding_within_its_bound(
    case: Case, data: st.DataObject
) -> None:
    sketch = fed(case, draw(case, data))
    encoded = sketch.to_bytes()
    again = type(sketch).from_bytes(encoded)
    assert len(encoded) <= case.limit_bytes
    assert same(again, sketch, rounded=True)
    assert again.to_bytes() == encoded


@every_sketch
@settings(max_examples=40)
@given(data=st.data())
def test_what_came_over_the_wire_merges_as_what_did_not(case: Case, data: st.DataObject) -> None:
    one, two = fed(case, draw(case, data)), fed(case, draw(case, data))
    kind = type(one)
    sent = kind.from_bytes(one.to_bytes()).merge(kind.from_bytes(two.to_bytes()))
    assert same(sent, one.merge(two), rounded=True)


@every_sketch
@settings(max_examples=40)
@given(data=st.data())
def test_bytes_that_were_cut_filled_or_changed_are_refused_or_are_a_sketch_with_that_encoding(
    case: Case, data: st.DataObject
) -> None:
    encoded = bytearray(fed(case, draw(case, data)).to_bytes())
    kind = type(case.empty())
    with pytest.raises(SketchError):
        kind.from_bytes(bytes([encoded[0] ^ data.draw(st.integers(1, 255)), *encoded[1:]]))
    place = data.draw(st.integers(0, len(encoded) - 1))
    changed = bytearray(encoded)
    changed[place] = data.draw(st.integers(0, 255))
    for wrong in (encoded[:place], encoded + b"\0", encoded + data.draw(st.binary(min_size=1, max_size=400)), changed):
        try:
            read = kind.from_bytes(bytes(wrong))
        except SketchError:
            continue
        assert read.to_bytes() == bytes(wrong)


@every_sketch
@settings(max_examples=40)
@given(noise=st.binary(max_size=600))
def test_noise_is_refused_or_is_a_sketch_within_its_bound(case: Case, noise: bytes) -> None:
    empty = case.empty().to_bytes()
    for data in (noise, empty[:1] + noise, empty + noise):
        try:
            read = type(case.empty()).from_bytes(data)
        except SketchError:
            continue
        assert read.to_bytes() == data
        assert isinstance(read, Moments) or len(data) <= case.limit_bytes


@given(st.floats(), st.integers(0, 7))
def test_moments_take_no_value_that_would_spoil_them(value: float, place: int) -> None:
    moments = Moments(1, 7, 8)
    values = [0.0] * 8
    values[place] = value
    if abs(value) <= LARGEST_VALUE:
        moments.update(values)
        assert moments.count == 1
    else:
        with pytest.raises(Exception, match="finite"):
            moments.update(values)
        assert moments.count == 0
        assert moments.means == [0.0] * 8


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Moments(1, 7, 8), Moments(2, 7, 8)),
        (Moments(1, 7, 8), Moments(1, 8, 8)),
        (Moments(1, 7, 8), Moments(1, 7, 9)),
        (LabelCounts(1), LabelCounts(2)),
    ],
)
def test_what_cannot_be_compared_is_not_merged(one: Any, other: Any) -> None:
    with pytest.raises(UnlikeSketchesError):
        one.merge(other)
