"""A cloud's root certificate, and the fingerprint by which people tell one cloud from another."""

import ssl
import warnings
from hashlib import sha256

from urllib3.exceptions import InsecureRequestWarning

from roost_cloud.client.errors import CaMismatchError
from roost_cloud.client.exchange import API, REFUSALS, exchange, open_pool, refusal

__all__ = ["fetch_root", "fingerprint_of"]


def fetch_root(url: str, fingerprint: str) -> str:
    """A cloud's root certificate, believed because its fingerprint is known.

    Args:
        url: the cloud's address.
        fingerprint: `sha256:` and the hex digest of the certificate's DER.

    Returns:
        The certificate, PEM.

    Raises:
        CaMismatchError: the certificate is another, or none.
        RemoteError, ApiUnreachableError: as `ApiClient.call` does.
    """
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    pool = open_pool(unverified)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)  # the fingerprint vouches for it
            reply = exchange(pool, "GET", f"{url}{API}/ca", None, {})
    finally:
        pool.clear()
    if reply.status >= REFUSALS:
        raise refusal(reply)
    try:
        pem = reply.data.decode("ascii")
        found = fingerprint_of(pem)
    except ValueError as error:
        raise CaMismatchError(f"{url} shows no root certificate: is it a cloud of Roost's?") from error
    if found != fingerprint.strip().lower():
        raise CaMismatchError(f"the root certificate of {url} has the fingerprint {found}, not {fingerprint}")
    return pem


def fingerprint_of(pem: str) -> str:
    """`sha256:` and the hex digest of a certificate's DER.

    Raises:
        ValueError: it is none.
    """
    return f"sha256:{sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).hexdigest()}"
