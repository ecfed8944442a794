import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

import msgspec
import pytest

from roost_shared.messages import MessageError
from roost_shared.shards import (
    Member,
    ShardListError,
    TarLayout,
    WrongBytesError,
    check_tar,
    decode_list,
    encode_list,
    encode_metadata,
    media_type,
    shard_id,
    suffix_of,
)
from tests.support.shard_inputs import JPEG, ShardInput, make_input, member_reader, shard_of, tar_of

INPUTS = [
    make_input("b0-1", JPEG + bytes(2000), probability=0.25),
    make_input("b0-2", b""),
    make_input("b0-3", b"[1, 2, 3]"),
    make_input("b1-1", b"?" * 512),
]
NAMES = [
    *("b0-1.jpg", "b0-1.json", "b0-2.bin", "b0-2.json"),
    *("b0-3.input.json", "b0-3.json", "b1-1.bin", "b1-1.json"),
]


def test_tar_is_read_by_pythons_tarfile() -> None:
    with tarfile.open(fileobj=io.BytesIO(tar_of(INPUTS)), mode="r:") as tar:
        assert tar.getnames() == NAMES
        for one in INPUTS:
            file = tar.extractfile(f"{one.sample}.{one.entry.suffix}")
            assert file is not None
            assert file.read() == one.payload


