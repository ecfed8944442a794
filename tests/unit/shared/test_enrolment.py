"""The token a person carries: whole, or refused with a word on why and none of the secret."""

import base64
import json
from typing import Any

import pytest

from roost_shared.enrolment import EnrolmentToken, EnrolmentTokenError, signed_text

CA = "sha256:" + 64 * "a"
TOKEN = EnrolmentToken(id="e1", secret="s3cret", ca=CA)


def pack(**document: Any) -> str:
    whole = {"v": 1, "id": "e1", "secret": "s3cret", "ca": CA, "tuf": None} | document
    return "roostenrol_" + base64.urlsafe_b64encode(json.dumps(whole).encode()).decode()


def test_what_the_contract_writes_is_read() -> None:
    assert EnrolmentToken.parse(pack()) == TOKEN
    assert EnrolmentToken.parse(f"  {pack()}\n") == TOKEN
    assert EnrolmentToken.parse(pack(more="from a newer cloud")) == TOKEN


DEEP = b'{"more":' + 1400 * b"[" + 1400 * b"]" + b"}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "begins with 'roostenrol_'", id="empty"),
        pytest.param("roost_abc_s3cret", "begins with 'roostenrol_'", id="a-person's"),
        pytest.param(pack()[:40], "cut or damaged", id="cut"),
        pytest.param("roostenrol_" + "A", "cut or damaged", id="no-base64"),
        pytest.param("roostenrol_" + base64.urlsafe_b64encode(DEEP).decode(), "cut or damaged", id="nested-deep"),
        pytest.param(pack()[:30] + "\n" + pack()[30:], "on one line", id="broken-over-lines"),
        pytest.param(pack(v=2), "upgrade the device", id="newer"),
        pytest.param(pack(v=0), "upgrade the cloud", id="older"),
        pytest.param(pack(secret=""), "no secret", id="no-secret"),
        pytest.param(pack(secret=7), "cut or damaged", id="wrong-type"),
        pytest.param(pack(ca="sha256:12"), "no sha256 fingerprint", id="short-fingerprint"),
        pytest.param(pack(tuf="12"), "no sha256 digest", id="short-root-digest"),
        pytest.param("roostenrol_" + 5000 * "A", "longer than", id="endless"),
        pytest.param("roostenrol_é", "a character that none has", id="not-ascii"),
    ],
)
def test_what_is_wrong_with_a_token_is_said_without_its_secret(text: str, says: str) -> None:
    with pytest.raises(EnrolmentTokenError, match=says) as caught:
        EnrolmentToken.parse(text)
    assert "s3cret" not in str(caught.value)


def test_what_a_device_signs_names_it_and_the_nonce() -> None:
    assert signed_text("acme", "cam-01", "n0nce") == b"roost-device-auth-v1\nacme/d/cam-01\nn0nce"
