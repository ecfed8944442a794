"""The cloud's settings: where they come from, what they mean, and what is wrong with them."""

import inspect
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roost_cloud.commands import cloud
from roost_cloud.roles import ROLE_NAMES
from roost_cloud.settings import CloudSettings, load_settings
from roost_shared.errors import ConfigError


def settings(**overrides: Any) -> CloudSettings:
    return load_settings(None, environment={}, overrides=overrides)


def test_command_line_goes_over_environment_over_file_over_default(tmp_path: Path) -> None:
    file = tmp_path / "cloud.toml"
    file.write_text('listen = "127.0.0.1:1"\nlog_level = "error"\ncertificate_days = 7\n')
    environment = {"ROOST_CLOUD_LISTEN": "127.0.0.1:2", "ROOST_CLOUD_LOG_LEVEL": "debug", "HOME": "/nowhere"}
    found = load_settings(file, environment=environment, overrides={"listen": "127.0.0.1:3", "log_level": None})
    assert (found.listen, found.log_level, found.certificate_days) == ("127.0.0.1:3", "debug", 7)
    assert found.embedded is False


def test_a_files_paths_begin_at_its_folder_and_all_others_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    file = there / "cloud.toml"
    file.write_text('secrets_dir = "keys"\n')
    found = load_settings(
        file, environment={"ROOST_CLOUD_TLS_CERT": "cert.pem"}, overrides={"tls_key": Path("key.pem")}
    )
    assert found.secrets_path == there / "keys"
    assert (found.tls_cert, found.tls_key) == (here / "cert.pem", here / "key.pem")
    assert found.data_dir == there / "roost-data"
    assert settings().data_dir == here / "roost-data"


def test_all_defaults_lie_in_the_folder_of_data(tmp_path: Path) -> None:
    found = settings(data_dir=tmp_path)
    assert found.database == f"sqlite:///{tmp_path}/roost.db"
    assert found.objects == f"file://{tmp_path}/objects"
    assert found.secrets_path == tmp_path / "secrets"


def test_roles_come_as_a_list_or_as_text(tmp_path: Path) -> None:
    assert settings().role == list(ROLE_NAMES)
    assert settings(role="api").role == ["api"]
    assert settings(role="dashboard").role == ["dashboard"]  # which needs no broker
    assert settings(role="ingest, api").role == ["ingest", "api"]
    file = tmp_path / "cloud.toml"
    file.write_text('role = ["api"]\n')
    assert load_settings(file, environment={}, overrides={}).role == ["api"]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"listen": "[::1]:0"}, "http://[::1]:0"),
        ({"listen": "10.0.0.5:8443"}, "https://10.0.0.5:8443"),
        ({"listen": "10.0.0.5:8080", "tls": "off"}, "http://10.0.0.5:8080"),
        ({"tls_cert": "a", "tls_key": "b"}, "https://127.0.0.1:8080"),
        ({"public_url": "https://roost.example/"}, "https://roost.example"),
        ({"public_url": "http://localhost:8080"}, "http://localhost:8080"),
    ],
)
def test_others_reach_us_by_tls_unless_they_are_on_this_machine(given: dict[str, str], url: str) -> None:
    assert settings(**given).base_url == url


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"listen": "8080"}, "listen"),
        ({"listen": ":8080"}, "listen"),
        ({"listen": "localhost:http"}, "listen"),
        ({"listen": "localhost:65536"}, "listen"),
        ({"listen": "localhost:²"}, "listen"),
        ({"listen": "0.0.0.0:8443"}, "public_url"),
        ({"public_url": "roost.example"}, "public_url"),
        ({"public_url": "http://[roost"}, "public_url"),
        ({"public_url": "http://roost.example"}, "public_url"),
        ({"public_url": "https://roost.example/?tenant=acme"}, "public_url"),
        ({"tls_cert": "cert.pem"}, "tls_cert"),
        ({"tls": "off", "tls_cert": "a", "tls_key": "b"}, "tls"),
        ({"tls": "maybe"}, "tls"),
        ({"broker_url": "http://broker"}, "broker_url"),
        ({"broker_url": "mqtt://broker/a/topic"}, "broker_url"),
        ({"device_broker_url": "mqtts://"}, "device_broker_url"),
        ({"broker_url": "mqtt://broker", "embedded": True}, "broker_url"),
        ({"broker_url": "mqtt://roost-cloud:s3cret@broker"}, "device_broker_url"),
        ({"embedded_broker_port": "70000"}, "embedded_broker_port"),
        ({"role": "cook"}, "role[0]"),
        ({"role": ""}, "role[0]"),
        ({"role": []}, "role"),
        ({"role": "ingest"}, "broker_url"),
        ({"certificate_days": 0}, "certificate_days"),
        ({"data_dir": ""}, "data_dir"),
        ({"datadir": "x"}, "datadir"),
    ],
)
def test_what_is_wrong_is_named_with_who_stated_it(given: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(**given)
    assert caught.value.key == key
    setting = key.removesuffix("[0]")
    assert caught.value.where == ("command line" if setting in given else "settings")
    assert "s3cret" not in str(caught.value)
    environment = {f"ROOST_CLOUD_{name.upper()}": str(value) for name, value in given.items() if value != []}
    if environment and "embedded" not in given:
        with pytest.raises(ConfigError, match=setting):
            load_settings(None, environment=environment, overrides={})


def test_every_setting_is_a_flag_of_every_command_of_the_clouds() -> None:
    fields = {field.name for field in msgspec.structs.fields(CloudSettings)}
    for command in (cloud.serve, cloud.migrate, cloud.token):
        assert fields | {"config"} <= set(inspect.signature(command).parameters)


def test_a_folder_of_data_is_its_owners_alone(tmp_path: Path) -> None:
    settings(data_dir=tmp_path / "a" / "data").make_data_dir()
    assert (tmp_path / "a" / "data").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="data_dir"):
        settings(data_dir=tmp_path / "file" / "data").make_data_dir()
