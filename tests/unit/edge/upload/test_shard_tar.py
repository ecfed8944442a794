from collections.abc import Sequence

import pytest

from roost_edge.spool.errors import EntryGoneError
from roost_edge.spool.interface import Entry, SealLimits, Stored
from roost_edge.upload.shard_tar import ShardTar, in_chunks
from roost_shared.shards import shard_id
from tests.support.memory_spool import MemorySpool
from tests.support.shard_inputs import JPEG, make_input, shard_of, tar_of

INPUTS = [make_input("b-1", JPEG + bytes(3000), probability=0.5), make_input("b-2", b"[1]"), make_input("b-3", b"")]


def sealed(spool: MemorySpool) -> ShardTar:
    made: list[ShardTar] = []

    def identify(task: str, entries: Sequence[Entry]) -> str:
        made.append(ShardTar(spool, task, entries))
        return made[-1].shard

    spool.seal(SealLimits(flush=True), identify)
    return made[0]


def test_spools_entries_make_the_shard_that_the_cloud_knows() -> None:
    tar = sealed(MemorySpool(INPUTS))
    assert tar.shard == shard_id(shard_of(INPUTS))
    assert tar.opening.size_bytes == len(tar_of(INPUTS))


@pytest.mark.parametrize("part_bytes", [100, 512, 1000, 4096, 1 << 20])
@pytest.mark.parametrize("chunk_bytes", [1, 333, 512, 1 << 20])
def test_parts_in_chunks_are_the_tar(part_bytes: int, chunk_bytes: int) -> None:
    tar, whole = sealed(MemorySpool(INPUTS)), tar_of(INPUTS)
    chunks = [
        list(tar.stream(offset, min(part_bytes, len(whole) - offset), chunk_bytes))
        for offset in range(0, len(whole), part_bytes)
    ]
    assert b"".join(b"".join(part) for part in chunks) == whole
    assert all(len(chunk) == chunk_bytes for part in chunks for chunk in part[:-1])
    assert all(0 < len(part[-1]) <= chunk_bytes for part in chunks)


def test_each_entry_is_read_once_for_a_part() -> None:
    class Counting(MemorySpool):
        reads = 0

        def read(self, entry: Entry) -> Stored:
            self.reads += 1
            return super().read(entry)

    spool = Counting(INPUTS)
    tar = sealed(spool)
    list(tar.stream(0, tar.opening.size_bytes, 1 << 20))
    assert spool.reads == 2  # of three: an empty input needs no reading, only its record


def test_entry_that_has_gone_says_so_while_it_is_sent() -> None:
    spool = MemorySpool(INPUTS)
    tar = sealed(spool)
    spool.drop("b-2")
    with pytest.raises(EntryGoneError):
        list(tar.stream(0, tar.opening.size_bytes, 100))


def test_nothing_in_chunks_is_nothing() -> None:
    assert list(in_chunks([], 5)) == []
    assert list(in_chunks([memoryview(b"ab"), memoryview(b"cdefghijkl"), memoryview(b"m")], 5)) == [
        *(b"abcde", b"fghij", b"klm")
    ]
