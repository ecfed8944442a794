"""A real `roost cloud serve` whose /v2 can be asked, with a tenant, a token and a task."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import urllib3

from roost_cloud.db import Database
from roost_cloud.db.tables import CloudTask
from roost_cloud.people import Role, tenants, tokens
from tests.support.cloud_process import CloudProcess
from tests.support.waiting import until

__all__ = ["TASK", "AskedCloud", "Said", "bytes_request"]

TASK: dict[str, Any] = {
    "deadline_ms": 1000,
    "default": "unknown",
    "contestants": [{"name": "big", "bundle": "meter:1"}],
}


class Said(NamedTuple):
    """An HTTP response, and how long it took."""

    status: int
    body: dict[str, Any]
    took_s: float

    @property
    def label(self) -> Any:
        return self.output("label")

    @property
    def reason(self) -> Any:
        return self.body["parameters"]["reason"]

    def output(self, name: str) -> Any:
        (tensor,) = [tensor for tensor in self.body["outputs"] if tensor["name"] == name]
        return tensor["data"][0]


def bytes_request(payload: str = "pixels", **parameters: Any) -> dict[str, Any]:
    """A request's body in JSON; `id` among the parameters is the request's."""
    body = {"inputs": [{"name": "input", "datatype": "BYTES", "shape": [1], "data": [payload]}]}
    request_id = parameters.pop("id", None)
    return body | ({"id": request_id} if request_id else {}) | {"parameters": parameters}


class AskedCloud:
    """Started at once, with the broker at `broker_url`; a context manager."""

    def __init__(self, folder: Path, broker_url: str | None, *arguments: str, role: str = "api") -> None:
        broker = [] if broker_url is None else ["--broker-url", broker_url]
        self.process = CloudProcess(folder, "--role", role, *broker, *arguments).start()
        self._database = Database(f"sqlite:///{self.process.data_dir / 'roost.db'}")
        self._pool = urllib3.PoolManager(maxsize=256, retries=False)
        self.add_tenant("acme")
        self.token = self.issue_token("acme")
        self.put_task("meter", TASK)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.clear()
        self._database.close()
        self.process.__exit__(kind, error, trace)

    def add_tenant(self, name: str) -> None:
        with self._database.begin() as session:
            tenants.create(session, name, actor="test", now=datetime.now(UTC))

    def issue_token(self, tenant: str, role: Role = "operator") -> str:
        with self._database.begin() as session:
            issued = tokens.issue(
                session,
                tenant=tenant,
                name="test",
                role=role,
                lifetime=None,
                actor="test",
                now=datetime.now(UTC),
            )
            return issued.text

    def put_task(self, name: str, document: Mapping[str, Any], tenant: str = "acme") -> None:
        """Without its bundles, which nobody here runs."""
        with self._database.begin() as session:
            session.merge(
                CloudTask(
                    tenant=tenant,
                    name=name,
                    document=dict(document),
                    version=1,
                    updated_at=datetime.now(UTC),
                    updated_by="test",
                )
            )

    def call(
        self, method: str, path: str, body: bytes | None = None, *, token: str | None = None, **headers: str
    ) -> Said:
        begun_s = time.monotonic()
        sent = {"Authorization": f"Bearer {token or self.token}", **headers}
        response = self._pool.request(method, self.process.url + path, body=body, headers=sent, timeout=60)
        return Said(response.status, json.loads(response.data or b"{}"), time.monotonic() - begun_s)

    def infer(self, body: Mapping[str, Any] | None = None, task: str = "meter", *, token: str | None = None) -> Said:
        sent = json.dumps(bytes_request() if body is None else body).encode()
        return self.call("POST", f"/v2/models/{task}/infer", sent, token=token)

    def until_ready(self, *, ready: bool = True) -> None:
        until(
            lambda: (self.call("GET", "/v2/health/ready").status == 200) is ready,
            f"ready is {ready}",
            otherwise=lambda: self.process.log,
        )
