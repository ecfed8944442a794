"""A client of an agent's HTTP, over its own socket, so that a test may also be a bad one."""

import http.client
import json
import socket
import struct
from types import TracebackType
from typing import Any, Self

from tests.support.agent import AgentProcess, until

__all__ = ["HTTP", "HttpCaller", "RawClient", "address_of", "bytes_request", "tensor_request"]

HTTP = '[http]\nlisten = "127.0.0.1:0"\n'  # TOML, to go before the tasks


def address_of(agent: AgentProcess) -> tuple[str, int]:
    """Where a running agent listens."""
    until(lambda: agent.running and agent.status["http"]["address"], "the agent listens")
    host, _, port = agent.status["http"]["address"].rpartition(":")
    return host.strip("[]"), int(port)


def tensor_request(data: Any, datatype: str = "FP32", *, shape: list[int], **more: Any) -> bytes:
    """An inference request with a tensor in JSON."""
    tensor = {"name": "input", "datatype": datatype, "shape": shape, "data": data}
    return json.dumps({"inputs": [tensor], **more}).encode()


def bytes_request(payload: bytes, **more: Any) -> tuple[bytes, dict[str, str]]:
    """An inference request with an encoded input as binary data, and the header it needs."""
    parameters = {"binary_data_size": len(payload) + 4}
    tensor = {"name": "input", "datatype": "BYTES", "shape": [1], "parameters": parameters}
    head = json.dumps({"inputs": [tensor], **more}).encode()
    return head + struct.pack("<I", len(payload)) + payload, {"Inference-Header-Content-Length": str(len(head))}


class HttpCaller:
    """Asks one thing after the other on one connection."""

    def __init__(self, address: tuple[str, int], **headers: str) -> None:
        self._headers = headers
        self.connection = http.client.HTTPConnection(*address, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and document."""
        self.connection.request(method, path, body, self._headers | (headers or {}))
        response = self.connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else {}

    def infer(self, task: str, payload: bytes, **more: Any) -> tuple[int, dict[str, Any]]:
        """Send an encoded input; `more` are further members of the request."""
        body, headers = bytes_request(payload, **more)
        return self.ask("POST", f"/v2/models/{task}/infer", body, headers)


class RawClient:
    """Bytes to the agent and back."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def status(self) -> int | None:
        """Of the next response; None if there is none before the end."""
        line = b""
        while not line.endswith(b"\r\n"):
            try:
                byte = self.socket.recv(1)
            except ConnectionResetError:
                return None
            if not byte:
                return None
            line += byte
        return int(line.split()[1])

    def rest(self) -> bytes:
        """All that comes until the agent ends it."""
        parts = []
        try:
            while part := self.socket.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)

    def reset(self) -> None:
        """Go away as a machine does that has lost the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
