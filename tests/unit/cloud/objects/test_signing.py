from datetime import UTC, datetime
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from roost_cloud.objects.errors import ExpiredUrlError, ForgedUrlError
from roost_cloud.objects.signing import Grant, UrlSigner

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EXPIRES_AT = int(NOW.timestamp()) + 60
PART = Grant("PUT", "acme/uploads/1", EXPIRES_AT, 5, "0" * 32, 1)


@pytest.fixture
def signer() -> UrlSigner:
    return UrlSigner(b"s" * 32, "https://cloud.example/")


def signature_of(signer: UrlSigner, grant: Grant) -> str:
    return parse_qs(urlsplit(signer.url(grant)).query)["signature"][0]


def test_a_url_says_what_it_allows(signer: UrlSigner) -> None:
    url = urlsplit(signer.url(PART))
    assert (url.scheme, url.netloc, url.path) == ("https", "cloud.example", "/api/v1/objects/acme/uploads/1")
    query = parse_qs(url.query)
    signer.check(PART, query.pop("signature")[0], NOW)
    assert query == {"expires": [str(EXPIRES_AT)], "size": ["5"], "upload": ["0" * 32], "part": ["1"]}


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"key": "acme/uploads/2"},
        {"key": "zeta/uploads/1"},
        {"expires_at": EXPIRES_AT + 1},
        {"size_bytes": 6},
        {"size_bytes": None},
        {"upload_id": "1" * 32},
        {"upload_id": None},
        {"part_number": 2},
        {"part_number": None},
    ],
)
def test_nothing_can_be_changed(signer: UrlSigner, change: dict[str, object]) -> None:
    with pytest.raises(ForgedUrlError):
        signer.check(msgspec.structs.replace(PART, **change), signature_of(signer, PART), NOW)


@pytest.mark.parametrize("signature", ["", "0" * 64, "é" * 64, "\ud800"])
def test_no_other_text_is_a_signature(signer: UrlSigner, signature: str) -> None:
    with pytest.raises(ForgedUrlError):
        signer.check(PART, signature, NOW)


def test_it_holds_until_it_expires(signer: UrlSigner) -> None:
    signature = signature_of(signer, PART)
    signer.check(PART, signature, datetime.fromtimestamp(EXPIRES_AT - 1, UTC))
    with pytest.raises(ExpiredUrlError):
        signer.check(PART, signature, datetime.fromtimestamp(EXPIRES_AT, UTC))


def test_what_stands_beside_each_other_cannot_be_shifted(signer: UrlSigner) -> None:
    """Fields joined without a border would sign `1` and `23` as they sign `12` and `3`."""
    grants = [Grant("PUT", "acme/a/b", 1, 23), Grant("PUT", "acme/a/b", 12, 3), Grant("PUT", "acme/a/b", 123)]
    for one, other in pairwise([*grants, grants[0]]):
        assert signature_of(signer, one) != signature_of(signer, other)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        UrlSigner(b"short", "https://cloud.example")
