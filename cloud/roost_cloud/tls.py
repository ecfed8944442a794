"""The API's own TLS: a certificate from files, or one of our root CA's, both made anew while we serve.

Clients that know the root CA (devices by their enrolment token, people by `roost login --ca-fingerprint`) believe its
certificates; everybody else needs one from files, or a proxy that has one.
"""

import os
import ssl
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from roost_cloud.fleet.authority import SERVICE_LIFETIME, Authority
from roost_cloud.settings import CloudSettings
from roost_shared.errors import ConfigError

__all__ = ["ServerTls", "server_tls"]

_RENEWED_AFTER: Final = SERVICE_LIFETIME / 2
_ALSO_KNOWN_AS: Final = ("localhost", "127.0.0.1")  # for whoever asks from this machine


class ServerTls(Protocol):
    """A server's side of TLS."""

    @property
    def context(self) -> ssl.SSLContext:
        """What the server serves with."""
        ...

    def renew(self, now: datetime) -> bool:
        """Serve new connections with a newer certificate if there should be one; whether that was done.

        Raises:
            ConfigError: the newer one cannot be used; the one before stays.
        """
        ...


def server_tls(settings: CloudSettings, authority: Authority, now: datetime) -> ServerTls | None:
    """What the settings ask for; None for plain HTTP.

    Raises:
        ConfigError: a file holds no usable certificate or key.
    """
    if not settings.uses_tls:
        return None
    if settings.tls_cert is not None and settings.tls_key is not None:
        return _FromFiles(settings.tls_cert, settings.tls_key)
    return _FromAuthority(authority, settings.public_host, now)


class _FromFiles:
    """A certificate that somebody else renews, such as an ACME client."""

    def __init__(self, certfile: Path, keyfile: Path) -> None:
        self._certfile = certfile
        self._keyfile = keyfile
        self.context = _context()
        self._version = self._load()

    def renew(self, _now: datetime) -> bool:
        if self._seen() == self._version:
            return False
        self._version = self._load()
        return True

    def _load(self) -> tuple[int, ...]:
        version = self._seen()
        try:
            _context().load_cert_chain(self._certfile, self._keyfile)  # a half-written pair must not get into use
            self.context.load_cert_chain(self._certfile, self._keyfile)
        except OSError as error:
            problem = f"{self._certfile} and {self._keyfile} are no certificate with its key: {error}"
            raise _unusable(problem) from error
        return version

    def _seen(self) -> tuple[int, ...]:
        try:
            return tuple(file.stat().st_mtime_ns for file in (self._certfile, self._keyfile))
        except OSError as error:
            raise _unusable(f"{error.filename}: {error.strerror}") from error


class _FromAuthority:
    """A certificate by our own root CA; its key is in no file."""

    def __init__(self, authority: Authority, host: str, now: datetime) -> None:
        self._authority = authority
        self._hosts = list(dict.fromkeys((host, *_ALSO_KNOWN_AS)))
        self.context = _context()
        self._renewed_at = now
        self._load()

    def renew(self, now: datetime) -> bool:
        if now - self._renewed_at < _RENEWED_AFTER:
            return False
        self._load()
        self._renewed_at = now
        return True

    def _load(self) -> None:
        made = self._authority.server(self._hosts)
        descriptor = os.memfd_create("roost-tls", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, (made.key_pem + made.certificate_pem).encode())
            self.context.load_cert_chain(f"/proc/self/fd/{descriptor}")  # the library reads files alone
        finally:
            os.close(descriptor)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _unusable(problem: str) -> ConfigError:
    return ConfigError(
        where="settings", key="tls_cert", problem=problem, remedy="Give a certificate chain and its key"
    )
