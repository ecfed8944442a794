"""What an answer of the cloud's that is no success tells."""

import pytest
from urllib3 import HTTPHeaderDict

from roost_cloud.client import Reply, refusal


def told(data: bytes, status: int = 503, **headers: str) -> Reply:
    return Reply(status, HTTPHeaderDict({name.replace("_", "-"): value for name, value in headers.items()}), data)


def test_the_clouds_own_words_are_told() -> None:
    error = refusal(told(b'{"error": {"code": "not_found", "message": "no device cam-01"}}', 404))
    assert (error.status, error.reason, error.text) == (404, "not_found", "no device cam-01")
    assert str(error) == "the cloud says 404 not_found: no device cam-01"


@pytest.mark.parametrize("data", [b"", b"<html>bad gateway</html>", b"\xff", b"[]"])
def test_what_is_none_of_the_clouds_words_asks_whether_it_is_the_cloud(data: bytes) -> None:
    error = refusal(told(data, 502))
    assert (error.status, error.reason) == (502, "")
    assert str(error) == "the cloud says 502: no word on why: is this the cloud's own address?"


@pytest.mark.parametrize(
    ("asked", "retry_after_s"),
    [("7", 7.0), ("0", 0.0), ("", None), ("-1", None), ("1.5", None), ("²", None), ("Tue, 01 Dec 2026", None)],
)
def test_it_may_ask_to_come_back_in_whole_seconds(asked: str, retry_after_s: float | None) -> None:
    assert refusal(told(b"", retry_after=asked)).retry_after_s == retry_after_s


def test_of_one_that_does_not_ask_nothing_is_known() -> None:
    assert refusal(told(b"")).retry_after_s is None
