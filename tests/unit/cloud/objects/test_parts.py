import pytest

from roost_cloud.objects.errors import BadPartError, TooLargeError
from roost_cloud.objects.parts import (
    MAX_OBJECT_BYTES,
    MAX_PARTS,
    PART_BYTES,
    StoredPart,
    missing_parts,
    part_of,
    plan_parts,
)


@pytest.mark.parametrize("size_bytes", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES, 10**9])
def test_parts_cover_an_object_without_gap_or_overlap(size_bytes: int) -> None:
    parts = plan_parts(size_bytes)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    end = 0
    for part in parts:
        assert part.offset == end
        end += part.size_bytes
    assert end == size_bytes
    assert all(part.size_bytes == PART_BYTES for part in parts[:-1])
    assert [part_of(size_bytes, part.number) for part in parts] == parts


def test_s3_takes_such_parts() -> None:
    assert PART_BYTES >= 5 << 20
    assert len(plan_parts(MAX_OBJECT_BYTES)) == MAX_PARTS == 10_000
    with pytest.raises(TooLargeError):
        plan_parts(MAX_OBJECT_BYTES + 1)


@pytest.mark.parametrize("number", [-1, 0, 3])
def test_a_part_beyond_the_plan_is_none(number: int) -> None:
    with pytest.raises(BadPartError):
        part_of(PART_BYTES + 1, number)


def test_a_part_of_another_size_is_missing() -> None:
    size_bytes = 2 * PART_BYTES + 5
    whole = [StoredPart(1, PART_BYTES), StoredPart(2, PART_BYTES), StoredPart(3, 5)]
    assert missing_parts(size_bytes, whole) == []
    assert missing_parts(size_bytes, [StoredPart(3, 4), StoredPart(2, PART_BYTES)]) == [1, 3]
    assert missing_parts(0, []) == [1]
