"""What the certificates say, and that the keys behind them are made once and kept to ourselves."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from roost_cloud.fleet.authority import Authority, IdentityError, device_identity
from roost_cloud.fleet.x509.profiles import AuthorityExpiredError, HostNameError
from roost_cloud.fleet.x509.revocation_list import CRL_LIFETIME, Revocation
from roost_cloud.fleet.x509.signing_request import SigningRequestError, device_public_key, fingerprint
from roost_cloud.secret_files import SecretFileError
from roost_shared.topics import BadNameError
from tests.support.fleet_certificates import FixedClock, signing_request

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def authority(tmp_path: Path, clock: FixedClock) -> Authority:
    return Authority(tmp_path / "secrets", clock)


def chain(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode())


def usage(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_a_chain_leads_from_device_to_root(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.tenant("acme").issue(signing_request(key), "cam-01", timedelta(days=90))
    leaf, tenant = chain(issued.certificate_pem)
    (root,) = chain(authority.root_certificate_pem)
    leaf.verify_directly_issued_by(tenant)
    tenant.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    assert authority.root_fingerprint == fingerprint(root.public_bytes(Encoding.DER))
    identifiers = [
        c.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest for c in (tenant, root)
    ]
    named = [
        c.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier for c in (leaf, tenant)
    ]
    assert named == identifiers


def test_what_each_kind_may_do(authority: Authority) -> None:
    issued = authority.tenant("acme").issue(signing_request(), "cam-01")
    leaf, tenant = chain(issued.certificate_pem)
    (root,) = chain(authority.root_certificate_pem)
    (server,) = chain(authority.server(["broker.example"]).certificate_pem)
    (service,) = chain(authority.service().certificate_pem)
    constraints = [
        c.extensions.get_extension_for_class(x509.BasicConstraints) for c in (root, tenant, leaf, server, service)
    ]
    assert all(constraint.critical for constraint in constraints)
    assert [(c.value.ca, c.value.path_length) for c in constraints] == [
        (True, 1),
        (True, 0),
        (False, None),
        (False, None),
        (False, None),
    ]
    assert usage(leaf) == usage(service) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert usage(server) == [ExtendedKeyUsageOID.SERVER_AUTH]
    for certificate, signs in ((root, True), (tenant, True), (leaf, False), (server, False), (service, False)):
        key_usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert key_usage.critical
        assert key_usage.value.key_cert_sign is key_usage.value.crl_sign is signs
        assert key_usage.value.digital_signature is not signs


def test_identity_comes_from_the_caller_and_only_the_key_from_the_request(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName("broker.example")])
    csr = signing_request(key, name="roost-cloud", extensions=[names, x509.BasicConstraints(ca=True, path_length=9)])
    issued = authority.tenant("acme").issue(csr, "cam-01")
    leaf = chain(issued.certificate_pem)[0]
    assert leaf.subject.rfc4514_string() == "CN=acme/d/cam-01,O=acme"
    assert len(leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)) == 1
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.public_key() == key.public_key()


def test_what_was_issued_says_what_the_database_needs(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    csr = signing_request(key)
    issued = authority.tenant("acme").issue(csr, "cam-01", 90 * DAY)
    leaf = chain(issued.certificate_pem)[0]
    assert int(issued.serial, 16) == leaf.serial_number
    assert issued.not_after == leaf.not_valid_after_utc == NOW.replace(microsecond=0) + 90 * DAY
    assert leaf.not_valid_before_utc < NOW
    assert issued.public_key == device_public_key(csr)
    assert issued.public_key_sha256 == fingerprint(issued.public_key)
    assert load_der_public_key(issued.public_key) == key.public_key()


def test_serials_differ(authority: Authority) -> None:
    acme = authority.tenant("acme")
    csr = signing_request()
    serials = {acme.issue(csr, "cam-01").serial for _ in range(20)}
    assert len(serials) == 20
    assert max(int(serial, 16) for serial in serials).bit_length() <= 159


def test_no_certificate_outlives_its_authority(authority: Authority, clock: FixedClock) -> None:
    acme = authority.tenant("acme")
    end = chain(acme.certificate_pem)[0].not_valid_after_utc
    clock.now = end - DAY
    assert acme.issue(signing_request(), "cam-01", 90 * DAY).not_after == end
    clock.now = end
    with pytest.raises(AuthorityExpiredError):
        acme.issue(signing_request(), "cam-01", 90 * DAY)


def test_a_server_certificate_is_as_old_as_the_root_for_devices_whose_clock_stood_still(
    authority: Authority, clock: FixedClock
) -> None:
    clock.now = NOW + 400 * DAY
    (server,) = chain(authority.server(["broker.example", "10.0.0.7", "*.example.org", "::1"]).certificate_pem)
    (root,) = chain(authority.root_certificate_pem)
    assert server.not_valid_before_utc == root.not_valid_before_utc < NOW
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.example", "*.example.org"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7", "::1"]


@pytest.mark.parametrize("hosts", [[], [""], ["two words"], ["https://broker.example"], ["brökér.example"], ["a..b"]])
def test_what_is_no_host_gets_no_certificate(authority: Authority, hosts: list[str]) -> None:
    with pytest.raises(HostNameError):
        authority.server(hosts)


def foreign_request(key: CertificateIssuerPrivateKeyTypes) -> str:
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


def forged_request() -> str:
    """A request for a key whose owner did not sign it."""
    der = x509.load_pem_x509_csr(signing_request().encode()).public_bytes(Encoding.DER)
    own, other = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        for _ in range(2)
    )
    start = der.index(b"\x03\x42\x00") + 3  # the bit string that holds the point
    altered = der[:start] + other + der[start + len(own) :]
    return x509.load_der_x509_csr(altered).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    "csr",
    [
        pytest.param("", id="nothing"),
        pytest.param("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", id="no DER"),
        pytest.param("x" * 10_000, id="large"),
        pytest.param("ÿ\x00" * 9, id="binary"),
        pytest.param(foreign_request(rsa.generate_private_key(65537, 2048)), id="rsa"),
        pytest.param(foreign_request(ed25519.Ed25519PrivateKey.generate()), id="ed25519"),
        pytest.param(foreign_request(ec.generate_private_key(ec.SECP384R1())), id="another curve"),
        pytest.param(forged_request(), id="another's key"),
    ],
)
def test_what_is_no_request_by_the_keys_owner_is_refused(authority: Authority, csr: str) -> None:
    with pytest.raises(SigningRequestError):
        authority.tenant("acme").issue(csr, "cam-01")
    with pytest.raises(SigningRequestError):
        device_public_key(csr)


@pytest.mark.parametrize("name", ["", "Cam", "a/b", "cam\nuser roost-cloud", "a" * 64, "../root"])
def test_what_is_no_name_gets_no_certificate_and_no_file(authority: Authority, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadNameError):
        authority.tenant("acme").issue(signing_request(), name)
    with pytest.raises(BadNameError):
        authority.tenant(name)
    assert [file.name for file in (tmp_path / "secrets/tenants").iterdir()] == ["acme.pem"]


def test_an_identity_fits_into_a_common_name() -> None:
    assert device_identity("a" * 30, "b" * 31) == "a" * 30 + "/d/" + "b" * 31
    with pytest.raises(IdentityError, match="31 at most"):
        device_identity("a" * 30, "b" * 32)


def test_a_list_of_revoked_certificates_is_its_signers(authority: Authority, clock: FixedClock) -> None:
    acme = authority.tenant("acme")
    issued = acme.issue(signing_request(), "cam-01")
    earlier = x509.load_pem_x509_crl(acme.crl([], NOW).encode())
    crl = x509.load_pem_x509_crl(acme.crl([Revocation(issued.serial, NOW)], NOW + DAY).encode())
    assert crl.is_signature_valid(chain(acme.certificate_pem)[0].public_key())  # type: ignore[arg-type]  # it is EC
    assert [entry.serial_number for entry in crl] == [int(issued.serial, 16)]
    assert crl.next_update_utc is not None
    assert crl.next_update_utc == (NOW + DAY + CRL_LIFETIME).replace(microsecond=0)
    numbers = [c.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for c in (earlier, crl)]
    assert numbers == sorted(set(numbers))
    root = x509.load_pem_x509_crl(authority.crl([], clock.wall()).encode())
    assert root.issuer == chain(authority.root_certificate_pem)[0].subject
    assert not list(root)


def test_keys_are_kept_and_only_their_owner_reads_them(
    authority: Authority, tmp_path: Path, clock: FixedClock
) -> None:
    secrets = tmp_path / "secrets"
    acme = authority.tenant("acme").certificate_pem
    again = Authority(secrets, clock)
    assert again.root_certificate_pem == authority.root_certificate_pem
    assert again.tenant("acme").certificate_pem == acme != again.tenant("other").certificate_pem
    modes = {str(path.relative_to(secrets)): path.stat().st_mode & 0o777 for path in (secrets, *secrets.rglob("*"))}
    assert modes == {
        ".": 0o700,
        "root.pem": 0o600,
        "tenants": 0o700,
        "tenants/acme.pem": 0o600,
        "tenants/other.pem": 0o600,
    }


def test_whoever_comes_second_uses_the_first_ones_keys(tmp_path: Path, clock: FixedClock) -> None:
    together = threading.Barrier(8)
    seen: list[tuple[str, str]] = []

    def start() -> None:
        together.wait()
        authority = Authority(tmp_path / "secrets", clock)
        seen.append((authority.root_fingerprint, authority.tenant("acme").certificate_pem))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


@pytest.mark.parametrize("damage", ["empty", "other key", "open"])
def test_a_damaged_or_open_key_file_is_said_and_left_alone(
    authority: Authority, tmp_path: Path, clock: FixedClock, damage: str
) -> None:
    file = tmp_path / "secrets/root.pem"
    if damage == "empty":
        file.write_bytes(b"")
    elif damage == "other key":
        authority.tenant("acme")
        file.write_text((tmp_path / "secrets/tenants/acme.pem").read_text().split("-----BEGIN CERT")[0])
        file.write_text(file.read_text() + authority.root_certificate_pem)
    else:
        file.chmod(0o604)
    before = file.read_bytes()
    with pytest.raises(SecretFileError, match=r"root\.pem"):
        Authority(tmp_path / "secrets", clock)
    assert file.read_bytes() == before
