"""The document a broker is told revocations by."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from roost_cloud.fleet.authority import Authority
from roost_cloud.fleet.revocations import (
    DocumentError,
    RevocationsDocument,
    RevokedCertificate,
    Withdrawn,
    parse_crls,
    read_document,
    revocations_document,
)
from tests.support.fleet_certificates import FixedClock
from tests.support.unreadable import NO_JSON

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, FixedClock(NOW))


def certificate(device: str, serial: str) -> RevokedCertificate:
    return RevokedCertificate(device, serial, NOW)


def test_every_ca_has_its_list_and_every_certificate_is_in_its_own(authority: Authority) -> None:
    tenants = {"acme": [certificate("cam-02", "2f"), certificate("cam-01", "1a")], "other": []}
    document = revocations_document(authority, tenants, [("acme", "cam-01")], NOW)
    root, acme, other = parse_crls(document.crl_pem)
    assert root.issuer.rfc4514_string() == "CN=Roost root CA,O=Roost"
    assert [acme.issuer.rfc4514_string()[-4:], other.issuer.rfc4514_string()[-5:]] == ["acme", "other"]
    assert [[entry.serial_number for entry in one] for one in (root, acme, other)] == [[], [0x1A, 0x2F], []]
    assert document.revoked == ["acme/d/cam-01"]
    assert document.withdrawn == [Withdrawn("acme/d/cam-01", "1a"), Withdrawn("acme/d/cam-02", "2f")]
    own = x509.load_pem_x509_certificate(authority.tenant("acme").certificate_pem.encode())
    assert acme.is_signature_valid(own.public_key())  # type: ignore[arg-type]  # it is EC


def test_the_version_tells_what_it_says_and_not_when(authority: Authority) -> None:
    one, two = certificate("cam-01", "1a"), certificate("cam-02", "2f")
    plain = revocations_document(authority, {"acme": [one, two]}, [("acme", "cam-01")], NOW)
    later = revocations_document(authority, {"acme": [two, one]}, [("acme", "cam-01")], NOW + timedelta(hours=1))
    assert plain.version == later.version
    assert plain.crl_pem != later.crl_pem
    others = [
        revocations_document(authority, {"acme": [one]}, [("acme", "cam-01")], NOW),
        revocations_document(authority, {"acme": [one, two]}, [], NOW),
        revocations_document(authority, {"acme": [one, two], "new": []}, [("acme", "cam-01")], NOW),
    ]
    assert len({document.version for document in (plain, *others)}) == 4


def test_a_document_is_read_back_as_it_was_made(authority: Authority) -> None:
    document = revocations_document(authority, {"acme": [certificate("cam-01", "1a")]}, [("acme", "cam-01")], NOW)
    assert read_document(msgspec.json.encode(document)) == document


def test_a_document_without_withdrawn_certificates_is_one(authority: Authority) -> None:
    crl = authority.crl([], NOW)
    data = msgspec.json.encode({"crl_pem": crl, "revoked": ["acme/d/cam-01"], "version": "1"})
    assert read_document(data) == RevocationsDocument(crl_pem=crl, revoked=["acme/d/cam-01"], version="1")


@pytest.mark.parametrize(
    "change",
    [
        {"revoked": ["acme/d/cam-01\ntopic readwrite #"]},
        {"revoked": ["acme/d/cam-01\n"]},
        {"revoked": ["roost-cloud"]},
        {"revoked": ["#"]},
        {"withdrawn": [{"identity": "acme/d/", "serial": "1a"}]},
        {"withdrawn": [{"identity": "acme/d/cam-01", "serial": "../1a"}]},
        {"crl_pem": ""},
        {"crl_pem": "garbage"},
        {"crl_pem": "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"},
        {"version": None},
    ],
)
def test_nothing_doubtful_becomes_a_line_of_a_brokers_files(authority: Authority, change: dict[str, object]) -> None:
    document = {"crl_pem": authority.crl([], NOW), "revoked": [], "withdrawn": [], "version": "1"}
    read_document(msgspec.json.encode(document))
    with pytest.raises(DocumentError):
        read_document(msgspec.json.encode(document | change))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"<html>", b"\xff", *NO_JSON.values()])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError):
        read_document(data)
    with pytest.raises(DocumentError, match="between"):
        parse_crls("between")
