"""What a device pays to learn which bundles are released: requests, time and memory of a check."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from roost_cloud.client import ApiClient
from roost_cloud.credentials import Credentials
from roost_cloud.keyring.ceremony import Ceremony, expires_in, manifest_target
from roost_cloud.keyring.keyring import Keyring
from roost_cloud.transfer import Registry, push_bundle
from roost_shared.bundle import Bundle, open_bundle
from scripts.roost_bench.bench import Goal, Options, Result
from tests.support.cloud_process import CloudProcess
from tests.support.mosquitto import free_port
from tests.support.served_cloud import bundle_like, manifest_of
from tests.support.split_bundles import split_bundle

GOALS = (Goal("requests_when_unchanged", at_most=3),)
COMPARED_WITH = (
    "bare GETs of the same URLs by urllib3 in the same process (`*.bare_ms`); a real `roost cloud serve` on this"
    " machine, each check a new process as on a device"
)

_ROOT: Final = Path(__file__).parents[3]


def run(options: Options) -> Result:
    """Release many bundles, then check as a device does: the first time, with nothing new, and with something new."""
    releases, repetitions = (5, 3) if options.quick else (100, 15)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _cloud(folder) as (cloud, credentials):
            first = open_bundle(split_bundle(folder / "bundle"))
            ceremony = _begun(cloud, folder, first.config.task or "")
            _release(cloud, ceremony, folder, first, range(1, releases))
            check = [str(folder / "keys" / "root.json"), str(folder / "device"), f"{credentials.url}/api/v1/trust"]
            asked = [*check, credentials.token, first.config.task or "", first.config.name, "1"]
            fresh = _check(asked)
            unchanged = [_check(asked) for _ in range(repetitions)]
            _release(cloud, ceremony, folder, first, [releases])
            changed = _check(asked)
        return {
            "requests_when_unchanged": max(int(one["requests"]) for one in unchanged),
            "unchanged_ms": statistics.median(one["check_ms"] for one in unchanged),
            "peak_mb": max(one["peak_mb"] for one in [fresh, *unchanged, changed]),
            "import_ms": statistics.median(one["import_ms"] for one in unchanged),
            "unchanged": {"bare_ms": statistics.median(one["bare_ms"] for one in unchanged)},
            "first": fresh,
            "changed": changed,
            "releases": releases,
            "kept_bytes": sum(file.stat().st_size for file in (folder / "device").rglob("*") if file.is_file()),
        }


@contextmanager
def _cloud(folder: Path) -> Iterator[tuple[ApiClient, Credentials]]:
    port = free_port()
    with CloudProcess(folder / "cloud", "--listen", f"127.0.0.1:{port}") as process:
        process.start()
        made = process.client().call("POST", "/tenants", dict, body={"name": "acme"})
        credentials = Credentials(url=f"http://127.0.0.1:{port}", token=str(made["admin_token"]["token"]))
        with closing(ApiClient(credentials)) as cloud:
            yield cloud, credentials


def _begun(cloud: ApiClient, folder: Path, task: str) -> Ceremony:
    keyring = Keyring(folder / "keys", lambda _: "")
    ceremony = Ceremony(cloud, keyring, expires_in(datetime.now(UTC), 365))
    ceremony.begin([keyring.make("root-1", None)], [keyring.make("targets-1", None)], 1)
    ceremony.delegate(task, [keyring.make("releaser", None).public], 1)
    return ceremony


def _release(cloud: ApiClient, ceremony: Ceremony, folder: Path, first: Bundle, versions: Any) -> None:
    targets = []
    for version in map(str, versions):
        bundle = first if version == "1" else bundle_like(first, folder / f"bundle-{version}", version=version)
        push_bundle(Registry(cloud), bundle.folder)
        targets.append(manifest_target(first.config.task or "", first.config.name, version, manifest_of(bundle)))
    ceremony.release(first.config.task or "", add=targets)


def _check(arguments: list[str]) -> dict[str, float]:
    program = [sys.executable, "-P", "-m", "scripts.roost_bench.trust_check", *arguments]
    done = subprocess.run(
        program, check=True, capture_output=True, text=True, cwd=_ROOT, env={"PYTHONPATH": str(_ROOT)}
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found
