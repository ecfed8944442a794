"""What the cloud's answer to a signing request makes of us: the files of an identity, once all of it is checked."""

import hmac

import msgspec

from roost_edge.identity.errors import FingerprintError
from roost_edge.identity.keys import DeviceKey, check_certificate
from roost_edge.identity.record import AUTHORITY, CERTIFICATE, CLOUD, KEY, TRUST_ROOT, CloudBroker, CloudRecord
from roost_edge.uplink.api import NewCertificate
from roost_edge.uplink.http import CloudAnswerError
from roost_shared.digest import digest_of
from roost_shared.mqtt.address import parse_broker_url
from roost_shared.mqtt.faults import BrokerUrlError

__all__ = ["check_trust_root", "identity_files"]


def identity_files(
    answer: NewCertificate,
    *,
    key: DeviceKey,
    root_pem: bytes,
    tenant: str,
    device: str,
    url: str,
    known_broker: CloudBroker | None = None,
    trust_root: bytes | None = None,
) -> dict[str, bytes]:
    """Check the answer, and make the files of it, by name.

    Args:
        answer: the cloud's.
        key: ours, which it is to be about.
        root_pem: the cloud's root certificate, pinned.
        tenant: whose device we are.
        device: our name.
        url: where the cloud is.
        known_broker: stays where the answer names none.
        trust_root: the root of trust for bundles, pinned; None if there is none.

    Raises:
        CertificateError: the certificate is not ours to use.
        CloudAnswerError: the broker's address is none.
    """
    validity = check_certificate(answer.certificate_pem, root_pem, key=key, tenant=tenant, device=device)
    record = CloudRecord(
        tenant=tenant,
        device=device,
        url=url,
        not_before=validity.not_before,
        not_after=validity.not_after,
        broker=_checked(answer.broker) or known_broker,
    )
    files = {
        KEY: key.pem(),
        CERTIFICATE: answer.certificate_pem.encode(),
        AUTHORITY: root_pem,
        CLOUD: msgspec.json.encode(record),
    }
    return files if trust_root is None else {**files, TRUST_ROOT: trust_root}


def check_trust_root(text: str | None, expected: str | None) -> bytes | None:
    """See that a root of trust is the one that an enrolment token names.

    Args:
        text: what the cloud gives.
        expected: its digest by the token; None if the token names none, and none is taken then.

    Returns:
        The root's bytes.

    Raises:
        FingerprintError: it is another, or missing.
    """
    if expected is None:
        return None
    data = (text or "").encode()
    if not hmac.compare_digest(digest_of(data), expected):
        raise FingerprintError(
            "the cloud gives another root of trust for bundles than the token names: somebody has changed it there"
        )
    return data


def _checked(broker: CloudBroker | None) -> CloudBroker | None:
    if broker is not None:
        try:
            parse_broker_url(broker.url)
        except BrokerUrlError as error:
            raise CloudAnswerError(f"the cloud names a broker that is none: {error}") from error
    return broker
