import pytest

from roost_cloud.objects.errors import UnsatisfiableRangeError
from roost_cloud.objects.ranges import clip_range, parse_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-9", (0, 10)),
        ("bytes=0-", (0, 10)),
        ("bytes=9-", (9, 10)),
        ("bytes=3-99", (3, 10)),
        ("bytes=-1", (9, 10)),
        ("bytes=-99", (0, 10)),
        ("BYTES=1-2", (1, 3)),
        (" bytes=1-2 ", (1, 3)),
    ],
)
def test_a_single_range_is_understood(header: str, expected: tuple[int, int]) -> None:
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=0-1,3-4",
        "items=0-1",
        "bytes=a-b",
        "bytes=٣-٤",
        "bytes=1" + "0" * 30 + "-",
    ],
)
def test_what_is_not_understood_means_the_whole(header: str | None) -> None:
    assert parse_range(header, 10) is None


@pytest.mark.parametrize(
    ("header", "size_bytes"), [("bytes=10-", 10), ("bytes=11-12", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_a_range_without_bytes_is_refused(header: str, size_bytes: int) -> None:
    with pytest.raises(UnsatisfiableRangeError) as caught:
        parse_range(header, size_bytes)
    assert caught.value.size_bytes == size_bytes


def test_a_range_of_ours_ends_where_the_object_does() -> None:
    assert clip_range(0, None, 0) == (0, 0)
    assert clip_range(0, 5, 3) == (0, 3)
    assert clip_range(2, None, 3) == (2, 3)
    assert clip_range(2, 0, 3) == (2, 2)
    with pytest.raises(UnsatisfiableRangeError):
        clip_range(3, 1, 3)
