"""An object store under test, and a client of its signed URLs as a device's."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import urllib3
from fastapi import FastAPI

from roost_cloud.api.errors import handle_errors
from roost_cloud.api.objects import objects_router
from roost_cloud.objects import ObjectStore, Upload, plan_parts
from roost_cloud.objects.files import FileStore
from roost_shared.clock import SystemClock
from tests.support.served import Served

__all__ = ["FileObjects", "FileServer", "Objects", "ShiftedClock"]


class ShiftedClock(SystemClock):
    """The machine's clock, `ahead` of itself."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def wall(self) -> datetime:
        return super().wall() + self.ahead


def _http() -> urllib3.PoolManager:
    return urllib3.PoolManager(timeout=10, retries=False)


@dataclass
class Objects:
    """A store, and a client as a device's."""

    store: ObjectStore
    port: int  # where its signed URLs are served
    http: urllib3.PoolManager = field(default_factory=_http)

    def fetch(self, url: str, asked: str | None = None) -> urllib3.BaseHTTPResponse:
        return self.http.request("GET", url, headers={} if asked is None else {"Range": asked})

    def send(self, url: str, data: bytes) -> int:
        """PUT with no header but its length; the status."""
        return self.http.request("PUT", url, body=data).status

    def read(self, key: str) -> bytes:
        with self.store.open(key) as reader:
            return reader.read()

    def keys(self, prefix: str = "acme/") -> list[str]:
        return [info.key for info in self.store.list_objects(prefix)]

    def send_parts(self, upload: Upload, data: bytes, *numbers: int) -> None:
        """Send these parts of `data`; all if none are named."""
        for part in plan_parts(len(data)):
            if not numbers or part.number in numbers:
                url = self.store.part_url(upload, part.number, expires_s=60)
                assert self.send(url, data[part.offset : part.offset + part.size_bytes]) == 200


@dataclass
class FileObjects(Objects):
    """A store in a folder."""

    store: FileStore
    root: Path = Path()
    clock: ShiftedClock = field(default_factory=ShiftedClock)

    def leftovers(self) -> list[Path]:
        """Files that are under way."""
        return [path for path in (self.root / ".staging").rglob("*") if path.is_file()]


class FileServer:
    """Serves the signed URLs of one `file://` store after another: to start a server takes longer than most tests."""

    def __init__(self) -> None:
        self.store: FileStore | None = None
        self.served = Served()
        self.served.app = FastAPI()
        handle_errors(self.served.app)
        self.served.app.include_router(objects_router(self._store))

    def open(self, root: Path) -> FileObjects:
        """A store in that folder, from now on served."""
        clock = ShiftedClock()
        self.store = FileStore(root, secret=b"s" * 32, public_url=self.served.url, clock=clock)
        return FileObjects(self.store, self.served.port, root=root, clock=clock)

    def _store(self) -> FileStore:
        assert self.store is not None
        return self.store
