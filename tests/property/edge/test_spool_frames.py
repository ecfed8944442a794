"""What was written to a segment is what is read from it; whatever else lies there is no frame."""

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost_edge.spool.disk import Disk
from roost_edge.spool.frame import ALIGNMENT, FrameError, make_frame, open_frame, open_record
from roost_edge.spool.interface import NewEntry
from roost_edge.spool.segments import Segments

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="./"), min_size=1, max_size=40)


@st.composite
def entries(draw: st.DrawFn) -> NewEntry:
    payload = draw(st.binary(max_size=5000))
    return NewEntry(
        sample=draw(NAMES),
        task=draw(NAMES),
        priority=draw(st.integers(0, 9)),
        probability=draw(st.floats(0, 1, exclude_min=True)),
        record=draw(st.binary(max_size=2000)),
        payload=payload,
        sha256=hashlib.sha256(payload).digest(),
        content_type=draw(NAMES | st.none()),
    )


def written(entry: NewEntry) -> bytes:
    return b"".join(make_frame(entry, b"digest").pieces)


@given(entries())
def test_a_frame_reads_as_it_was_made(entry: NewEntry) -> None:
    data = written(entry)
    head, stored = open_frame(data)
    assert (head.sample, head.task, head.priority, head.probability) == (
        entry.sample,
        entry.task,
        entry.priority,
        entry.probability,
    )
    assert (stored.record, stored.payload) == (entry.record, entry.payload)
    assert len(data) % ALIGNMENT == 0
    assert open_record(data[: len(data) - len(entry.payload)])[1] == entry.record


@given(entries(), st.data())
def test_no_damage_to_a_frame_goes_unseen(entry: NewEntry, data: st.DataObject) -> None:
    frame = make_frame(entry, b"digest")
    damaged = bytearray(b"".join(frame.pieces)[: frame.size_bytes])
    position = data.draw(st.integers(0, len(damaged) - 1))
    damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(FrameError):
        open_frame(bytes(damaged))


@given(st.binary(max_size=200))
def test_what_is_no_frame_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(FrameError):
        open_frame(data)


@given(st.lists(st.lists(entries(), min_size=1, max_size=4), max_size=6), st.integers(1, 20_000))
def test_segments_give_back_what_they_took(batches: list[list[NewEntry]], segment_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        segments = Segments(Path(folder), Disk(), segment_bytes)
        places = [segments.append([make_frame(entry, b"digest") for entry in batch]) for batch in batches]
        for batch, there in zip(batches, places, strict=True):
            for entry, place in zip(batch, there, strict=True):
                assert open_frame(segments.read(place))[1].payload == entry.payload
        segments.close()
        again = Segments(Path(folder), Disk(), segment_bytes)
        assert again.numbers() == sorted({place.segment for there in places for place in there})
