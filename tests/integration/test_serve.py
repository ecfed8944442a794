"""`roost cloud serve` as an operator meets it: started, asked, stopped, and refused for a reason."""

import shlex
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import urllib3
from typer.testing import CliRunner, Result

from roost_cloud.__main__ import app
from roost_cloud.client import ApiClient, ApiUnreachableError, CaMismatchError, fetch_root
from roost_cloud.commands.login import Identity
from roost_cloud.credentials import Credentials
from roost_cloud.serve import serve
from roost_cloud.services import open_services
from roost_shared.enrolment import EnrolmentToken
from roost_shared.errors import RoostError
from roost_shared.messages import State, encode_json
from roost_shared.mqtt.address import parse_broker_url
from scripts.roost_bench.scale_visitor import ScaleVisitor
from tests.support.agent import until
from tests.support.certificates import Authority
from tests.support.cloud import settings_for
from tests.support.cloud_process import CloudProcess, run_roost
from tests.support.fleet_certificates import signing_request
from tests.support.mqtt_peer import MqttPeer
from tests.support.probes import secret_of


@pytest.fixture
def served(tmp_path: Path) -> Iterator[CloudProcess]:
    with CloudProcess(tmp_path / "cloud").start() as process:
        yield process


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudProcess]:
    """One for all who only look at it."""
    with CloudProcess(tmp_path_factory.mktemp("standing")).start() as process:
        yield process


def roost(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> Result:
    """The command in this process: as a program of its own it takes a second to load."""
    return CliRunner().invoke(app, list(map(str, arguments)), env=environment)


def test_the_first_start_says_how_to_get_in_and_no_later_one_does(tmp_path: Path, served: CloudProcess) -> None:
    home = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert served.output.splitlines() == [f"first start; get in by: {served.login}", f"listening on {served.url}"]
    login = run_roost(*shlex.split(served.login)[1:], environment=home)
    assert login.returncode == 0, login.stderr
    assert login.stdout.endswith("admin of the platform\n")
    assert served.stop() == 0
    served.start()
    assert served.output == f"listening on {served.url}\n"


def test_the_dashboard_s_pages_come_made_to_who_has_signed_in(standing: CloudProcess) -> None:
    with standing.client() as platform:
        made = platform.call("POST", "/tenants", dict[str, Any], body={"name": "looked-at"})
    visitor = ScaleVisitor(standing.url, made["admin_token"]["token"])
    assert visitor.look_ms("/ui/fleet", "No device has enrolled yet") > 0
    with pytest.raises(RuntimeError, match="without 'cam-00000'"):
        visitor.look_ms("/ui/fleet", "cam-00000")
    with pytest.raises(RuntimeError, match="no session"):
        ScaleVisitor(standing.url, "rst_of_nobody")


def test_the_address_carries_the_port_that_was_free(standing: CloudProcess) -> None:
    assert standing.url.startswith("http://127.0.0.1:")
    assert standing.port > 0
    assert standing.ask("/healthz").json() == {"status": "ok"}
    ready = standing.ask("/readyz").json()
    assert (ready["ready"], ready["parts"]["database"]) == (True, "ok")


def test_figures_have_names_units_and_no_paths(standing: CloudProcess) -> None:
    standing.ask("/api/v1/tokens/0123456789abcdef")
    standing.ask("/nowhere/at/all")
    text = standing.ask("/metrics").data.decode()
    assert 'roost_http_requests_total{operation="none",status="404"} 1.0' in text
    assert "# TYPE roost_http_request_duration_seconds histogram" in text
    assert "nowhere" not in text
    assert "0123456789abcdef" not in text


def test_every_line_of_the_log_is_json_and_none_holds_a_secret(standing: CloudProcess) -> None:
    with standing.client() as api:
        api.get("/whoami", Identity)
    standing.ask(f"/api/v1/objects/acme/x?expires=1&signature={standing.token}")
    until(lambda: "/api/v1/objects" in standing.log, "it is logged")
    requests = [event for event in standing.events if event.get("path") == "/api/v1/whoami"]
    assert {"event": "request", "status": 200, "method": "GET"}.items() <= requests[0].items()
    assert secret_of(standing.token) not in standing.log


def test_a_request_in_flight_is_answered_after_sigterm_and_idle_connections_are_let_go(served: CloudProcess) -> None:
    body = b'{"name": "late"}'
    with urllib3.PoolManager() as pool, socket.create_connection(("127.0.0.1", served.port)) as slow:
        assert pool.request("GET", f"{served.url}/healthz").status == 200
        head = f"POST /api/v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.token}\r\n"
        slow.sendall(
            f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:5]
        )
        served.ask("/healthz")  # ours has arrived, then
        served.send(signal.SIGTERM)
        until(lambda: "Shutting down" in served.log, "it is stopping")
        slow.sendall(body[5:])
        slow.settimeout(30)
        assert slow.recv(65536).startswith(b"HTTP/1.1 201")
        assert served.wait() == 0


