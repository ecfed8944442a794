"""A device for tests of the cloud: it enrols, signs in and renews through the HTTP API, as a real one would."""

import base64
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from roost_shared.enrolment import EnrolmentToken, signed_text
from tests.support.cloud import Cloud
from tests.support.fleet_certificates import signing_request

__all__ = ["API", "FleetDevice", "code_of", "enrolled_device", "enrolment", "with_services"]

API = "/api/v1"


def code_of(response: Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return response.status_code, response.json()["error"]["code"]


def enrolment(cloud: Cloud, device: str = "cam-01", tenant: str = "acme", **body: Any) -> EnrolmentToken:
    """A fresh enrolment token."""
    headers = cloud.headers(tenant, "operator")
    response = cloud.client.post(f"{API}/enrolments", json={"device": device, **body}, headers=headers)
    assert response.status_code == 201, response.text
    return EnrolmentToken.parse(response.json()["token"])


def with_services(cloud: Cloud, **changes: Any) -> None:
    """Have the cloud serve with other services from now on."""
    assert isinstance(cloud.client.app, FastAPI)
    cloud.services = cloud.client.app.state.services = replace(cloud.services, **changes)


@dataclass
class FleetDevice:
    """A machine with a key, which says that it is a device."""

    client: TestClient
    tenant: str = "acme"
    device: str = "cam-01"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def enrol(self, token: EnrolmentToken, **body: Any) -> Response:
        sent = {"token_id": token.id, "secret": token.secret, "csr_pem": signing_request(self.key), **body}
        return self.client.post(f"{API}/enrol", json=sent)

    def nonce(self) -> str:
        who = {"tenant": self.tenant, "device": self.device}
        nonce: str = self.client.post(f"{API}/device-auth/nonce", json=who).json()["nonce"]
        return nonce

    def sign(self, nonce: str) -> str:
        signature = self.key.sign(signed_text(self.tenant, self.device, nonce), ec.ECDSA(SHA256()))
        return base64.b64encode(signature).decode()

    def sign_in(self, nonce: str | None = None, **body: Any) -> Response:
        nonce = nonce or self.nonce()
        sent = {"tenant": self.tenant, "device": self.device, "nonce": nonce, "signature": self.sign(nonce), **body}
        return self.client.post(f"{API}/device-auth/token", json=sent)

    def headers(self) -> dict[str, str]:
        """What a request carries after signing in."""
        response = self.sign_in()
        assert response.status_code == 201, response.text
        return {"Authorization": f"Bearer {response.json()['token']}"}

    def renew(self, headers: dict[str, str], key: ec.EllipticCurvePrivateKey | None = None) -> Response:
        body = {"csr_pem": signing_request(key or self.key)}
        return self.client.post(f"{API}/device-auth/renew", json=body, headers=headers)


def enrolled_device(cloud: Cloud, device: str = "cam-01", tenant: str = "acme", **body: Any) -> FleetDevice:
    """A device that has its certificate."""
    made = FleetDevice(cloud.client, tenant, device)
    response = made.enrol(enrolment(cloud, device, tenant, **body))
    assert response.status_code == 201, response.text
    return made
