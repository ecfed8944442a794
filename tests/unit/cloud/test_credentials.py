"""Who the `roost` command is, and where."""

from pathlib import Path

import pytest

from roost_cloud.credentials import (
    Credentials,
    CredentialsError,
    CredentialsFile,
    credentials_path,
    find_credentials,
)
from roost_shared.cloud_url import CloudUrlError
from roost_shared.errors import ConfigError
from tests.support.unreadable import NO_JSON

TOKEN = "roost_0123456789abcdef_c2VjcmV0"


def test_what_was_written_is_found_again(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    mine = Credentials(url="https://roost.example", token=TOKEN, ca_pem="PEM")
    CredentialsFile(current="mine", profiles={"mine": mine}).write(credentials_path(environment))
    assert find_credentials(environment) == mine
    assert find_credentials(environment, "mine") == mine
    with pytest.raises(ConfigError, match="Run: roost login URL --profile other"):
        find_credentials(environment, "other")


def test_the_environment_wins_unless_a_profile_is_named(tmp_path: Path) -> None:
    environment = {
        "XDG_CONFIG_HOME": str(tmp_path),
        "ROOST_URL": "https://other.example/",
        "ROOST_TOKEN": f"{TOKEN}\n",
    }
    mine = Credentials(url="https://roost.example", token=TOKEN)
    CredentialsFile(profiles={"default": mine}).write(credentials_path(environment))
    assert find_credentials(environment) == Credentials(url="https://other.example", token=TOKEN)
    assert find_credentials(environment, "default") == mine


def test_a_token_without_its_cloud_is_sent_nowhere(tmp_path: Path) -> None:
    base = {"XDG_CONFIG_HOME": str(tmp_path)}
    for variable, missing in (("ROOST_TOKEN", "ROOST_URL"), ("ROOST_URL", "ROOST_TOKEN")):
        with pytest.raises(ConfigError) as caught:
            find_credentials(base | {variable: "https://x" if variable == "ROOST_URL" else TOKEN})
        assert caught.value.key == missing


def test_a_root_certificate_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("PEM")
    environment = {"ROOST_URL": "https://x", "ROOST_TOKEN": TOKEN, "ROOST_CAFILE": str(tmp_path / "ca.crt")}
    assert find_credentials(environment).ca_pem == "PEM"
    with pytest.raises(ConfigError, match="ROOST_CAFILE"):
        find_credentials(environment | {"ROOST_CAFILE": str(tmp_path / "nowhere")})


def test_a_file_that_is_damaged_is_said(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    path = credentials_path(environment)
    path.parent.mkdir()
    for damaged in (b"", b"{", b'{"profiles": []}', b"\xff", NO_JSON["deep-where-nobody-reads"]):
        path.write_bytes(damaged)
        with pytest.raises(ConfigError, match="Remove it and log in again"):
            find_credentials(environment)


def test_a_configuration_folder_that_is_relative_is_ignored() -> None:
    assert credentials_path({"XDG_CONFIG_HOME": "here"}).is_absolute()
    assert credentials_path({}).parts[-3:] == (".config", "roost", "credentials.json")


def test_an_address_that_would_carry_the_token_in_the_clear_is_refused() -> None:
    with pytest.raises(CloudUrlError, match="not encrypted"):
        Credentials(url="http://roost.example", token=TOKEN)


@pytest.mark.parametrize("token", ["", "two words", "a\nb", "ä", "x" * 5000])
def test_what_is_no_token_is_not_repeated(token: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        Credentials(url="https://x", token=token)
    assert not token or token not in str(caught.value)


def test_credentials_do_not_show_their_token() -> None:
    assert TOKEN not in repr(Credentials(url="https://x", token=TOKEN))
