"""An agent and a broker that know each other by certificate, and refuse all others."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.agent import DEVICE, TENANT, AgentProcess, Caller, task_toml, until
from tests.support.bundles import Bundles, picture
from tests.support.certificates import Authority
from tests.support.mosquitto import Mosquitto, free_port


class Secured(NamedTuple):
    """A broker with a TLS listener that wants certificates, besides its plain one for the callers."""

    folder: Path
    authority: Authority
    broker: Mosquitto
    url: str


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder, "authority")
    certificate, key = authority.issue("server", "localhost")
    port = free_port()
    extra = (
        f"listener {port} 127.0.0.1\ncafile {authority.cafile}\ncertfile {certificate}\nkeyfile {key}\n"
        "require_certificate true\nuse_identity_as_username true\n"
    )
    with Mosquitto(folder, extra=extra) as broker:
        yield Secured(folder, authority, broker, f"mqtts://localhost:{port}")


def broker_toml(cafile: Path, certificate: Path, key: Path) -> str:
    return f'cafile = "{cafile}"\ncertfile = "{certificate}"\nkeyfile = "{key}"'


def test_a_device_with_its_certificate_answers(secured: Secured, bundles: Bundles, tmp_path: Path) -> None:
    certificate, key = secured.authority.issue("device", f"{TENANT}/d/{DEVICE}")
    tasks = task_toml("light", {"primary": bundles.sure})
    broker = broker_toml(secured.authority.cafile, certificate, key)
    with AgentProcess(tmp_path, secured.url, tasks, broker=broker) as agent:
        agent.start()
        with Caller(secured.broker.port) as caller:
            assert caller.ask(picture(255))["label"] == "bright"
        assert f"u'{TENANT}/d/{DEVICE}'" in secured.broker.log


@pytest.mark.parametrize("who", ["stranger", "impostor"])
def test_whom_the_other_side_does_not_know_stays_out(secured: Secured, tmp_path: Path, who: str) -> None:
    other = Authority(tmp_path, "other")
    certificate, key = other.issue("device", f"{TENANT}/d/{DEVICE}")
    # A stranger's certificate is not the broker's authority's; to the impostor's victim the broker's is not.
    cafile = secured.authority.cafile if who == "stranger" else other.cafile
    with AgentProcess(tmp_path / who, secured.url, "", broker=broker_toml(cafile, certificate, key)) as agent:
        agent.start(wait=False)
        until(lambda: agent.running and bool(agent.status["complaints"]), "a refusal was counted")
        assert not agent.connected
        assert set(agent.status["complaints"]) <= {"broker.unreachable", "broker.lost", "broker.silent"}
