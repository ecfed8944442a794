import doctest
import re
from pathlib import Path

import pytest

from roost_edge.mqtt import settings as settings_module
from roost_edge.mqtt.settings import BrokerSettings
from roost_shared.mqtt.address import BrokerAddress, parse_broker_url
from roost_shared.mqtt.faults import BrokerFileError, BrokerUrlError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://127.0.0.1", BrokerAddress("127.0.0.1", 1883, tls=False, username=None, password=None)),
        ("mqtts://b.example/", BrokerAddress("b.example", 8883, tls=True, username=None, password=None)),
        ("mqtt://[::1]:1884", BrokerAddress("::1", 1884, tls=False, username=None, password=None)),
        ("mqtt://u:p%40ss@b:1", BrokerAddress("b", 1, tls=False, username="u", password="p@ss")),
    ],
)
def test_an_address_is_taken_apart(url: str, address: BrokerAddress) -> None:
    assert parse_broker_url(url) == address


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("127.0.0.1:1883", "must start with"),
        ("http://b", "must start with"),
        ("mqtt://", "names no host"),
        ("mqtt://b:99999", "no address"),
        ("mqtt://b:0", "port 0"),
        ("mqtt://[::1", "no address"),
        ("mqtt://b/topic", "after the host"),
    ],
)
def test_a_wrong_address_says_what_is_wrong(url: str, problem: str) -> None:
    with pytest.raises(BrokerUrlError, match=f"{re.escape(url)}.*{problem}"):
        parse_broker_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "mqtt://u:s3cret@b/topic",
        "mqtt://u:s3cret@b:99999",
        "mqtt://u:s3cret/@b",
        "mqtt://u:s3cret@",
        "mqtts://u:a://s3cret@b:0",
        "u:s3cret@b",
    ],
)
def test_a_wrong_address_repeats_no_password(url: str) -> None:
    with pytest.raises(BrokerUrlError) as raised:
        parse_broker_url(url)
    assert "s3cret" not in str(raised.value)


def test_the_settings_credentials_go_before_the_urls() -> None:
    settings = BrokerSettings(url="mqtt://u:p@b", client_id="c", username="v", password="q")
    assert settings.address()[3:] == ("v", "q")


def test_unusable_files_are_named(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    for settings in (
        BrokerSettings(url="mqtts://b", client_id="c", cafile=nonsense),
        BrokerSettings(url="mqtts://b", client_id="c", certfile=nonsense),
        BrokerSettings(url="mqtts://b", client_id="c", certfile=tmp_path / "nonsense-that-is-missing.pem"),
    ):
        with pytest.raises(BrokerFileError, match="nonsense"):
            settings.tls_context()


def test_the_example_in_the_documentation_is_true() -> None:
    assert doctest.testmod(settings_module).failed == 0
