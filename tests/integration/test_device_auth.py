"""How a device proves who it is, and gets its next certificate, on both databases."""

from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from roost_cloud.api.auth import Enrolled
from roost_cloud.api.errors import handle_errors
from roost_cloud.db.tables import Certificate, SpentNonce
from tests.support.cloud import Cloud
from tests.support.fleet import API, FleetDevice, code_of, enrolled_device, enrolment
from tests.support.fleet_certificates import signing_request

REFUSED = (401, "device.refused")
LIFETIME = timedelta(days=90)


def spent(cloud: Cloud) -> int:
    with cloud.services.database.read() as session:
        return session.scalar(select(func.count()).select_from(SpentNonce)) or 0


def revoke(cloud: Cloud, device: str = "cam-01") -> None:
    assert cloud.client.post(f"{API}/devices/{device}/revoke", headers=cloud.headers()).status_code == 200


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def test_key_that_signs_a_nonce_gets_a_short_token(cloud: Cloud) -> None:
    response = enrolled_device(cloud).sign_in()
    assert response.status_code == 201
    assert (response.json()["expires_in_s"], response.json()["scope"]) == (900, "device")


@pytest.mark.one_database
def test_whatever_is_wrong_is_refused_in_the_same_words(cloud: Cloud) -> None:
    device, revoked = enrolled_device(cloud), enrolled_device(cloud, "cam-02")
    revoke(cloud, "cam-02")
    stranger = FleetDevice(cloud.client, device="nobody")
    impostor = FleetDevice(cloud.client)
    nonce = device.nonce()
    answers = [
        stranger.sign_in(),
        FleetDevice(cloud.client, tenant="nowhere").sign_in(),
        impostor.sign_in(),
        revoked.sign_in(),
        device.sign_in(signature="no base64"),
        device.sign_in(signature="AAAA"),
        device.sign_in(signature=""),
        device.sign_in(nonce, signature=device.sign(device.nonce())),
        device.sign_in("A" * 75),
        device.sign_in("é"),
        device.sign_in(stranger.nonce()),
    ]
    assert {code_of(answer) for answer in answers} == {REFUSED}
    assert len({answer.text for answer in answers}) == 1
    assert spent(cloud) == 0


