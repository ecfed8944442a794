"""The cloud's API as a device uses it: to enrol, to sign in, to renew. Heavy, as `http.py` is.

A device signs in by signing a nonce of the cloud's with its key, and gets a token for some minutes; whether its
certificate is still good is judged by the cloud's clock. Use:

    api = DeviceApi(CloudHttp(url, root_pem), tenant="acme", device="cam-01", key=key)
    api.call("GET", "/…", Answer)
"""

import base64
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

import msgspec

from roost_edge.identity.keys import DeviceKey
from roost_edge.identity.record import CloudBroker
from roost_edge.uplink.http import CloudHttp, CloudRefusedError
from roost_shared.enrolment import EnrolmentToken, signed_text

__all__ = ["DeviceApi", "DeviceToken", "Enrolled", "NewCertificate", "enrol", "fetch_root"]

_MARGIN_S: Final = 30.0  # a token is not used in its last seconds: it has to arrive in time
_UNAUTHENTICATED: Final = 401

_Answer = TypeVar("_Answer")


class NewCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """What the cloud gives for a signing request."""

    certificate_pem: str  # the device's, then the tenant's authority's
    ca_pem: str  # the root's
    expires_at: datetime
    broker: CloudBroker | None = None


class Enrolled(NewCertificate, frozen=True, kw_only=True):
    """A new certificate, and whose it is."""

    tenant: str
    device: str
    trust_root: str | None = None  # TUF's, as it is


class DeviceToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a device shows as bearer; `renew` is all that an expired certificate's key gets."""

    token: str
    expires_in_s: float
    scope: Literal["device", "renew"]


class _Nonce(msgspec.Struct, frozen=True):
    nonce: str


def fetch_root(http: CloudHttp) -> bytes:
    """What the cloud says its root certificate is (PEM); nothing vouches for it but its fingerprint."""
    return http.fetch("GET", "/ca")


def enrol(http: CloudHttp, token: EnrolmentToken, csr_pem: str) -> Enrolled:
    """Give up a token for a certificate. The same token and key get one again if an answer was lost."""
    body = {"token_id": token.id, "secret": token.secret, "csr_pem": csr_pem}
    return http.call("POST", "/enrol", Enrolled, body=body)


class DeviceApi:
    """The cloud's API for one device.

    Args:
        http: the cloud.
        tenant: whose device we are.
        device: our name.
        key: ours.
        monotonic_s: the clock that a token's life is measured by, in seconds.

    Every method raises what `CloudHttp.call` does.
    """

    def __init__(
        self,
        http: CloudHttp,
        *,
        tenant: str,
        device: str,
        key: DeviceKey,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.http = http
        self._name = {"tenant": tenant, "device": device}
        self._key = key
        self._monotonic_s = monotonic_s
        self._token: DeviceToken | None = None
        self._good_until_s = 0.0

    def token(self) -> DeviceToken:
        """One that is good for some seconds yet; signs in if there is none."""
        if self._token is None or self._monotonic_s() >= self._good_until_s:
            self._token = self._sign_in()
        return self._token

    def forget_token(self) -> None:
        """Sign in anew for the next request: the cloud no longer takes the token, such as after a restart."""
        self._token = None

    def call(self, method: str, path: str, kind: type[_Answer], *, body: Any = None) -> _Answer:
        """Ask as this device; a token that the cloud no longer takes is replaced once."""
        return self._signed_in(lambda token: self.http.call(method, path, kind, body=body, token=token))

    def fetch(self, path: str, limit_bytes: int) -> bytes:
        """GET bytes as this device, at most so many; a token that the cloud no longer takes is replaced once."""
        return self._signed_in(lambda token: self.http.fetch("GET", path, token=token, limit_bytes=limit_bytes))

    def renew(self, csr_pem: str) -> NewCertificate:
        """Get a certificate for the key that signed the request; ours stays good until the new one is used."""
        return self.call("POST", "/device-auth/renew", NewCertificate, body={"csr_pem": csr_pem})

    def _signed_in(self, ask: Callable[[str], _Answer]) -> _Answer:
        fresh = self._token is None
        try:
            return ask(self.token().token)
        except CloudRefusedError as error:
            if error.status != _UNAUTHENTICATED or fresh:
                raise
        self.forget_token()
        return ask(self.token().token)

    def _sign_in(self) -> DeviceToken:
        asked_s = self._monotonic_s()
        nonce = self.http.call("POST", "/device-auth/nonce", _Nonce, body=self._name).nonce
        signature = base64.b64encode(self._key.sign(signed_text(**self._name, nonce=nonce))).decode()
        body = {**self._name, "nonce": nonce, "signature": signature}
        token = self.http.call("POST", "/device-auth/token", DeviceToken, body=body)
        self._good_until_s = asked_s + token.expires_in_s - min(_MARGIN_S, token.expires_in_s / 2)
        return token
