"""The wheel: what is committed and nothing else, the same bytes each time, and enough for a device and for a cloud."""

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import urllib3

from scripts.roost_build.committed import build, unpack_committed
from scripts.roost_build.wheel import PACKAGES, problems
from tests.support.linked_environment import LinkedEnvironment
from tests.support.tiny_bundle import tiny_bundle
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "scripts" / "constraints"
# No device needs any of these, and their dependencies are a hundred more.
CLOUD_S = {"alembic", "amqtt", "boto3", "fastapi", "nicegui", "psycopg", "scipy", "sqlalchemy", "typer", "uvicorn"}
SLOW = 1200  # seconds for what a network gives, and a busy machine compiles
pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no clone: nothing says what is committed")


class Built(NamedTuple):
    tree: Path
    wheel: Path
    source: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Of what is committed; a test of what is not yet would tell of nothing that anybody gets."""
    return make(tmp_path_factory.mktemp("build"))


def make(folder: Path) -> Built:
    tree, out = folder / "tree", folder / "out"
    tree.mkdir()
    out.mkdir()
    wheel, source = sorted(build(tree, unpack_committed(ROOT, tree), out), key=lambda file: file.suffix, reverse=True)
    return Built(tree, wheel, source)


def committed(built: Built) -> dict[str, bytes]:
    return {str(file.relative_to(built.tree)): file.read_bytes() for file in built.tree.rglob("*") if file.is_file()}


def packed(built: Built) -> dict[str, bytes]:
    with zipfile.ZipFile(built.wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_holds_what_is_committed_and_nothing_else(built: Built) -> None:
    wheel = packed(built)
    assert problems(wheel, committed(built)) == []
    beside = {name for name in wheel if not name.endswith(".py") and ".dist-info/" not in name}
    assert {"roost_cloud/dashboard/style.css", "roost_cloud/db/migrations/script.py.mako"} <= beside
    assert {f"{package.partition('/')[2]}/py.typed" for package in PACKAGES} <= beside


def test_another_time_elsewhere_it_is_the_same_bytes(built: Built, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        again = make(tmp_path)
    finally:
        os.umask(before)
    assert again.wheel.read_bytes() == built.wheel.read_bytes()
    assert again.source.read_bytes() == built.source.read_bytes()


@pytest.fixture(scope="module")
def device(built: Built, tmp_path_factory: pytest.TempPathFactory) -> LinkedEnvironment:
    return LinkedEnvironment(tmp_path_factory.mktemp("device"), built.wheel, "edge")


def agent_toml(folder: Path) -> Path:
    tiny_bundle(folder / "colours-1")
    file = folder / "agent.toml"
    file.write_text(
        f'tenant = "acme"\ndevice = "cam-01"\nstate_dir = "{folder / "state"}"\n'
        "[trust]\nallow_unsigned = true\n[tasks.colours]\ndeadline_ms = 200\n"
        '[[tasks.colours.contestants]]\nname = "primary"\nbundle = "colours-1"\n'
    )
    return file


def test_a_device_with_the_edge_s_packages_alone_checks_its_models(device: LinkedEnvironment, tmp_path: Path) -> None:
    assert not {entry.name for entry in device.folder.iterdir()} & CLOUD_S
    assert device.run("roost-agent", "--help").returncode == 0
    done = device.run("roost-agent", "check", "--config", agent_toml(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "colours/primary: ok" in done.stdout


def test_of_all_that_a_device_gets_only_what_is_for_onnx_and_other_runtimes_does_not_load(
    device: LinkedEnvironment,
) -> None:
    files = [file for name in ("roost_edge", "roost_shared") for file in (device.folder / name).rglob("*.py")]
    paths = [file.relative_to(device.folder).with_suffix("").parts for file in files if file.name != "__main__.py"]
    names = [".".join(parts).removesuffix(".__init__") for parts in paths]
    code = f"""
