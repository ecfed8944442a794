"""What can be wrong with a device's identity."""

from roost_shared.errors import ContentError, DeviceError, TransportError

__all__ = [
    "CertificateError",
    "EnrolmentRefusedError",
    "FingerprintError",
    "IdentityBusyError",
    "IdentityExistsError",
    "IdentityMismatchError",
    "IdentityMissingError",
    "IdentityRevokedError",
    "IdentityUnreadableError",
    "IdentityUnwritableError",
]


class IdentityExistsError(ContentError):
    """The device is enrolled already."""

    code = "identity.exists"


class IdentityMissingError(ContentError):
    """The device is not enrolled."""

    code = "identity.missing"


class IdentityMismatchError(ContentError):
    """The identity is another tenant's or device's than agent.toml says."""

    code = "identity.mismatch"


class IdentityUnreadableError(DeviceError):
    """The identity's files cannot be read, or hold no identity."""

    code = "identity.unreadable"


class IdentityUnwritableError(DeviceError):
    """The disk does not take the identity's files; those there are as they were."""

    code = "identity.unwritable"


class IdentityBusyError(DeviceError):
    """Another process is enrolling or renewing."""

    code = "identity.busy"


class FingerprintError(ContentError):
    """The cloud at this address is not the one the token was made at."""

    code = "enrolment.fingerprint"


class EnrolmentRefusedError(ContentError):
    """The cloud does not take the token: it is used, expired or unknown."""

    code = "enrolment.refused"


class CertificateError(TransportError):
    """The cloud answered with a certificate that is not ours to use."""

    code = "identity.certificate"


class IdentityRevokedError(TransportError):
    """The cloud no longer takes our key: the device was revoked, or removed. It does not say which to strangers."""

    code = "identity.revoked"
