"""A real cloud behind a bad network, agents that are enrolled there and keep inputs, and what became of these.

sensor ─▶ site's broker ─▶ agent ─┬─ HTTP: `web` ──▶ cloud ─▶ database, object store
                                  └─ MQTT: `link` ─▶ its broker
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
import urllib3

from roost_cloud.client import ApiClient
from roost_cloud.credentials import Credentials
from roost_cloud.objects import open_store
from tests.support.agent import TENANT, AgentProcess, run_command, until
from tests.support.cloud_process import CloudProcess
from tests.support.http_relay import HttpRelay
from tests.support.mosquitto import free_port
from tests.support.proxy import Proxy

__all__ = ["PATIENCE_S", "CaptureCloud", "Stored"]

PATIENCE_S = 90.0  # for what has come, through waits between attempts on a busy machine


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A window as the API gives it."""

    device: str
    boot: str
    sequence: int
    contestant: str | None
    received_at: datetime
    record: bytes


class Stored(NamedTuple):
    """An input in a shard's tar, and what its neighbour says of it."""

    sample: str
    payload: bytes
    told: dict[str, Any]


class CaptureCloud:
    """`roost cloud serve`; a context manager that starts it.

    Args:
        folder: for its data and log.
        broker_port: where its broker is, on this machine; None: it runs one itself.
        arguments: further flags, such as those of a broker that is not its own.
        objects_url: of its object store; None: a folder.

    Attributes:
        process: the cloud's.
        web: between devices and its API, signed URLs included.
        link: between devices and its broker.
        token: of the tenant's admin.
    """

    def __init__(
        self, folder: Path, *arguments: str | Path, broker_port: int | None = None, objects_url: str | None = None
    ) -> None:
        port = free_port()
        own_port = free_port()
        self.web = HttpRelay(port)
        self.link = Proxy(broker_port or own_port)
        self.token = ""
        self._url = f"http://127.0.0.1:{port}"
        scheme = "mqtt" if broker_port is None else "mqtts"
        flags: list[str | Path] = ["--listen", f"127.0.0.1:{port}", "--public-url", self.web.url]
        flags += ["--device-broker-url", f"{scheme}://127.0.0.1:{self.link.port}"]
        if broker_port is None:
            flags += ["--embedded", "--embedded-broker-port", str(own_port)]
        if objects_url is not None:
            flags += ["--objects-url", objects_url]
        self.process = CloudProcess(folder, *flags, *arguments)
        self._objects_url = objects_url or f"file://{self.process.data_dir / 'objects'}"
        self._http = urllib3.PoolManager(retries=False)
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            exits.callback(self.link.close)
            exits.callback(self._http.clear)
            exits.enter_context(self.web)
            exits.enter_context(self.process)
            self.start()
            with self._as(self.process.token) as platform:
                made = platform.call("POST", "/tenants", dict[str, Any], body={"name": TENANT})
            self.token = made["admin_token"]["token"]
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.__exit__(kind, error, trace)

    def start(self) -> None:
        """Start it, again if need be, and wait until its roles have their broker."""
        self.process.start()
        until(self._is_ready, "the cloud is ready", PATIENCE_S)

    def toml(self, tasks: str, *, upload_after_s: float = 0.2) -> str:
        """An agent's tasks, and that this is its cloud."""
        return f'[cloud]\nurl = "{self.web.url}"\nupload_after_s = {upload_after_s}\n{tasks}'

    def enrol(self, agent: AgentProcess, device: str) -> None:
        """Let an agent's machine become `device`, as a person would: a token, and one command there."""
        with self._as(self.token) as api:
            token = api.call("POST", "/enrolments", dict[str, Any], body={"device": device})["token"]
        token_file = agent.config.with_name("token")
        token_file.write_text(token)
        done = run_command("enrol", "--config", agent.config, "--token-file", token_file, timeout_s=PATIENCE_S)
        assert done.returncode == 0, done.stderr

    # ---- what is here

    def samples(self, device: str) -> list[dict[str, Any]]:
        """Its samples, as people see them."""
        with self._as(self.token) as api:
            return list(api.each("/samples", dict[str, Any], query={"device": device}))

    def windows(self, task: str) -> list[Found]:
        """Windows of a task, as programs read them."""
        span = {"task": task, "since": "2026-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
        with self._as(self.token) as api:
            return list(api.each("/windows", Found, query=span))

    def fetch(self, device: str, sample: str, what: str) -> bytes:
        """A sample's `input` or `thumbnail`."""
        said = self._get(f"/samples/{device}/{sample}/{what}")
        assert said.status == 200, said.data
        return said.data

    def shown(self, device: str, sample: str) -> dict[str, Any]:
        """A sample, whole."""
        found: dict[str, Any] = json.loads(self._get(f"/samples/{device}/{sample}").data)
        return found

    def stored(self, device: str) -> list[Stored]:
        """Every input that lies in the object store, as often as it does."""
        store = open_store(self._objects_url, public_url="", secret=b"s" * 32)
        found = []
        for info in store.list_objects(f"{TENANT}/shards/{device}/"):
            with store.open(info.key) as reader, tarfile.open(fileobj=io.BytesIO(reader.read())) as tar:
                members = {member.name: _read(tar, member) for member in tar.getmembers()}
            for name, data in members.items():
                sample, _, suffix = name.partition(".")
                if suffix != "json":
                    found.append(Stored(sample, data, json.loads(members[f"{sample}.json"])))
        return found

    def until_arrived(self, device: str, count: int) -> None:
        """Wait until so many samples of a device are here, inputs and all."""
        until(
            lambda: self._arrived(device) >= count,
            f"{count} arrived",
            PATIENCE_S,
            otherwise=lambda: f"{self._arrived(device)} did",
        )

    def until_each_arrived(self, device: str, sent: Sequence[bytes]) -> None:
        """Wait until these are here, and say which are not: what befell them is in the agent's log."""
        wanted = {hashlib.sha256(payload).hexdigest(): place for place, payload in enumerate(sent)}

        def missing() -> list[int]:
            here = {one["sha256"] for one in self.samples(device) if one["input"] is not None}
            return [place for digest, place in wanted.items() if digest not in here]

        until(lambda: not missing(), f"{len(sent)} arrived", PATIENCE_S, otherwise=lambda: f"all but {missing()}")

    def has_once(self, device: str, sent: Sequence[bytes]) -> None:
        """Each of these is here once with its bytes, and a sample tells of it; and nothing else of that device is."""
        stored = self.stored(device)
        assert sorted(one.payload for one in stored) == sorted(sent)
        rows = {one["sample"]: one for one in self.samples(device)}
        assert rows.keys() == {one.sample for one in stored}
        for one in stored:
            row, digest = rows[one.sample], hashlib.sha256(one.payload).hexdigest()
            assert (row["sha256"], row["size_bytes"]) == (digest, len(one.payload))
            assert (row["input"]["sha256"], row["input"]["size_bytes"]) == (digest, len(one.payload))

    def _arrived(self, device: str) -> int:
        return sum(one["input"] is not None for one in self.samples(device))

    def _get(self, path: str) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self._http.request("GET", f"{self._url}/api/v1{path}", headers=headers, timeout=30)

    def _is_ready(self) -> bool:
        ready = json.loads(self._http.request("GET", f"{self._url}/readyz", timeout=30).data)
        return bool(ready["ready"])

    def _as(self, token: str) -> ApiClient:
        return ApiClient(Credentials(url=self._url, token=token))


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()
