"""Who vouches for whom: a deployment's root CA, a CA for each tenant, and the certificates they sign.

    authority = Authority(secrets_dir, SystemClock())
    issued = authority.tenant("acme").issue(csr_pem, "cam-01", timedelta(days=90))

The keys are files under `secrets_dir` and nowhere else, `root.pem`, `services.pem` and `tenants/{tenant}.pem`, made
when they are first asked for. Whoever loses `root.pem` has to enrol the fleet anew, and whoever has it is the
deployment: back it up, and keep it from everybody. Which certificates were issued and taken back is in the database,
not here.

The cloud's own roles enter a broker by certificates of a second, self-signed CA. No device's certificate leads to it
and no tenant's CA can imitate it, so that a listener which trusts it alone is out of every device's reach. There is
no list of its revoked certificates: remove `services.pem`, and make its certificates anew.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from roost_cloud.fleet.x509 import profiles
from roost_cloud.fleet.x509.revocation_list import Revocation, revocation_list
from roost_cloud.fleet.x509.signer import Signer, key_pem, load_or_create
from roost_cloud.fleet.x509.signing_request import fingerprint, read_public_key
from roost_cloud.secret_files import SecretFileError
from roost_shared.clock import Clock
from roost_shared.enrolment import common_name
from roost_shared.errors import ContentError
from roost_shared.topics import check_device_name, check_name

__all__ = [
    "DEVICE_LIFETIME",
    "SERVICE_LIFETIME",
    "SERVICE_NAME",
    "Authority",
    "CertifiedKey",
    "IdentityError",
    "IssuedCertificate",
    "TenantAuthority",
    "device_identity",
    "has_root",
]

DEVICE_LIFETIME: Final = timedelta(days=90)
SERVICE_LIFETIME: Final = timedelta(days=365)
SERVICE_NAME: Final = "roost-cloud"  # has no slash, and so is no device's identity
ROOT_FILE: Final = "root.pem"
ROOT_NAME: Final = "Roost root CA"
SERVICES_NAME: Final = "Roost services CA"
MAX_IDENTITY: Final = 64  # characters a certificate's common name holds (RFC 5280)


class IdentityError(ContentError):
    """A tenant's and a device's name are together too long for a certificate."""

    code = "identity.too_long"


class IssuedCertificate(NamedTuple):
    """A certificate for a device.

    Attributes:
        certificate_pem: the device's certificate, then its tenant's CA: what the device shows.
        serial: lower-case hex; it may have more digits than a database's integers.
        not_after: aware, whole seconds.
        public_key: SubjectPublicKeyInfo (DER).
        public_key_sha256: `sha256:` and the hex digest of `public_key`.
    """

    certificate_pem: str
    serial: str
    not_after: datetime
    public_key: bytes
    public_key_sha256: str


class CertifiedKey(NamedTuple):
    """A certificate and the key that goes with it, PEM, for a server or service of ours."""

    certificate_pem: str
    key_pem: str


def device_identity(tenant: str, device: str) -> str:
    """`{tenant}/d/{device}`: a device's common name, and its user name at a broker.

    Raises:
        BadNameError: one of the two is no name, or one of the cloud's own.
        IdentityError: together they are longer than a common name may be.
    """
    identity = common_name(check_name(tenant, "tenant"), check_device_name(device))
    if len(identity) > MAX_IDENTITY:
        raise IdentityError(
            f"{identity!r} has {len(identity)} characters, and a certificate holds {MAX_IDENTITY}: "
            f"a device of tenant {tenant!r} may have a name of {MAX_IDENTITY - len(common_name(tenant, ''))} at most"
        )
    return identity


def has_root(secrets_dir: Path) -> bool:
    """Whether a deployment's root is there, so that `Authority` would make none.

    Raises:
        SecretFileError: that cannot be seen.
    """
    file = secrets_dir / ROOT_FILE
    try:
        return file.exists()
    except OSError as error:
        raise SecretFileError(file, error.strerror or str(error)) from error


class TenantAuthority:
    """Signs one tenant's devices, and what was taken back of them."""

    def __init__(self, tenant: str, signer: Signer, clock: Clock) -> None:
        self.tenant = tenant
        self._signer = signer
        self._clock = clock

    @property
    def certificate_pem(self) -> str:
        """The CA's certificate, PEM."""
        return self._signer.certificate_pem

    def issue(self, csr_pem: str, device: str, lifetime: timedelta = DEVICE_LIFETIME) -> IssuedCertificate:
        """Certify the key of a signing request as `device`'s; whatever else the request says is ignored.

        Args:
            csr_pem: PKCS #10, PEM.
            device: who it is for, by the caller's knowledge.
            lifetime: from now; shorter where the CA itself ends before.

        Raises:
            SigningRequestError: the request cannot be granted.
            BadNameError, IdentityError: the device cannot be named in a certificate.
            AuthorityExpiredError: the CA itself has ended.
        """
        identity = device_identity(self.tenant, device)
        public_key = read_public_key(csr_pem)
        certificate = profiles.sign_client(
            self._signer,
            public_key,
            organisation=self.tenant,
            name=identity,
            now=self._clock.wall(),
            lifetime=lifetime,
        )
        spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return IssuedCertificate(
            certificate_pem=_pem(certificate) + self.certificate_pem,
            serial=f"{certificate.serial_number:x}",
            not_after=certificate.not_valid_after_utc,
            public_key=spki,
            public_key_sha256=fingerprint(spki),
        )

    def crl(self, revocations: Iterable[Revocation], now: datetime) -> str:
        """The list of this tenant's revoked certificates, PEM."""
        return revocation_list(self._signer, revocations, now)


