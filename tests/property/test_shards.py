"""Whatever inputs a shard holds, its tar reads as they were, and any range of it is a slice of the whole."""

import io
import tarfile

from hypothesis import given, settings
from hypothesis import strategies as st

from roost_shared.shards import Member, TarLayout, WrongBytesError, check_tar
from roost_shared.shards.tar_layout import tar_header
from tests.support.shard_inputs import JPEG, ShardInput, make_input, member_reader, shard_of, tar_of

PAYLOADS = st.one_of(
    st.binary(max_size=40),
    st.integers(500, 1100).map(lambda size_bytes: JPEG + bytes(size_bytes)),
    st.sampled_from([bytes(508), bytes(511), bytes(512), bytes(513), b"[0]"]),
)
INPUTS = st.lists(st.tuples(PAYLOADS, st.floats(1e-6, 1)), min_size=1, max_size=5).map(
    lambda drawn: [
        make_input(f"b-{number}", payload, probability=probability)
        for number, (payload, probability) in enumerate(drawn, start=1)
    ]
)


@given(INPUTS)
def test_python_reads_what_was_kept(inputs: list[ShardInput]) -> None:
    read = member_reader(inputs)
    layout = TarLayout(shard_of(inputs))
    with tarfile.open(fileobj=io.BytesIO(tar_of(inputs)), mode="r:") as tar:
        found = tar.getmembers()
        assert [(one.name, one.size, one.offset_data) for one in found] == [
            (member.name, member.size_bytes, member.offset) for member in layout.members
        ]
        for info, member in zip(found, layout.members, strict=True):
            file = tar.extractfile(info)
            assert file is not None
            assert file.read() == read(member)


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=1, max_size=96), st.integers(0, 1 << 30))
def test_headers_are_pythons(name: str, size_bytes: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size_bytes, 0o644, 315532800
    member = Member(make_input("b-1", b"").entry, False, name, size_bytes, "", 512)
    assert tar_header(member) == info.tobuf(tarfile.USTAR_FORMAT)


@given(INPUTS, st.data())
def test_any_range_is_a_slice_of_the_whole(inputs: list[ShardInput], data: st.DataObject) -> None:
    whole, layout = tar_of(inputs), TarLayout(shard_of(inputs))
    start = data.draw(st.integers(0, layout.size_bytes + 10))
    stop = data.draw(st.integers(start, layout.size_bytes + 10))
    assert b"".join(layout.stream(start, stop, member_reader(inputs))) == whole[start:stop]


@settings(deadline=None)
@given(INPUTS, st.data())
def test_one_changed_byte_of_a_member_is_found(inputs: list[ShardInput], data: st.DataObject) -> None:
    tar, layout = bytearray(tar_of(inputs)), TarLayout(shard_of(inputs))
    check_tar(io.BytesIO(tar), layout)
    member = data.draw(st.sampled_from([member for member in layout.members if member.size_bytes]))
    tar[member.offset + data.draw(st.integers(0, member.size_bytes - 1))] ^= data.draw(st.integers(1, 255))
    try:
        check_tar(io.BytesIO(tar), layout)
    except WrongBytesError as error:
        assert error.name == member.name  # noqa: PT017 - which it is, is the point
    else:
        raise AssertionError("it was believed")
