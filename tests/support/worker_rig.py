"""A worker driven by a test: a real subprocess with a real bundle, and a listener that writes everything down."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np

from roost_edge.reactor import Reactor
from roost_edge.workers import Job, Key, SharedPayload, Worker, WorkerSpec, WorkerState
from roost_shared.bundle.build import build_bundle
from roost_shared.clock import SECOND, SystemClock
from roost_shared.messages import ErrorInfo
from roost_shared.scored import Scored
from roost_shared.tflite.dense import DenseLayer, write_dense
from tests.support.driven import run_until

__all__ = ["ARRAY", "WorkerRig", "argmax_bundle"]

LABELS = ("zero", "one", "two")
ARRAY = b"[0.0, 0.0, 9.0]"  # what `argmax_bundle` calls "two"


def argmax_bundle(folder: Path, *, version: str = "1") -> Path:
    """A bundle whose label is the position of the largest of three numbers."""
    model = write_dense([DenseLayer(np.eye(3), np.zeros(3), "softmax")], input_shape=(1, 3))
    build_bundle({"model": model}, folder, name="argmax", version=version, labels=LABELS)
    return folder


class WorkerRig:
    """One worker, its loop and what was heard of it. Use as a context manager."""

    def __init__(self, bundle_folder: Path, **spec: Any) -> None:
        self.scores: list[tuple[Key, Scored]] = []
        self.failures: list[tuple[Key, ErrorInfo]] = []
        self.states: list[tuple[WorkerState, ErrorInfo | None]] = []
        self.submitted: list[Key] = []
        self.payloads: list[SharedPayload] = []
        self.reactor = Reactor(SystemClock())
        settings: dict[str, Any] = {"task": "test", "contestant": "primary", "bundle_folder": bundle_folder} | spec
        self.worker = Worker(WorkerSpec(**settings), self.reactor, self)

    def __enter__(self) -> Self:
        self.worker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.worker.stop(self.reactor.now_ns() + SECOND)
        self.until(lambda: self.state == "stopped", "stopped")
        self.reactor.close()
        if kind is None:
            assert self.worker.stats().pid is None
            assert sorted(map(str, self.ended)) == sorted(map(str, self.submitted)), "each job ends exactly once"
            assert all(payload._holders == 0 for payload in self.payloads), "every payload is released"

    @property
    def state(self) -> WorkerState | None:
        return self.states[-1][0] if self.states else None

    @property
    def ended(self) -> list[Key]:
        return [key for key, _ in self.scores] + [key for key, _ in self.failures]

    @property
    def pid(self) -> int:
        pid = self.worker.stats().pid
        assert pid is not None
        return pid

    def until(self, condition: Callable[[], object], what: str, timeout_s: float = 20) -> None:
        run_until(self.reactor, condition, what, timeout_s)

    def until_ready(self) -> None:
        self.until(lambda: self.state == "ready", "the worker is ready")

    def until_ended(self, *keys: Key) -> None:
        self.until(lambda: set(keys) <= set(self.ended), f"jobs {keys} end")

    def submit(self, *keys: Key, payload: bytes = ARRAY, **job: Any) -> None:
        for key in keys:
            with SharedPayload(payload) as shared:
                self.payloads.append(shared)
                self.submitted.append(key)
                self.worker.submit(Job(key=key, payload=shared, **job))

    def labels(self) -> dict[Key, str | None]:
        return {key: scored.label for key, scored in self.scores}

    def codes(self) -> dict[Key, str]:
        return {key: error.code for key, error in self.failures}

    def on_score(self, key: Key, contestant: str, scored: Scored) -> None:
        assert contestant == "primary"
        self.scores.append((key, scored))

    def on_failure(self, key: Key, contestant: str, error: ErrorInfo) -> None:
        assert contestant == "primary"
        self.failures.append((key, error))

    def on_worker_state(self, contestant: str, state: WorkerState, detail: ErrorInfo | None) -> None:
        assert contestant == "primary"
        self.states.append((state, detail))