class Authority:
    """A deployment's certificates.

    Args:
        secrets_dir: folder of the keys; made, for its owner only, when it is not there.
        clock: its wall clock dates certificates.

    Raises:
        SecretFileError: a file in there is no authority, everybody can reach it, or it can be neither read nor made.
    """

    def __init__(self, secrets_dir: Path, clock: Clock) -> None:
        self._tenants_dir = secrets_dir / "tenants"
        self._clock = clock
        self._tenants: dict[str, TenantAuthority] = {}
        self._root = load_or_create(secrets_dir / ROOT_FILE, lambda: profiles.new_root(ROOT_NAME, clock.wall()))
        self._services_file = secrets_dir / "services.pem"

    @property
    def root_certificate_pem(self) -> str:
        """What devices and brokers trust, PEM."""
        return self._root.certificate_pem

    @property
    def root_fingerprint(self) -> str:
        """`sha256:` and the hex digest of the root's certificate in DER: what an enrolment token carries."""
        return fingerprint(self._root.certificate.public_bytes(Encoding.DER))

    def tenant(self, tenant: str) -> TenantAuthority:
        """The CA of a tenant, made when it is first asked for; that the tenant exists is for the caller to know.

        Raises:
            BadNameError: it is no name.
            SecretFileError: as in construction.
        """
        known = self._tenants.get(tenant)
        if known is None:
            file = self._tenants_dir / f"{check_name(tenant, 'tenant')}.pem"
            signer = load_or_create(file, lambda: profiles.new_tenant(self._root, tenant, self._clock.wall()))
            known = self._tenants[tenant] = TenantAuthority(tenant, signer, self._clock)
        return known

    def server(self, hosts: Sequence[str], lifetime: timedelta = SERVICE_LIFETIME) -> CertifiedKey:
        """A new key and certificate for a server of ours, such as the API or the broker.

        Args:
            hosts: the DNS names and IP addresses that clients know it by.
            lifetime: from now.

        Raises:
            HostNameError: one of them is neither, or there is none.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = profiles.sign_server(self._root, key.public_key(), hosts, self._clock.wall(), lifetime)
        return _certified_key(certificate, key)

    @property
    def services_certificate_pem(self) -> str:
        """What a broker's listener for the cloud's own roles trusts, PEM."""
        return self._services().certificate_pem

    def service(self, lifetime: timedelta = SERVICE_LIFETIME) -> CertifiedKey:
        """A new key and certificate by which the cloud's own roles enter a broker, as `roost-cloud`."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = self._clock.wall()
        certificate = profiles.sign_client(
            self._services(), key.public_key(), organisation=None, name=SERVICE_NAME, now=now, lifetime=lifetime
        )
        return _certified_key(certificate, key)

    def crl(self, revocations: Iterable[Revocation], now: datetime) -> str:
        """The list of the root's revoked certificates, PEM: servers' and tenants' CAs'."""
        return revocation_list(self._root, revocations, now)

    def _services(self) -> Signer:
        return load_or_create(self._services_file, lambda: profiles.new_root(SERVICES_NAME, self._clock.wall()))


def _certified_key(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> CertifiedKey:
    return CertifiedKey(_pem(certificate), key_pem(key).decode())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
