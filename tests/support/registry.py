"""The registry's API called in this process: blobs and versions by hand, step by step.

Where bringing bundles is not what a test is about, they are stocked: a request takes 10 ms of processor time,
and a blob takes three.
"""

from typing import Any

import httpx2

from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Blob
from roost_cloud.registry.blobs import blob_key
from roost_shared.bundle import Bundle
from roost_shared.bundle.layout import blob_path
from roost_shared.digest import digest_of
from tests.support.cloud import Cloud
from tests.support.served_cloud import manifest_of, sizes_of

__all__ = ["RegistryApi", "code_of"]


class RegistryApi:
    """One tenant's registry, as one token sees it."""

    def __init__(self, cloud: Cloud, tenant: str = "acme") -> None:
        self._services = cloud.services
        self._tenant = tenant
        self._client = cloud.client
        self._headers = cloud.headers(tenant)

    def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return self._client.request(method, f"/api/v1{path}", headers=self._headers, follow_redirects=False, **options)

    def begin(self, data: bytes, digest: str = "") -> dict[str, Any]:
        """Begin a blob's upload; the answer."""
        body = {"digest": digest or digest_of(data), "size_bytes": len(data)}
        answer: dict[str, Any] = self.ask("POST", "/uploads", json=body).json()
        return answer

    def send_parts(self, upload: dict[str, Any], data: bytes, *numbers: int) -> None:
        """PUT these parts; all that are missing if none are named."""
        for part in upload["parts"]:
            if part["url"] is not None and (not numbers or part["number"] in numbers):
                body = data[part["offset"] : part["offset"] + part["size_bytes"]]
                assert self._client.put(part["url"], content=body).status_code == 200

    def complete(self, upload: dict[str, Any]) -> httpx2.Response:
        return self.ask("POST", f"/uploads/{upload['id']}/complete")

    def bring(self, data: bytes) -> str:
        """Upload a blob; its digest."""
        upload = self.begin(data)
        if not upload.get("exists"):
            self.send_parts(upload, data)
            assert self.complete(upload).status_code == 200
        return digest_of(data)

    def bring_blobs(self, bundle: Bundle) -> None:
        for digest in sizes_of(bundle):
            self.bring(blob_path(bundle.folder, digest).read_bytes())

    def publish(self, bundle: Bundle, **changed: Any) -> httpx2.Response:
        """PUT its manifest; under another name, version or with another body if `changed` says so."""
        name, version = changed.get("name", bundle.config.name), changed.get("version", bundle.config.version)
        content = changed.get("manifest") or manifest_of(bundle)
        return self.ask("PUT", f"/bundles/{name}/versions/{version}", content=content)

    def push(self, bundle: Bundle) -> None:
        self.bring_blobs(bundle)
        assert self.publish(bundle).status_code in (200, 201)

    def stock(self, bundle: Bundle) -> None:
        """Publish a bundle whose blobs are there, as if they had been brought."""
        now = self._services.now()
        for digest in sizes_of(bundle):
            data = blob_path(bundle.folder, digest).read_bytes()
            self._services.objects.put(blob_key(self._tenant, digest), data)
        with self._services.database.begin() as session:
            for digest, size_bytes in sizes_of(bundle).items():
                told = {"size_bytes": size_bytes, "created_at": now, "touched_at": now}
                insert_absent(session, Blob, tenant=self._tenant, digest=digest, **told)
        assert self.publish(bundle).status_code in (200, 201)

    def has(self, digest: str) -> bool:
        return self.ask("HEAD", f"/blobs/{digest}").status_code == 200


def code_of(response: httpx2.Response) -> str:
    """The error's code."""
    code: str = response.json()["error"]["code"]
    return code
