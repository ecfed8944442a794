"""The cloud's broker as `firmware-config/mosquitto/cloud.conf` sets it up, and a deployment's certificates for it."""

import socket
import ssl
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from cryptography.hazmat.primitives.asymmetric import ec

from roost_cloud.fleet.authority import Authority
from roost_cloud.fleet.revocations import RevocationsDocument, RevokedCertificate, revocations_document
from roost_cloud.fleet.x509.signer import key_pem
from roost_shared.clock import SystemClock
from tests.support.fleet_certificates import signing_request
from tests.support.mosquitto import CONFIGURATIONS, Mosquitto, free_port
from tests.support.mqtt_peer import MqttPeer

__all__ = ["Device", "FencedBroker", "Shown"]

TENANTS = ("acme", "other")
_CONNECT = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x1e\x00\x03abc"  # MQTT 3.1.1, clean session, client id "abc"
_ACCEPTED = b"\x20\x02\x00\x00"


class Shown(NamedTuple):
    """What somebody shows a broker: a certificate, with what vouches for it, and its key; PEM."""

    certificate_pem: str
    key_pem: str


class Device(NamedTuple):
    """A device with a certificate by its tenant's CA."""

    identity: str
    shown: Shown
    serial: str

    @property
    def root(self) -> str:
        """What its topics begin with."""
        return f"roost/1/{self.identity}"


class FencedBroker:
    """A running broker, and everybody who may come in; all files lie in `folder`. A context manager that ends it.

    Attributes:
        cloud_port: of the listener for the cloud's own roles.
        open_port: of a listener only tests have, which lets everybody do everything.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder / "secrets", SystemClock())
        self.cloud_port = free_port()
        self.open_port = free_port()
        server, cloud = self.authority.server(["localhost", "127.0.0.1"]), self.authority.service()
        self.cloud = Shown(cloud.certificate_pem, cloud.key_pem)
        self._write("ca.crt", self.authority.root_certificate_pem)
        self._write("services.crt", self.authority.services_certificate_pem)
        self._write("broker.crt", server.certificate_pem)
        self._write("broker.key", server.key_pem)
        self._write("roost-cloud.crt", self.cloud.certificate_pem)
        self._write("roost-cloud.key", self.cloud.key_pem)
        for name in ("devices.acl", "services.acl"):
            self._write(name, (CONFIGURATIONS / name).read_text())
        self._write("revoked.crl", self.document().crl_pem)
        self.mosquitto = Mosquitto(
            folder,
            conf="cloud.conf",
            replace={"listener 8884 127.0.0.1": f"{self.cloud_port} 127.0.0.1"},
            extra=f"listener {self.open_port} 127.0.0.1\nallow_anonymous true",
        )
        self.port = self.mosquitto.port
        self.mosquitto.start()
        self._peers: list[MqttPeer] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def cloud_url(self) -> str:
        return f"mqtts://127.0.0.1:{self.cloud_port}"

    def device(self, tenant: str = "acme", name: str = "cam-01", *, lifetime: timedelta = timedelta(days=1)) -> Device:
        """Enrol a device, as far as its certificate goes."""
        key = ec.generate_private_key(ec.SECP256R1())
        issued = self.authority.tenant(tenant).issue(signing_request(key), name, lifetime)
        return Device(f"{tenant}/d/{name}", Shown(issued.certificate_pem, key_pem(key).decode()), issued.serial)

    def document(
        self,
        *revoked: Device,
        withdrawn: Iterable[Device] = (),
        now: datetime | None = None,
        tenants: Iterable[str] = TENANTS,
    ) -> RevocationsDocument:
        """The document that says that these are revoked, or their certificate withdrawn only."""
        now = now or datetime.now(UTC)
        certificates: Mapping[str, list[RevokedCertificate]] = {tenant: [] for tenant in tenants}
        for device in (*revoked, *withdrawn):
            tenant, _, name = device.identity.split("/")
            certificates[tenant].append(RevokedCertificate(name, device.serial, now))
        names = [(device.identity.split("/")[0], device.identity.split("/")[2]) for device in revoked]
        return revocations_document(self.authority, certificates, names, now)

    def enter(self, who: Shown, *, port: int | None = None, **arguments: Any) -> MqttPeer:
        """Connect with a certificate, to the devices' listener if no other is named."""
        self._peers.append(MqttPeer(port or self.port, tls=self._context(who), **arguments))
        return self._peers[-1]

    def enter_as_cloud(self, **arguments: Any) -> MqttPeer:
        return self.enter(self.cloud, port=self.cloud_port, **arguments)

    def enter_openly(self, **arguments: Any) -> MqttPeer:
        """Connect as somebody who may do everything: to see what got through."""
        self._peers.append(MqttPeer(self.open_port, **arguments))
        return self._peers[-1]

    def admits(self, who: Shown, *, port: int | None = None) -> bool:
        """Whether the broker lets somebody in who shows this."""
        plain = socket.create_connection(("127.0.0.1", port or self.port), timeout=10)
        try:
            with self._context(who).wrap_socket(plain, server_hostname="127.0.0.1") as link:
                link.sendall(_CONNECT)
                return link.recv(len(_ACCEPTED)) == _ACCEPTED
        except (ssl.SSLError, ConnectionError):
            return False
        finally:
            plain.close()

    def install(self, crl_pem: str) -> None:
        """Put lists in place, and have the broker read them."""
        self._write("revoked.crl", crl_pem)
        self.mosquitto.reload()

    def close(self) -> None:
        for peer in self._peers:
            peer.close()
        self.mosquitto.kill()

    def forget_peers(self) -> None:
        """End all connections made here."""
        while self._peers:
            self._peers.pop().close()

    def _context(self, who: Shown) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        pair = self.folder / "shown.pem"
        pair.write_text(who.key_pem + who.certificate_pem)
        context.load_cert_chain(pair)
        return context

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