def test_tar_is_read_by_plain_tar_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "shard.tar").write_bytes(tar_of(INPUTS))
    done = subprocess.run(["tar", "-xvf", "shard.tar"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (NAMES, "")
    assert (tmp_path / "b0-1.jpg").read_bytes() == INPUTS[0].payload


def test_files_of_an_input_lie_together_under_one_key_as_webdataset_groups_them() -> None:
    """A key is the name up to its first dot; a sample ends where the key changes, and has each suffix once."""
    groups: list[tuple[str, set[str]]] = []
    for name in NAMES:
        key, _, suffix = name.partition(".")
        if not groups or groups[-1][0] != key:
            groups.append((key, set()))
        assert suffix not in groups[-1][1]
        groups[-1][1].add(suffix)
    assert [key for key, _ in groups] == [one.sample for one in INPUTS]
    assert all("json" in suffixes and len(suffixes) == 2 for _, suffixes in groups)


def test_metadata_is_the_record_with_final_probability_and_weight() -> None:
    one = INPUTS[0]
    document = json.loads(encode_metadata(one.record, 0.25))
    assert (document["probability"], document["weight"]) == (0.25, 4.0)
    assert (document["sample"], document["answer"]["label"], document["kept_for"]) == ("b0-1", "7", ["base_rate"])


def test_metadata_keeps_what_a_newer_record_says_beside() -> None:
    record = msgspec.msgpack.encode({"kind": "sample", "sample": "b-1", "new": [1, None], "probability": 1})
    assert json.loads(encode_metadata(record, 1.0))["new"] == [1, None]


@pytest.mark.parametrize("record", [b"", b"\x01", b"\x93\x01\x02\x03", b"\xc1", b"\x81\xa1a"])
def test_what_is_no_record_makes_no_metadata(record: bytes) -> None:
    with pytest.raises(MessageError):
        encode_metadata(record, 1.0)


def test_bytes_of_a_tar_stay_the_same_over_versions() -> None:
    """What one version of ours has begun to send, the next goes on with."""
    record = msgspec.msgpack.encode({"kind": "sample", "sample": "b0-1", "probability": 1.0})
    inputs = [ShardInput("b0-1", JPEG + bytes(2000), record, 0.25), ShardInput("b0-2", b"[0]", record)]
    assert shard_id(shard_of(inputs)) == "4e1d4978e0afd972a9228d03f4ececa2ea1574efcc7b0077218ba24fe731d5a9"
    assert (
        hashlib.sha256(tar_of(inputs)).hexdigest()
        == "a008a667706d6e02b5c0d97b2e081eead6dd0a1c2e7937edd73e01f0a0e5f496"
    )


def test_layout_knows_sizes_and_offsets_before_anything_is_read() -> None:
    layout, tar = TarLayout(shard_of(INPUTS)), tar_of(INPUTS)
    read = member_reader(INPUTS)
    assert layout.size_bytes == len(tar)
    for member in layout.members:
        assert tar[member.offset :][: member.size_bytes] == read(member)


def test_only_the_members_of_a_range_are_read() -> None:
    layout = TarLayout(shard_of(INPUTS))
    read = member_reader(INPUTS)
    middle = layout.members[4]
    asked: list[str] = []

    def note_and_read(member: Member) -> bytes:
        asked.append(member.name)
        return read(member)

    list(layout.stream(middle.offset - 512, middle.offset + 1, note_and_read))
    assert asked == ["b0-3.input.json"]


@pytest.mark.parametrize(
    ("start", "content_type", "suffix"),
    [
        (JPEG, "image/png", "jpg"),
        (b"\x89PNG\r\n\x1a\n", None, "png"),
        (b"BM", None, "bmp"),
        (b"RIFF\0\0\0\0WEBP", None, "webp"),
        (b"\x93NUMPY", None, "npy"),
        (b' {"a": 1}', None, "input.json"),
        (b"1.5", "application/json; charset=utf-8", "input.json"),
        (b"", None, "bin"),
    ],
)
def test_suffix_tells_what_an_input_is(start: bytes, content_type: str | None, suffix: str) -> None:
    found = suffix_of(start, content_type)
    assert found == suffix
    assert "/" in media_type(found)


def test_same_list_has_the_same_id_and_any_other_another() -> None:
    shard = shard_of(INPUTS)
    assert shard_id(decode_list(encode_list(shard))) == shard_id(shard)
    others = [
        shard_of(INPUTS, task="other"),
        shard_of(INPUTS[::-1]),
        shard_of(INPUTS[:-1]),
        shard_of([make_input("b0-1", INPUTS[0].payload, probability=0.5), *INPUTS[1:]]),
    ]
    assert len({shard_id(one) for one in [shard, *others]}) == 5


def test_input_is_listed_once() -> None:
    twice = shard_of([INPUTS[0], INPUTS[0]])
    with pytest.raises(ShardListError, match="b0-1"):
        shard_id(twice)
    with pytest.raises(ShardListError, match="b0-1"):
        decode_list(msgspec.json.encode(twice))


@pytest.mark.parametrize(
    "change",
    [
        {"sample": "a.b"},
        {"sample": "../a"},
        {"sample": ""},
        {"suffix": "exe"},
        {"size_bytes": -1},
        {"sha256": "A" * 64},
        {"probability": 0},
        {"probability": 1.5},
    ],
)
def test_list_of_what_no_shard_holds_is_refused(change: dict[str, object]) -> None:
    document = json.loads(encode_list(shard_of(INPUTS)))
    document["entries"][1] |= change
    with pytest.raises(MessageError):
        decode_list(json.dumps(document).encode())


def checked(tar: bytes) -> None:
    check_tar(io.BytesIO(tar), TarLayout(shard_of(INPUTS)))


def test_right_tar_is_believed() -> None:
    checked(tar_of(INPUTS))


def test_other_bytes_size_name_or_end_are_not() -> None:
    tar = tar_of(INPUTS)
    first = TarLayout(shard_of(INPUTS)).members[0]
    wrong = {
        "another digest": tar[: first.offset + 9] + b"x" + tar[first.offset + 10 :],
        "no header": bytes(tar[:512][::-1]) + tar[512:],
        "it has": tar_of([make_input("b0-1", JPEG + bytes(2001), probability=0.25), *INPUTS[1:]]),
        "in its place": tar_of([make_input("b0-9", INPUTS[0].payload, probability=0.25), *INPUTS[1:]]),
        "tar ends": tar[:-600],
        "more follows": tar[:-1] + b"x",
        "more": tar + b"\0",
        "ends there": b"",
    }
    for told, bytes_ in wrong.items():
        with pytest.raises(WrongBytesError, match="header" if told == "no header" else told):
            checked(bytes_)
