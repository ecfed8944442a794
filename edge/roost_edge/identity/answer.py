"""What the cloud's answer to a signing request makes of us: the files of an identity, once all of it is checked."""

import msgspec

from roost_edge.cloud_api import NewCertificate
from roost_edge.cloud_http import CloudAnswerError
from roost_edge.identity.keys import DeviceKey, check_certificate
from roost_edge.identity.record import AUTHORITY, CERTIFICATE, CLOUD, KEY, CloudBroker, CloudRecord
from roost_shared.mqtt.address import parse_broker_url
from roost_shared.mqtt.faults import BrokerUrlError

__all__ = ["identity_files"]


def identity_files(
    answer: NewCertificate,
    *,
    key: DeviceKey,
    root_pem: bytes,
    tenant: str,
    device: str,
    url: str,
    known_broker: CloudBroker | None = None,
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
    return {
        KEY: key.pem(),
        CERTIFICATE: answer.certificate_pem.encode(),
        AUTHORITY: root_pem,
        CLOUD: msgspec.json.encode(record),
    }


def _checked(broker: CloudBroker | None) -> CloudBroker | None:
    if broker is not None:
        try:
            parse_broker_url(broker.url)
        except BrokerUrlError as error:
            raise CloudAnswerError(f"the cloud names a broker that is none: {error}") from error
    return broker