import importlib
for name in {names}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        print(name, error.name)
"""
    command = [sys.executable, "-P", "-S", "-c", code]
    done = subprocess.run(command, env=device.environment(), capture_output=True, text=True, check=True)
    missing = dict(line.split() for line in done.stdout.splitlines())
    allowed = {
        "onnx": "roost_shared.onnx",
        "onnxruntime": "roost_shared.runtimes",
        "tflite_runtime": "roost_shared.runtimes",
    }
    assert {name: lacks for name, lacks in missing.items() if not name.startswith(allowed.get(lacks, "-"))} == {}


def test_the_operators_command_says_there_what_it_needs(device: LinkedEnvironment) -> None:
    done = device.run("roost", "--help")
    assert done.returncode == 1
    assert done.stderr == "roost: there is no 'typer' here: pip install 'roost[cloud]'\n"


def test_the_agent_says_what_it_needs_where_nothing_is(built: Built, tmp_path: Path) -> None:
    bare = LinkedEnvironment(tmp_path / "bare", built.wheel, "build")
    (tmp_path / "bare" / "msgspec").symlink_to(Path(msgspec.__file__).parent)
    done = bare.run("roost-agent", "check", "--config", agent_toml(tmp_path))
    assert done.returncode == 1
    assert re.fullmatch(r"roost-agent: there is no '\w+' here: pip install 'roost\[edge\]'\n", done.stderr)


@contextmanager
def serving(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """A cloud's address, from when it listens."""
    folder.mkdir()
    said = folder / "said"
    with said.open("wb") as output:
        flags = ["cloud", "serve", "--embedded", "--data-dir", str(folder / "data"), "--listen", "127.0.0.1:0"]
        flags += ["--embedded-broker-port", "0"]
        process = subprocess.Popen([*command, *flags], env=environment, stdout=output, stderr=output)
        try:
            until(
                lambda: process.poll() is not None or b"listening on" in said.read_bytes(),
                "the cloud listens",
                SLOW / 4,  # the first time its packages come from the disk
                otherwise=said.read_text,
            )
            found = re.search(r"listening on (\S+)", said.read_text())
            assert found is not None, said.read_text()
            yield found[1].rstrip(",")
        finally:
            process.terminate()
            process.wait(30)


def read(address: str) -> bytes:
    """What is there; waits until it is."""
    until(lambda: urllib3.request("GET", address, retries=False, timeout=30).status == HTTPStatus.OK, address)
    answer = urllib3.request("GET", address, retries=False, timeout=30)
    assert answer.status == HTTPStatus.OK
    return answer.data


@pytest.mark.campaign
@pytest.mark.timeout(SLOW)
@pytest.mark.parametrize("extra", ["edge", "cloud"])
def test_pip_alone_makes_an_empty_environment_whole(built: Built, tmp_path: Path, extra: str) -> None:
    """By the extra alone, without pins, as somebody does who has the wheel."""
    venv.create(tmp_path / "venv", with_pip=True)
    bin_ = tmp_path / "venv" / "bin"
    subprocess.run([bin_ / "pip", "install", "--quiet", f"{built.wheel}[{extra}]"], check=True, timeout=SLOW)
    site = next((tmp_path / "venv" / "lib").glob("python3.*/site-packages"))
    installed = {str(PathDistribution(one).name).lower() for one in site.glob("*.dist-info")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ROOST_", "PYTHON"))}
    config = agent_toml(tmp_path)
    if extra == "edge":
        assert not installed & CLOUD_S
        subprocess.run([bin_ / "roost-agent", "check", "--config", config], env=environment, check=True, timeout=60)
        return
    assert installed >= CLOUD_S
    subprocess.run([bin_ / "roost", "--help"], env=environment, check=True, timeout=60)
    with serving([str(bin_ / "roost")], tmp_path / "run", environment) as url:
        assert json.loads(read(f"{url}/readyz"))["ready"], "on a database that was migrated"
        assert b"Roost" in read(f"{url}/ui/sign-in")
        style = (built.tree / "cloud/roost_cloud/dashboard/style.css").read_bytes()
        assert read(f"{url}/ui/static/style.css") == style


# glibc 2.31 and later: Debian 11, Raspberry Pi OS of the same age.
GLIBC = ("2_17", "2_26", "2_27", "2_28", "2_31")


def resolved(lock: str, architecture: str, python: str, folder: Path, *only: str) -> subprocess.CompletedProcess[str]:
    """What pip would install of a lock's lines on another machine, wheels alone; nothing is installed."""
    tags = [f"--platform=manylinux_{version}_{architecture}" for version in GLIBC]
    tags += [f"--platform=manylinux2014_{architecture}", f"--python-version={python}", "--only-binary=:all:"]
    wanted = ["--require-hashes", "--requirement", str(LOCKS / f"{lock}.txt")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--target"]
    return subprocess.run(
        [*command, str(folder / "none"), *tags, *wanted, *only],
        capture_output=True,
        text=True,
        timeout=SLOW,
        check=False,
    )


@pytest.mark.campaign
@pytest.mark.timeout(SLOW)
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_every_package_of_a_device_has_a_wheel_for_64_bit_arm(tmp_path: Path, python: str) -> None:
    done = resolved("edge", "aarch64", python, tmp_path)
    assert done.returncode == 0, done.stderr
