"""An ASGI application behind a real uvicorn on a free port, in a thread of this process."""

import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from tests.support.waiting import until

__all__ = ["Served"]


class Served:
    """The port is there at once; the application, for the length of a `with`."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.app: FastAPI | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        assert self.app is not None, "set `app` first"
        config = uvicorn.Config(self.app, lifespan="off", ws="none", log_level="warning")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="uvicorn")
        self._thread.start()
        until(lambda: self._server.started, "uvicorn has started")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(60)
        self._socket.close()
        assert not self._thread.is_alive()
