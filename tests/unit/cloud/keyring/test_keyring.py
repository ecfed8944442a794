"""Keys in a folder: what lies there, for whom, and what is refused."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from roost_cloud.keyring.keyring import Keyring, KeyringError, read_public
from tests.support.trust import new_signer


def ring(folder: Path, word: str = "right") -> Keyring:
    return Keyring(folder, lambda _: word)


def test_a_key_is_made_kept_and_signs(tmp_path: Path) -> None:
    made = ring(tmp_path / "keys").make("ann", "right")
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0
    assert (tmp_path / "keys" / "ann.pem").stat().st_mode & 0o077 == 0
    assert b"ENCRYPTED" in (tmp_path / "keys" / "ann.pem").read_bytes()
    (signer,) = ring(tmp_path / "keys").signers([made.keyid, "another"])
    made.public.verify_signature(signer.sign(b"text"), b"text")


def test_a_key_without_a_passphrase_asks_for_none(tmp_path: Path) -> None:
    made = ring(tmp_path).make("ann", None)

    def ask(_: str) -> str:
        raise AssertionError

    assert len(Keyring(tmp_path, ask).signers([made.keyid])) == 1


def test_a_wrong_passphrase_is_said_to_be_one(tmp_path: Path) -> None:
    made = ring(tmp_path).make("ann", "right")
    with pytest.raises(KeyringError, match=r"ann\.pem: the passphrase is wrong"):
        ring(tmp_path, "wrong").signers([made.keyid])


def test_a_key_that_was_taken_away_is_known_and_signs_nothing(tmp_path: Path) -> None:
    made = ring(tmp_path).make("ann", None)
    (tmp_path / "ann.pem").unlink()
    assert [one.name for one in ring(tmp_path).every()] == ["ann"]
    assert ring(tmp_path).signers([made.keyid]) == []


def test_another_s_private_key_in_its_place_is_refused(tmp_path: Path) -> None:
    made = ring(tmp_path).make("ann", None)
    ring(tmp_path / "other").make("ann", None)
    (tmp_path / "other" / "ann.pem").replace(tmp_path / "ann.pem")
    with pytest.raises(KeyringError, match=r"not the key of ann\.pub"):
        ring(tmp_path).signers([made.keyid])


def test_a_name_is_given_once(tmp_path: Path) -> None:
    made = ring(tmp_path).make("ann", None)
    with pytest.raises(KeyringError, match="has a key 'ann' already"):
        ring(tmp_path).make("ann", None)
    assert ring(tmp_path).get("ann") == made


def test_what_is_not_there_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="`roost trust add-key bob` makes one"):
        ring(tmp_path).get("bob")
    with pytest.raises(KeyringError, match="`roost trust init` or `add-key` makes one"):
        ring(tmp_path / "none").every()


@pytest.mark.parametrize("data", [b"", b"{}", b'{"name": "a", "keyid": "b", "key": 1}', b"\xff"])
def test_what_is_no_public_key_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.pub").write_bytes(data)
    with pytest.raises(KeyringError, match="no public key of a keyring"):
        read_public(tmp_path / "a.pub")


def test_a_key_of_a_kind_that_tuf_does_not_know_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pub").write_text('{"name": "a", "keyid": "b", "key": {"keytype": "none"}}')
    with pytest.raises(KeyringError, match="no public key that TUF knows"):
        _ = read_public(tmp_path / "a.pub").public


def test_a_key_that_a_signer_s_uri_leads_to_signs(tmp_path: Path) -> None:
    """Any of securesystemslib's; of those, the one for files needs no device."""
    held = CryptoSigner.generate_ecdsa()
    (tmp_path / "elsewhere.pem").write_bytes(held.private_bytes)
    assert isinstance(held.public_key, SSlibKey)
    public_pem = held._private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    made = ring(tmp_path / "keys").add("hsm", public_pem, f"file2:{tmp_path / 'elsewhere.pem'}")
    (signer,) = ring(tmp_path / "keys").signers([made.keyid])
    made.public.verify_signature(signer.sign(b"text"), b"text")
    (tmp_path / "elsewhere.pem").write_bytes(new_signer().private_bytes)
    with pytest.raises(KeyringError, match="gives no signer"):
        ring(tmp_path / "keys").signers([made.keyid])


def test_what_is_no_public_pem_or_leads_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="no public key"):
        ring(tmp_path).add("hsm", b"nothing", "hsm:")
    made = ring(tmp_path).add("hsm", public_pem(), "nowhere:else")
    with pytest.raises(KeyringError, match="nowhere:else gives no signer"):
        ring(tmp_path).signers([made.keyid])


def public_pem() -> bytes:
    signer = new_signer()
    key: Key = signer.public_key
    assert key.keytype == "ed25519"
    return signer._private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
