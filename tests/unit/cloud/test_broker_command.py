"""`roost broker certificates`."""

import re
import ssl
from pathlib import Path

from typer.testing import CliRunner

from roost_cloud.__main__ import app
from roost_cloud.errors import NoDeploymentError
from roost_cloud.fleet.authority import Authority
from roost_shared.clock import SystemClock
from tests.support.mosquitto import CONFIGURATIONS


def run(*arguments: object, env: dict[str, str] | None = None) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env=env)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_folder_for_the_broker_is_made_and_made_anew(tmp_path: Path) -> None:
    out, secrets = tmp_path / "broker", tmp_path / "secrets"
    command = ("broker", "certificates", "--secrets-dir", secrets, "--out", out, "--host", "broker.example")
    said = run(*command, "--new-deployment")
    authority = Authority(secrets, SystemClock())
    assert authority.root_fingerprint in said
    assert (out / "ca.crt").read_text() == authority.root_certificate_pem
    assert (out / "services.crt").read_text() == authority.services_certificate_pem
    first = (out / "broker.crt").read_text()
    run(*command)
    assert (out / "broker.crt").read_text() != first
    assert (out / "ca.crt").read_text() == authority.root_certificate_pem
    for name in ("broker", "roost-cloud"):
        ssl.create_default_context().load_cert_chain(out / f"{name}.crt", out / f"{name}.key")
        assert (out / f"{name}.key").stat().st_mode & 0o777 == 0o600


def test_a_name_that_is_no_host_is_refused(tmp_path: Path) -> None:
    arguments = ["broker", "certificates", "--secrets-dir", tmp_path / "s", "--out", tmp_path / "o", "--host", "a b"]
    arguments.append("--new-deployment")
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 1
    assert not (tmp_path / "o").exists()


def test_a_folder_without_a_deployments_keys_is_not_made_one_unasked(tmp_path: Path) -> None:
    secrets, out = tmp_path / "sercets", tmp_path / "broker"
    command = ("broker", "certificates", "--secrets-dir", secrets, "--out", out, "--host", "broker.example")
    result = CliRunner().invoke(app, [str(argument) for argument in command])
    assert isinstance(result.exception, NoDeploymentError)
    assert "--new-deployment" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_expelling_takes_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("roost_1_x")
    arguments = ["broker", "sync", "--cloud", "https://roost.example", "--token-file", tmp_path / "token"]
    arguments += ["--folder", tmp_path, "--reload", "true", "--expel", "mqtts://localhost:8884"]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 1
    assert "--certfile" in str(result.exception)


def test_the_brokers_readme_names_options_there_are() -> None:
    text = (CONFIGURATIONS / "README.md").read_text()
    for command in ("certificates", "sync"):
        written = text.replace("\\\n", " ").partition(f"roost broker {command} --")[2].partition("\n")[0]
        options = set(re.findall(r"--[a-z-]+", f"--{written}"))
        assert len(options) > 2
        assert options <= set(
            re.findall(r"--[a-z-]+", run("broker", command, "--help", env={"COLUMNS": "200", "NO_COLOR": "1"}))
        )