def test_nonce_is_good_once(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    nonce = device.nonce()
    assert device.sign_in(nonce).status_code == 201
    assert code_of(device.sign_in(nonce)) == REFUSED
    assert device.sign_in().status_code == 201


def test_nonce_is_good_for_a_minute_and_forgotten_after(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    early, late = device.nonce(), device.nonce()
    cloud.clock.advance(timedelta(seconds=59))
    assert device.sign_in(early).status_code == 201
    cloud.clock.advance(timedelta(seconds=1))
    assert code_of(device.sign_in(late)) == REFUSED
    cloud.clock.advance(timedelta(minutes=2))
    assert device.sign_in().status_code == 201
    assert spent(cloud) == 1


@pytest.mark.one_database
def test_token_ends_after_a_quarter_of_an_hour(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    headers = device.headers()
    cloud.clock.advance(timedelta(minutes=15))
    assert code_of(device.renew(headers)) == (401, "auth.unauthenticated")


def test_revoked_devices_token_ends_at_once(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    headers = device.headers()
    revoke(cloud)
    assert code_of(device.renew(headers)) == REFUSED


def test_deleted_devices_token_is_no_token_of_the_next_one_of_that_name(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    headers = device.headers()
    revoke(cloud)
    assert cloud.client.delete(f"{API}/devices/cam-01", headers=cloud.headers()).status_code == 204
    enrolled_device(cloud)
    assert code_of(device.renew(headers)) == REFUSED


@pytest.mark.one_database
def test_tokens_of_people_and_of_devices_open_their_own_routes_only(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    assert code_of(device.renew(dict(cloud.headers())))[0] == 401
    assert code_of(device.renew({}))[0] == 401
    mine = device.headers()
    assert code_of(cloud.client.get(f"{API}/devices", headers=mine))[0] == 401
    assert code_of(cloud.client.get(f"{API}/broker/revocations", headers=mine))[0] == 401


@pytest.mark.one_database
def test_forged_tokens_are_refused(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    real = device.headers()["Authorization"].removeprefix("Bearer ")
    key = cloud.services.token_key
    claims = jwt.decode(real, options={"verify_signature": False})
    forged = [
        jwt.encode(claims, "", "none"),
        jwt.encode(claims, 32 * b"x", "HS256"),
        jwt.encode(claims, 64 * b"x", "HS512"),
        jwt.encode({**claims, "aud": "roost-people"}, key, "HS256"),
        jwt.encode({name: value for name, value in claims.items() if name != "exp"}, key, "HS256"),
        jwt.encode({**claims, "iat": claims["iat"] + 3600, "exp": claims["exp"] + 3600}, key, "HS256"),
        real[:-2],
        "",
        "e30.e30.e30",
    ]
    statuses = [device.renew({"Authorization": f"Bearer {text}"}).status_code for text in forged]
    assert statuses == [401] * len(forged)
    assert device.renew({"Authorization": f"Bearer {real}"}).status_code == 201


def test_renewed_key_takes_over_when_it_first_signs_in_and_not_before(cloud: Cloud) -> None:
    device, new = enrolled_device(cloud), new_key()
    answer = device.renew(device.headers(), new)
    assert answer.status_code == 201
    assert set(answer.json()) == {"certificate_pem", "ca_pem", "expires_at", "broker"}
    assert device.sign_in().status_code == 201
    successor = FleetDevice(cloud.client, key=new)
    assert successor.sign_in().status_code == 201
    assert code_of(device.sign_in()) == REFUSED
    assert successor.sign_in().status_code == 201
    with cloud.services.database.read() as session:
        certificates = session.scalars(select(Certificate).order_by(Certificate.revoked_at)).all()
    assert sum(certificate.revoked_at is not None for certificate in certificates) == 1


def test_key_that_never_signed_in_is_given_up_for_the_next(cloud: Cloud) -> None:
    device, lost, kept = enrolled_device(cloud), new_key(), new_key()
    headers = device.headers()
    assert device.renew(headers, lost).status_code == 201
    assert device.renew(headers, kept).status_code == 201
    assert code_of(FleetDevice(cloud.client, key=lost).sign_in()) == REFUSED
    assert FleetDevice(cloud.client, key=kept).sign_in().status_code == 201


def test_present_key_may_be_certified_anew(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    cloud.clock.advance(timedelta(days=80))
    assert device.renew(device.headers()).status_code == 201
    cloud.clock.advance(timedelta(days=20))
    assert device.sign_in().json()["scope"] == "device"


def test_certificate_again_for_an_enrolled_key_ends_no_renewal(cloud: Cloud) -> None:
    token, device, new = enrolment(cloud), FleetDevice(cloud.client), new_key()
    device.enrol(token)
    assert device.renew(device.headers(), new).status_code == 201
    assert device.enrol(token).status_code == 201
    assert device.sign_in().status_code == 201
    assert FleetDevice(cloud.client, key=new).sign_in().status_code == 201


def test_expired_certificates_key_may_renew_and_nothing_else(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    app = FastAPI()
    app.state.services = cloud.services
    handle_errors(app)

    @app.get("/only-enrolled")
    def only_enrolled(device: Enrolled) -> str:
        return device.device

    with TestClient(app) as client:
        assert client.get("/only-enrolled", headers=device.headers()).json() == "cam-01"
        cloud.clock.advance(LIFETIME - timedelta(minutes=5))
        headers = device.headers()
        cloud.clock.advance(timedelta(minutes=5))
        assert code_of(client.get("/only-enrolled", headers=headers)) == (403, "auth.forbidden")
        assert device.sign_in().json()["scope"] == "renew"
        headers = device.headers()
        assert code_of(client.get("/only-enrolled", headers=headers)) == (403, "auth.forbidden")
        assert device.renew(headers).status_code == 201
        assert client.get("/only-enrolled", headers=device.headers()).json() == "cam-01"


@pytest.mark.one_database
def test_signing_requests_that_cannot_be_granted_are_refused_and_cost_nothing(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    headers = device.headers()
    for csr in ("", "-----BEGIN CERTIFICATE REQUEST-----", "A" * 9000, signing_request().replace("M", "N", 3)):
        body = {"csr_pem": csr}
        response = cloud.client.post(f"{API}/device-auth/renew", json=body, headers=headers)
        assert code_of(response) == (422, "csr.invalid")
    assert device.sign_in().status_code == 201