def test_its_own_root_is_pinned_by_fingerprint(tmp_path: Path) -> None:
    token_file = tmp_path / "way" / "in"
    flags = ("--listen", "0.0.0.0:0", "--public-url", "https://roost.invalid:1", "--bootstrap-token-file", token_file)
    with CloudProcess(tmp_path / "cloud", *flags).start() as process:
        token = token_file.read_text().strip()
        assert token_file.stat().st_mode & 0o777 == 0o600
        assert token not in process.output + process.log
        local = process.output.splitlines()[-1].split()[2].rstrip(",").replace("0.0.0.0", "127.0.0.1")
        arguments = shlex.split(process.login)
        fingerprint = arguments[arguments.index("--ca-fingerprint") + 1]
        pem = fetch_root(local, fingerprint)
        assert f"sha256:{sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()}" == fingerprint
        with ApiClient(Credentials(url=local, token=token, ca_pem=pem)) as api:
            assert api.get("/whoami", Identity).tenant is None
        way_in = str(tmp_path / "config")
        by_shell = {"XDG_CONFIG_HOME": way_in, "ROOST_URL": "", "ROOST_TOKEN": ""}
        for line in (f"login {local} --ca-fingerprint {fingerprint} --token {token}", "tenant create acme"):
            done = roost(*line.split(), environment=by_shell)
            assert done.exit_code == 0, f"{done.output}{done.exception!r}"
        (_, _, admins) = done.stdout.partition("gets in by: roost ")
        assert "admin of tenant acme" in roost(*admins.split(), environment=by_shell).stdout
        assert "admin of the platform" in roost("--profile", "default", "whoami", environment=by_shell).stdout
        with (
            ApiClient(Credentials(url=local, token=token)) as stranger,
            pytest.raises(ApiUnreachableError, match="we do not know who answers"),
        ):
            stranger.get("/whoami", Identity)
        with pytest.raises(CaMismatchError, match="has the fingerprint"):
            fetch_root(local, "sha256:" + 64 * "0")


def test_a_certificate_from_files_is_served_and_sigint_ends_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "somebody")
    certificate, key = authority.issue("server", "server")
    with CloudProcess(tmp_path / "cloud", "--tls-cert", certificate, "--tls-key", key).start() as process:
        assert process.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=authority.cafile)
        with urllib3.PoolManager(ssl_context=context) as pool:
            assert pool.request("GET", f"https://localhost:{process.port}/healthz", retries=False).status == 200
        process.send(signal.SIGINT)
        assert process.wait() == 0


