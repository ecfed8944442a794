"""A real `roost cloud serve` on a free port, and the `roost` command against it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import urllib3

from roost_cloud.client import ApiClient
from roost_cloud.credentials import Credentials
from tests.support.program import Program
from tests.support.waiting import PATIENCE_S, until

__all__ = ["CloudProcess", "run_roost"]

_FIRST_START = re.compile(r"^first start; get in by: (roost login .*)$", re.MULTILINE)
_LISTENING = re.compile(r"^listening on (\S+?)(?:, for (\S+))?$", re.MULTILINE)


def run_roost(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    timeout_s: float = PATIENCE_S,
) -> subprocess.CompletedProcess[str]:
    """Run `roost` to its end, in an environment without anybody's settings."""
    return subprocess.run(
        [sys.executable, "-m", "roost_cloud", *map(str, arguments)],
        capture_output=True,
        text=True,
        input=stdin,
        timeout=timeout_s,
        check=False,
        env=_environment(environment or {}),
    )


class CloudProcess(Program):
    """`roost cloud serve` with its own folder.

    Args:
        folder: for data and logs.
        arguments: further flags; `--listen` is on a free port unless it is among them.
        environment: further variables.
    """

    def __init__(self, folder: Path, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "cloud.log")
        self.folder = folder
        self.data_dir = folder / "data"
        self._arguments = list(map(str, arguments))
        self._environment = dict(environment or {})
        self._out = folder / "cloud.out"
        self.url = ""
        self.token = ""

    @property
    def command(self) -> list[str]:
        listen = [] if "--listen" in self._arguments else ["--listen", "127.0.0.1:0"]
        given = ["--data-dir", str(self.data_dir), *listen, "--log-format", "json", *self._arguments]
        return [sys.executable, "-m", "roost_cloud", "cloud", "serve", *given]

    @property
    def output(self) -> str:
        return self._out.read_text() if self._out.exists() else ""

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it logged: every line has to be JSON."""
        return [json.loads(line) for line in self.log.splitlines()]

    def start(self, *, wait: bool = True) -> Self:
        """Start it; with `wait`, until it listens."""
        self._out.unlink(missing_ok=True)
        with self._out.open("wb") as out:
            self._spawn(self.command, stdout=out, cwd=self.folder, env=_environment(self._environment))
        if wait:
            self.until_listening()
        return self

    def until_listening(self) -> None:
        until(lambda: self.ended or _LISTENING.search(self.output), "the cloud listens", otherwise=lambda: self.log)
        found = _LISTENING.search(self.output)
        assert found is not None, f"the cloud has ended: {self.output}{self.log}"
        self.url = found[2] or found[1]
        if (first := _FIRST_START.search(self.output)) is not None:
            self.token = first[1].rpartition("--token ")[2]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def login(self) -> str:
        """The command that the first start printed, empty at any other."""
        first = _FIRST_START.search(self.output)
        return first[1] if first else ""

    def client(self, token: str | None = None) -> ApiClient:
        """The API as the platform's first token, or as another."""
        return ApiClient(Credentials(url=self.url, token=token or self.token))

    def ask(self, path: str, headers: Mapping[str, str] | None = None) -> urllib3.BaseHTTPResponse:
        """GET without retries, as nobody unless the headers say who."""
        return urllib3.request("GET", self.url + path, headers=dict(headers or {}), retries=False, timeout=30)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")} | dict(more)
