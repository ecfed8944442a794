"""The cloud as a device sees it, small: enrolment and device-auth of the API over real HTTP(S), and faults on demand.

Certificates come from the cloud's own authority, at whatever time `now` says.
"""

import base64
import secrets
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from roost_cloud.fleet.authority import Authority
from roost_shared.digest import digest_of
from roost_shared.enrolment import EnrolmentToken, signed_text

__all__ = ["DEVICE", "TENANT", "Cut", "DeviceCloud", "Edit", "Refuse", "Truncate"]

TENANT, DEVICE = "acme", "cam-01"


class Cut:
    """Carry the request out, and end the connection without an answer."""


class Truncate:
    """Send half of the answer."""


@dataclass(frozen=True)
class Refuse:
    """Answer with an error instead."""

    status: int
    code: str = "some.code"
    body: bytes | None = None


@dataclass(frozen=True)
class Edit:
    """Change the answer's document."""

    change: Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class _Key:
    device: str
    public_key: ec.EllipticCurvePublicKey
    der: bytes
    not_after: datetime
    revoked: bool = False


@dataclass
class _Offset:
    """The cloud's clock."""

    by: timedelta = timedelta()

    def wall(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0) + self.by

    def now_ns(self) -> int:
        raise NotImplementedError


@dataclass
class _Token:
    secret: str
    device: str
    key: bytes | None = None


class DeviceCloud:
    """A context manager; every request is noted in `requests`, as (path, document).

    Attributes:
        clock: the cloud's; `clock.by` moves it.
        faults: by path, what goes wrong with the next requests to it.
        lifetime: of certificates.
        broker: told to devices.
        trust_root: the root of trust for bundles, which tokens name and devices get; None for none.
        tells_time: whether answers carry a date.
    """

    def __init__(
        self, folder: Path, *, tls: bool = True, host: str = "localhost", by: timedelta = timedelta()
    ) -> None:
        self.clock = _Offset(by)
        self.authority = Authority(folder / "secrets", self.clock)
        self.faults: dict[str, list[Any]] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.lifetime = timedelta(days=90)
        self.broker: dict[str, Any] | None = None
        self.trust_root: bytes | None = None
        self.tells_time = True
        self.folder = folder
        self._keys: list[_Key] = []
        self._tokens: dict[str, _Token] = {}
        self._nonces: set[str] = set()
        self._bearers: dict[str, str] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls:
            self._serve_tls(host)
        self.port: int = self._server.server_address[1]
        self.url = f"https://localhost:{self.port}" if tls else f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _serve_tls(self, host: str) -> None:
        credentials = self.authority.server([host])
        file = self.folder / "server.pem"
        file.write_text(credentials.certificate_pem + credentials.key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)

    def token(self, device: str = DEVICE) -> EnrolmentToken:
        """A fresh enrolment token."""
        token = EnrolmentToken(
            id=secrets.token_hex(4),
            secret=secrets.token_hex(16),
            ca=self.authority.root_fingerprint,
            tuf=None if self.trust_root is None else digest_of(self.trust_root),
        )
        self._tokens[token.id] = _Token(token.secret, device)
        return token

    def revoke_all(self) -> None:
        for key in self._keys:
            key.revoked = True

    def forget_newest(self) -> None:
        """Lose a key that was certified, as a cloud does that was restored from an old copy."""
        self._keys.pop()

    def asked(self, path: str) -> list[dict[str, Any]]:
        """The documents sent to a path."""
        return [document for where, document in self.requests if where == path]

    @property
    def valid_keys(self) -> int:
        return sum(not key.revoked for key in self._keys)

    # ---- the API

    def answer(self, path: str, document: dict[str, Any], bearer: str | None) -> tuple[int, Any]:
        with self._lock:
            if path == "/ca":
                return 200, self.authority.root_certificate_pem.encode()
            if path == "/enrol":
                return self._enrol(document)
            if path == "/device-auth/nonce":
                return self._give_nonce()
            if path == "/device-auth/token":
                return self._sign_in(document)
            if path == "/device-auth/renew" and bearer in self._bearers:
                return 201, self._certify(document["csr_pem"], self._bearers[bearer])
            return 401, _error("device_token.invalid")

    def _give_nonce(self) -> tuple[int, Any]:
        nonce = secrets.token_hex(8)
        self._nonces.add(nonce)
        return 201, {"nonce": nonce, "expires_in_s": 60}

    def _enrol(self, document: dict[str, Any]) -> tuple[int, Any]:
        token = self._tokens.get(document["token_id"])
        if token is None or token.secret != document["secret"]:
            return 401, _error("enrolment.token")
        issued = self.authority.tenant(TENANT).issue(document["csr_pem"], token.device, self.lifetime)
        if token.key not in (None, issued.public_key):
            return 401, _error("enrolment.used")
        token.key = issued.public_key
        root = None if self.trust_root is None else self.trust_root.decode()
        who = {"tenant": TENANT, "device": token.device, "trust_root": root}
        return 201, {**who, **self._certify(document["csr_pem"], token.device)}

    def _certify(self, csr_pem: str, device: str) -> dict[str, Any]:
        issued = self.authority.tenant(TENANT).issue(csr_pem, device, self.lifetime)
        key = load_der_public_key(issued.public_key)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        self._keys.append(_Key(device, key, issued.public_key, issued.not_after))
        return {
            "certificate_pem": issued.certificate_pem,
            "ca_pem": self.authority.root_certificate_pem,
            "expires_at": issued.not_after,
            "broker": self.broker,
        }

    def _sign_in(self, document: dict[str, Any]) -> tuple[int, Any]:
        if document["nonce"] not in self._nonces:
            return 401, _error("device.refused")
        self._nonces.remove(document["nonce"])
        text = signed_text(document["tenant"], document["device"], document["nonce"])
        known = [key for key in self._keys if key.device == document["device"]]
        for number, key in reversed(list(enumerate(known))):
            try:
                key.public_key.verify(base64.b64decode(document["signature"]), text, ec.ECDSA(hashes.SHA256()))
            except InvalidSignature:
                continue
            if key.revoked:
                return 401, _error("device.refused")
            for older in known[:number]:
                older.revoked = older.revoked or older.der != key.der
            token = secrets.token_hex(8)
            self._bearers[token] = document["device"]
            scope = "device" if self.clock.wall() < key.not_after else "renew"
            return 201, {"token": token, "expires_in_s": 600, "scope": scope}
        return 401, _error("device.refused")

    def _handler(cloud) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - two selves
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                self.connection.settimeout(10)

            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                document = msgspec.json.decode(data) if data else {}
                path = self.path.removeprefix("/api/v1")
                cloud.requests.append((path, document))
                bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                status, answer = cloud.answer(path, document, bearer)
                faults = cloud.faults.get(path)
                fault = faults.pop(0) if faults else None
                if isinstance(fault, Refuse):
                    status, answer = fault.status, _error(fault.code) if fault.body is None else fault.body
                elif isinstance(fault, Edit):
                    answer = fault.change(answer)
                self._send(status, answer, fault)

            def _send(self, status: int, answer: Any, fault: Any) -> None:
                body = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
                self.close_connection = True
                if isinstance(fault, Cut):
                    return
                self.send_response_only(status)
                if cloud.tells_time:
                    self.send_header("Date", format_datetime(cloud.clock.wall(), usegmt=True))
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if isinstance(fault, Truncate) else body)

            def log_message(self, *_: Any) -> None:
                """Be quiet."""

        return Handler


def _error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": f"the cloud says {code}"}}
