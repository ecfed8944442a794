"""How a device signs in: it asks for a nonce, signs it, and gets a short token; and how it renews its certificate."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from roost_cloud.api.auth import Given, Renewing
from roost_cloud.api.enrolment import BrokerBody, CertificateBody
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.prefix import PREFIX
from roost_cloud.fleet import device_auth, device_broker, device_tokens
from roost_cloud.fleet.device_auth import SignedNonce
from roost_cloud.fleet.device_tokens import TOKEN_LIFETIME, Scope
from roost_cloud.fleet.nonces import MAX_NONCE_CHARS, NONCE_LIFETIME, new_nonce

__all__ = ["router"]

_MAX_SIGNATURE_CHARS: Final = 200  # base64; one of a P-256 key has about 96
_MAX_CSR_CHARS: Final = 100_000  # what is far longer than a request, it says of itself

router = APIRouter(prefix=f"{PREFIX}/device-auth", tags=["device-auth"])


class WhoBody(BaseModel):
    """Who a device says it is."""

    tenant: Name
    device: Name


class NonceBody(BaseModel):
    """What it shall sign."""

    nonce: str
    expires_in_s: int


class ProofBody(WhoBody):
    """The nonce, signed."""

    nonce: Annotated[str, Field(max_length=MAX_NONCE_CHARS)]
    signature: Annotated[
        str,
        Field(
            max_length=_MAX_SIGNATURE_CHARS,
            description="base64 of ECDSA-SHA256 (DER) over `roost-device-auth-v1\\n{tenant}/d/{device}\\n{nonce}`",
        ),
    ]


class TokenBody(BaseModel):
    """What a device shows from now on."""

    token: str
    expires_in_s: int
    scope: Scope


class RenewBody(BaseModel):
    """A signing request for the device's next key, or its present one."""

    csr_pem: Annotated[str, Field(max_length=_MAX_CSR_CHARS)]


@router.post("/nonce", status_code=HTTPStatus.CREATED, responses=raises())
def nonce(body: WhoBody, services: Given) -> NonceBody:
    """Something to sign; whoever asks gets it, known or not."""
    made = new_nonce(services.token_key, body.tenant, body.device, services.now())
    return NonceBody(nonce=made, expires_in_s=int(NONCE_LIFETIME.total_seconds()))


@router.post("/token", status_code=HTTPStatus.CREATED, responses=raises(401))
def token(body: ProofBody, services: Given) -> TokenBody:
    """A token for whoever signed with a device's key; of an expired certificate's, one that is good for renewing."""
    now = services.now()
    proof = SignedNonce(tenant=body.tenant, device=body.device, nonce=body.nonce, signature=body.signature)
    with services.database.read() as session:  # strangers cost us no write
        certificate = device_auth.prove(session, proof, nonce_key=services.token_key, now=now)
    with services.database.begin() as session:
        claims = device_auth.sign_in(session, proof, certificate, now)
    text = device_tokens.new_token(services.token_key, claims, now)
    return TokenBody(token=text, expires_in_s=int(TOKEN_LIFETIME.total_seconds()), scope=claims.scope)


@router.post("/renew", status_code=HTTPStatus.CREATED, responses=raises(401, 409))
def renew(body: RenewBody, device: Renewing, services: Given) -> CertificateBody:
    """A new certificate. The present one is revoked when the new key first signs in, and not before."""
    with services.database.begin() as session:
        issued = device_auth.renew(
            session,
            device,
            body.csr_pem,
            authority=services.authority,
            lifetime=timedelta(days=services.settings.certificate_days),
            now=services.now(),
        )
    return CertificateBody(
        certificate_pem=issued.certificate_pem,
        ca_pem=services.authority.root_certificate_pem,
        expires_at=issued.not_after,
        broker=BrokerBody.of(device_broker.known_address(services.settings)),
    )