def test_the_embedded_broker_lets_an_enrolled_device_in_until_it_is_revoked(tmp_path: Path) -> None:
    with CloudProcess(tmp_path / "cloud", "--embedded", "--embedded-broker-port", "0").start() as process:
        until(lambda: process.ask("/readyz").json()["ready"], "its roles have the broker")
        assert process.ask("/readyz").json()["parts"]["ingest"] == "ok"
        with process.client() as platform:
            made = platform.call("POST", "/tenants", dict[str, Any], body={"name": "acme"})
        with process.client(made["admin_token"]["token"]) as admin:
            issued = admin.call("POST", "/enrolments", dict[str, Any], body={"device": "cam-01"})
            token = EnrolmentToken.parse(issued["token"])
            body = {"token_id": token.id, "secret": token.secret, "csr_pem": signing_request()}
            broker = admin.call("POST", "/enrol", dict[str, Any], body=body)["broker"]
            assert "roost-cloud" not in broker["url"]
            entry = {"client_id": "acme/d/cam-01", "username": broker["username"], "version": 4}
            port = parse_broker_url(broker["url"]).port
            with MqttPeer(port, password=broker["password"], **entry) as device:
                state = State(state="online", boot="b1", session=1)
                device.publish("roost/1/acme/d/cam-01/state", encode_json(state), retain=True)
                until(lambda: admin.get("/devices/cam-01", dict[str, Any])["state"] == "online", "it is seen online")
                admin.call("POST", "/devices/cam-01/revoke", dict[str, Any])
                until(lambda: device.disconnects, "it is cut off")
            with pytest.raises(ConnectionRefusedError):
                MqttPeer(port, password=broker["password"], **entry)
        assert process.stop() == 0


def test_settings_that_are_wrong_are_one_line(tmp_path: Path) -> None:
    ended = run_roost("cloud", "serve", "--data-dir", tmp_path / "data", "--role", "api,cook")
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("roost: config.invalid: command line: role[1]: ")
    assert not (tmp_path / "data").exists()


def refusal(folder: Path, **settings: Any) -> str:
    """What a start that fails says."""
    chosen = settings_for(folder, **{"listen": "127.0.0.1:0", **settings})
    with pytest.raises(RoostError) as caught:
        serve(chosen, say=pytest.fail)
    return f"{caught.value} [{caught.value.code}]"


def test_a_port_that_is_taken_is_said_before_anything_is_touched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(tmp_path / "data", listen=f"127.0.0.1:{port}")
    assert said == f"127.0.0.1:{port}: Address already in use [listen.failed]"
    assert not (tmp_path / "data").exists()


def test_a_broker_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(tmp_path, embedded=True, embedded_broker_port=port)
    assert said.startswith(f"the embedded broker's port {port}: ")
    assert said.endswith("[listen.failed]")


def test_a_certificate_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("my cat's pedigree")
    said = refusal(tmp_path, tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "cert.pem")
    assert "cert.pem are no certificate with its key" in said


def test_a_newer_database_is_left_alone(tmp_path: Path, newest_sqlite: Path) -> None:
    shutil.copy(newest_sqlite, tmp_path / "roost.db")
    with closing(sqlite3.connect(tmp_path / "roost.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert refusal(tmp_path).endswith("made by a newer Roost: upgrade this one [database.schema]")


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "roost.db").write_text("these are my notes\n" * 100)
    assert refusal(tmp_path).endswith("[database.damaged]")


def test_migrate_and_token_work_by_the_same_settings(tmp_path: Path) -> None:
    flags = ("--data-dir", tmp_path / "data")
    assert roost("cloud", "migrate", *flags).stdout.startswith("empty → ")
    assert "the database is of no deployment yet" in str(roost("cloud", "token", *flags).exception)
    with open_services(settings_for(tmp_path / "data")):
        pass  # has begun
    token = roost("cloud", "token", *flags).stdout.strip()
    lost = roost("cloud", "token", *flags, "--tenant", "nobody")
    assert lost.stdout == ""
    assert "there is no tenant 'nobody'" in str(lost.exception)
    with CloudProcess(tmp_path, "--role", "api").start() as process:
        assert process.login == ""  # the way in is known
        with process.client(token) as api:
            assert api.get("/whoami", Identity).role == "admin"


def test_help_is_quick_to_load() -> None:
    """The server's libraries take seconds on a busy machine; whoever asks for help shall not wait for them."""
    program = "import sys, roost_cloud.__main__; print({'fastapi', 'sqlalchemy', 'boto3', 'numpy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
