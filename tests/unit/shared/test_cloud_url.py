"""Where a cloud may be."""

import pytest

from roost_shared.cloud_url import CloudUrlError, check_cloud_url


@pytest.mark.parametrize(
    "url",
    ["https://roost.example", "https://10.0.0.1:8443", "https://x.example/roost", "http://localhost:8080",
     "http://127.0.0.1", "http://127.8.9.1:1", "http://[::1]:8080"],
)  # fmt: skip
def test_encrypted_anywhere_or_plain_on_this_machine(url: str) -> None:
    assert check_cloud_url(url) == check_cloud_url(f"{url}/") == url


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://roost.example", "not encrypted"),
        ("http://127.0.0.1.evil.example", "not encrypted"),
        ("http://localhost.evil.example", "not encrypted"),
        ("http://127.0.0.1.example.org", "not encrypted"),
        ("http://10.0.0.1", "not encrypted"),
        ("ftp://x", "no address of a cloud"),
        ("", "no address of a cloud"),
        ("roost.example", "no address of a cloud"),
        ("https://", "no address of a cloud"),
        ("https://x:0", "no address of a cloud"),
        ("https://x:99999", "no address"),
        ("https://[x", "no address"),
        ("https://me@x", "more than an address"),
        ("https://x?y", "more than an address"),
        ("https://x#y", "more than an address"),
    ],
)
def test_anything_else_is_refused(url: str, says: str) -> None:
    with pytest.raises(CloudUrlError, match=says):
        check_cloud_url(url)
