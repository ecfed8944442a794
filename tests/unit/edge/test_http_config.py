"""`[http]` of agent.toml, and the addresses it may name."""

from pathlib import Path

import pytest

from roost_edge.settings.config import AgentConfig
from roost_edge.settings.listen_address import ListenAddress, ListenAddressError
from roost_edge.settings.loading import load_config
from roost_shared.errors import ConfigError

DIGEST = "ab" * 32


def load(folder: Path, http: str, **environment: str) -> AgentConfig:
    path = folder / "agent.toml"
    path.write_text(f'tenant = "acme"\ndevice = "cam-01"\n{http}')
    return load_config(path, environment=environment)


def test_http_is_off_unless_asked_for(tmp_path: Path) -> None:
    assert load(tmp_path, "").http is None
    http = load(tmp_path, "[http]").http
    assert http is not None
    assert (http.listen, http.token_sha256, http.connections) == ("127.0.0.1:8000", None, 64)


def test_the_environment_turns_it_on(tmp_path: Path) -> None:
    http = load(tmp_path, "", ROOST_HTTP_LISTEN="127.0.0.1:9000").http
    assert http is not None
    assert http.listen == "127.0.0.1:9000"


@pytest.mark.parametrize(
    ("http", "key"),
    [
        ('listen = "8000"', "http.listen"),
        ('listen = "cam-01:8000"', "http.listen"),
        ('listen = ":8000"', "http.listen"),
        ('listen = "127.0.0.1:99999"', "http.listen"),
        ('listen = "1.2.3:80"', "http.listen"),
        ('listen = "0.0.0.0:8000"', "http.token_sha256"),
        ('listen = "[::]:8000"', "http.token_sha256"),
        ('listen = "192.168.1.7:8000"', "http.token_sha256"),
        ('token_sha256 = "secret"', "http.token_sha256"),
        ("connections = 0", "http.connections"),
        ("port = 8000", "http.port"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(tmp_path: Path, http: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"[http]\n{http}")
    assert caught.value.key == key


def test_a_mistyped_setting_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="connections") as caught:
        load(tmp_path, "[broker]\nconections = 8")  # of another section, where it would be one
    assert caught.value.key == "broker.conections"


@pytest.mark.parametrize("listen", ["127.0.0.1:8000", "127.9.9.9:0", "localhost:8000", "[::1]:8000"])
def test_this_machine_needs_no_token(tmp_path: Path, listen: str) -> None:
    assert load(tmp_path, f'[http]\nlisten = "{listen}"').http is not None


def test_other_machines_with_a_token_may_ask(tmp_path: Path) -> None:
    http = f'[http]\nlisten = "0.0.0.0:8000"\ntoken_sha256 = "{DIGEST}"'
    assert load(tmp_path, http).http is not None


@pytest.mark.parametrize("text", ["127.0.0.1:8000", "[::1]:0"])
def test_an_address_reads_as_it_is_written(text: str) -> None:
    assert str(ListenAddress.parse(text)) == text


@pytest.mark.parametrize("text", ["", "127.0.0.1", "[1.2.3.4]:1:2", "[zz]:1", "1.2.3.4:-1", "1.2.3.4:123456"])
def test_no_address(text: str) -> None:
    with pytest.raises(ListenAddressError):
        ListenAddress.parse(text)
