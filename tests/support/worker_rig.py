"""A worker driven by a test: a real subprocess with a real bundle, and a listener that writes everything down."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from roost_edge.loop.reactor import Reactor
from roost_edge.workers import (
    ContestantState,
    ContestantStats,
    Job,
    Key,
    ServedContestant,
    SharedPayload,
    Worker,
    WorkerSpec,
)
from roost_shared.bundle.build import build_bundle
from roost_shared.clock import SECOND, SystemClock
from roost_shared.messages import ErrorInfo
from roost_shared.phi.vector import PhiVector
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
    """One worker, its loop and what was heard of it. Use as a context manager.

    Args:
        bundle_folder: of the contestant `primary`.
        others: folders of contestants that share its base and never answer.
        spec: further fields of its `WorkerSpec`.
    """

    def __init__(self, bundle_folder: Path, others: Mapping[str, Path] | None = None, **spec: Any) -> None:
        self.heard: list[tuple[Key, str, Scored | ErrorInfo]] = []  # key, contestant and what was said, in order
        self.told: list[tuple[str, ContestantState, ErrorInfo | None]] = []
        self.measured: list[tuple[tuple[str, ...], PhiVector | ErrorInfo]] = []
        self.submitted: list[tuple[Key, str]] = []
        self.payloads: list[SharedPayload] = []
        self.reactor = Reactor(SystemClock())
        contestants = [ServedContestant("primary", bundle_folder)]
        contestants += [ServedContestant(name, folder, may_answer=False) for name, folder in (others or {}).items()]
        self.contestants = [one.name for one in contestants]
        self.worker = Worker(WorkerSpec(task="test", contestants=tuple(contestants), **spec), self.reactor, self)

    def __enter__(self) -> Self:
        self.worker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.worker.stop(self.reactor.now_ns() + SECOND)
        self.until(lambda: self.worker.state == "stopped", "stopped")
        self.reactor.close()
        if kind is None:
            assert self.stats().pid is None
            ended = [(str(key), contestant) for key, contestant, _ in self.heard]
            asked = [(str(key), contestant) for key, contestant in self.submitted]
            assert sorted(ended) == sorted(asked), "each job ends exactly once for each contestant"
            assert all(payload._holders == 0 for payload in self.payloads), "every payload is released"

    def stats(self, contestant: str = "primary") -> ContestantStats:
        return self.worker.stats(contestant)

    def states_of(self, contestant: str) -> list[tuple[ContestantState, ErrorInfo | None]]:
        return [(state, detail) for name, state, detail in self.told if name == contestant]

    @property
    def states(self) -> list[tuple[ContestantState, ErrorInfo | None]]:
        return self.states_of("primary")

    @property
    def state(self) -> ContestantState | None:
        return self.states[-1][0] if self.states else None

    @property
    def scores(self) -> list[tuple[Key, Scored]]:
        """The primary's."""
        return [(key, said) for key, name, said in self.heard if name == "primary" and isinstance(said, Scored)]

    @property
    def failures(self) -> list[tuple[Key, ErrorInfo]]:
        """The primary's."""
        return [(key, said) for key, name, said in self.heard if name == "primary" and isinstance(said, ErrorInfo)]

    @property
    def ended(self) -> list[Key]:
        """Jobs of which all contestants asked have been heard."""
        heard = Counter(key for key, _, _ in self.heard)
        asked = Counter(key for key, _ in self.submitted)
        return [key for key in heard if heard[key] >= asked[key]]

    @property
    def pid(self) -> int:
        pid = self.stats().pid
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
                self.submitted += [(key, name) for name in job.get("contestants", self.contestants)]
                self.worker.submit(Job(key=key, payload=shared, **job))

    def labels(self, contestant: str = "primary") -> dict[Key, str | None]:
        return {key: said.label for key, name, said in self.heard if name == contestant and isinstance(said, Scored)}

    def codes(self, contestant: str = "primary") -> dict[Key, str]:
        return {key: said.code for key, name, said in self.heard if name == contestant and isinstance(said, ErrorInfo)}

    def on_score(self, key: Key, contestant: str, scored: Scored) -> None:
        self.heard.append((key, contestant, scored))

    def on_failure(self, key: Key, contestant: str, error: ErrorInfo) -> None:
        self.heard.append((key, contestant, error))

    def on_phi(self, contestants: Mapping[str, str | None], phi: PhiVector | ErrorInfo) -> None:
        self.measured.append((tuple(contestants), phi))

    def on_contestant_state(self, contestant: str, state: ContestantState, detail: ErrorInfo | None) -> None:
        self.told.append((contestant, state, detail))
