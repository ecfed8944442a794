"""The cloud's own keys: made once, for their tenant alone, and another only when the newest is in use."""

from pathlib import Path

import pytest

from roost_cloud.secret_files import SecretFileError
from roost_cloud.trust.online_keys import OnlineKeys
from roost_shared.topics import BadNameError


def test_a_key_is_made_at_the_first_asking_and_stays(tmp_path: Path) -> None:
    assert OnlineKeys(tmp_path, "acme").signers("timestamp") == []
    made = OnlineKeys(tmp_path, "acme").newest("timestamp").public_key
    again = OnlineKeys(tmp_path, "acme").newest("timestamp").public_key
    assert made == again
    assert made != OnlineKeys(tmp_path, "acme").newest("snapshot").public_key
    assert made != OnlineKeys(tmp_path, "beta").newest("timestamp").public_key
    (file,) = (tmp_path / "trust" / "acme").glob("timestamp-*")
    assert (file.name, file.stat().st_mode & 0o077) == ("timestamp-1.pem", 0)


def test_another_is_made_when_the_newest_is_in_use(tmp_path: Path) -> None:
    keys = OnlineKeys(tmp_path, "acme")
    first = keys.newest("timestamp").public_key.keyid
    assert keys.newest("timestamp", anew=True).public_key.keyid == first, "nobody names it yet"
    second = keys.newest("timestamp", {first}, anew=True).public_key.keyid
    assert second != first
    assert keys.newest("timestamp", {first}, anew=True).public_key.keyid == second
    assert [signer.public_key.keyid for signer in keys.signers("timestamp")] == [first, second]


def test_a_seal_is_of_one_tenant_version_and_digest(tmp_path: Path) -> None:
    keys = OnlineKeys(tmp_path, "acme")
    seals = {keys.seal(1, "a"), keys.seal(2, "a"), keys.seal(1, "b"), OnlineKeys(tmp_path, "beta").seal(1, "a")}
    assert len(seals) == 4
    assert OnlineKeys(tmp_path, "acme").seal(1, "a") in seals
    assert OnlineKeys(tmp_path / "other", "acme").seal(1, "a") not in seals


@pytest.mark.parametrize("data", [b"", b"nothing"])
def test_a_file_that_holds_no_key_is_said_to_be_at_fault(tmp_path: Path, data: bytes) -> None:
    OnlineKeys(tmp_path, "acme").newest("timestamp")
    file = tmp_path / "trust" / "acme" / "timestamp-1.pem"
    file.write_bytes(data)
    with pytest.raises(SecretFileError, match=r"timestamp-1\.pem"):
        OnlineKeys(tmp_path, "acme").signers("timestamp")


@pytest.mark.parametrize("tenant", ["../acme", "", "a/b"])
def test_a_tenant_that_is_no_name_has_no_folder(tmp_path: Path, tenant: str) -> None:
    with pytest.raises(BadNameError):
        OnlineKeys(tmp_path, tenant)
