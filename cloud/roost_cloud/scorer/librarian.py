"""Keeps the bundles loaded that tasks name: looks every second, loads the new beside the old, then switches.

The database may be away: what is loaded goes on answering. A bundle that cannot be had or does not prove itself leaves
the old one in its place; it is tried again, ever less often.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from roost_cloud.db import Database
from roost_cloud.guard import Guard
from roost_cloud.scorer.bundle_cache import BundleCache
from roost_cloud.scorer.choice import Candidate, choose
from roost_cloud.scorer.faults import FaultError
from roost_cloud.scorer.shelf import Shelf
from roost_cloud.tasks.resolution import ContestantKey, Resolver, Version, manifest_of
from roost_shared.backoff import Backoff
from roost_shared.chance import CHANCE
from roost_shared.clock import MS, SECOND, Clock
from roost_shared.complaints import Complaints
from roost_shared.errors import RoostError

if TYPE_CHECKING:
    from roost_cloud.scorer.engine import Engine

__all__ = ["Librarian"]

log = structlog.get_logger(__name__)

_Value = TypeVar("_Value")

_LOOK_EVERY_S: Final = 1.0
_FIRST_WAIT_NS: Final = 500 * MS
_LONGEST_WAIT_NS: Final = 60 * SECOND


@dataclass
class _Failure:
    """A bundle that could not be loaded."""

    backoff: Backoff
    again_ns: int


class Librarian:
    """Fills a shelf, in a thread of its own.

    Args:
        shelf: what it fills.
        database: where tasks and aliases are.
        cache: where bundles come from.
        memory_bytes: that loaded bundles may take, but for the moment of a switch.
        threads: that may want to run a bundle at a time.
        clock: for waits.
        on_load: told of each attempt to load: `loaded`, or the code of what went wrong.
        guard: of the role's rounds.
    """

    def __init__(
        self,
        shelf: Shelf,
        database: Database,
        cache: BundleCache,
        *,
        memory_bytes: int,
        threads: int,
        clock: Clock,
        on_load: Callable[[str], None],
        guard: Guard,
    ) -> None:
        self._problem: str | None = "no tasks are known yet"
        self._shelf = shelf
        self._database = database
        self._cache = cache
        self._memory_bytes = memory_bytes
        self._threads = threads
        self._clock = clock
        self._on_load = on_load
        self._complaints = Complaints(clock)
        self._guard = guard
        self._resolver = Resolver()
        self._wanted: dict[ContestantKey, Version | None] = {}
        self._engines: dict[str, Engine] = {}  # by digest
        self._sizes: dict[str, int] = {}  # what each takes in memory, in bytes, by digest, once it has been loaded
        self._answering: dict[ContestantKey, Engine | None] = {}
        self._failures: dict[str, _Failure] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="librarian")

    @property
    def problem(self) -> str | None:
        """Why nothing may be answered just now, in a line; None if all that is known may."""
        return self._guard.problem or self._problem

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the bundle that is being loaded."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._guard.run("librarian", self._look, otherwise=None)
            self._stopping.wait(self._guard.rest_s("librarian", _LOOK_EVERY_S))

    def _look(self) -> None:
        try:
            with self._database.read() as session:
                self._wanted = self._resolver.resolve(session)
        except RoostError as error:
            self._complaints.note(error.code, f"tasks cannot be read: {error}")
            if not self._shelf.known:
                self._problem = f"no tasks are known yet: {error.code}"
                return
        else:
            for (tenant, task), unreadable in self._resolver.unreadable.items():
                self._complaints.note(unreadable.code, f"task {task} of {tenant}: {unreadable}")
            for key in (key for key, version in self._wanted.items() if version is None):
                self._complaints.note("bundle.gone", f"{'/'.join(key)}: its alias or version is not there")
        chosen = self._chosen()
        self._show(chosen)
        for version in self._missing(chosen):
            if self._stopping.is_set():
                return
            self._load(version)
            self._show(chosen)
        self._problem = None

    def _chosen(self) -> set[str]:
        asked = self._shelf.asked_ns
        candidates = [
            Candidate(version, version.digest in self._engines, asked.get(key))
            for key, version in self._wanted.items()
            if version is not None
        ]
        return choose(candidates, self._memory_bytes, self._clock.now_ns(), self._sizes)

    def _missing(self, chosen: set[str]) -> list[Version]:
        """What is to be loaded now, those first that are asked for."""
        asked = self._shelf.asked_ns
        now_ns = self._clock.now_ns()
        missing = {
            version.digest: (version, asked.get(key, 0))
            for key, version in self._wanted.items()
            if version is not None and version.digest in chosen - self._engines.keys()
        }
        due = [
            one
            for one in missing.values()
            if (failed := self._failures.get(one[0].digest)) is None or now_ns >= failed.again_ns
        ]
        return [version for version, _ in sorted(due, key=lambda one: -one[1])]

    def _load(self, version: Version) -> None:
        try:
            from roost_cloud.scorer.engine import load_engine  # noqa: PLC0415 - Pillow is slow to load

            with self._database.read() as session:
                manifest = manifest_of(session, version)
            engine = load_engine(self._cache.get(version, manifest), self._threads)
        except RoostError as error:
            self._failed(version, error)
        except Exception:  # the boundary of a load: whatever a bundle does to us, the others are scored
            log.exception("scorer.load", bundle=str(version))
            self._failed(version, FaultError("a fault of the scorer's own; its log says more"))
        else:
            self._engines[version.digest] = engine
            self._sizes[version.digest] = engine.ram_bytes
            self._failures.pop(version.digest, None)
            self._on_load("loaded")

    def _failed(self, version: Version, error: RoostError) -> None:
        self._on_load(error.code)
        self._complaints.note(error.code, f"{version} cannot be loaded: {error}")
        failure = self._failures.setdefault(version.digest, _Failure(Backoff(_FIRST_WAIT_NS, _LONGEST_WAIT_NS), 0))
        failure.again_ns = self._clock.now_ns() + failure.backoff.next_ns(CHANCE.random())

    def _show(self, chosen: set[str]) -> None:
        """Switch to what is loaded now; a contestant whose new bundle is not there yet keeps its old one."""
        answering: dict[ContestantKey, Engine | None] = {}
        for key, version in self._wanted.items():
            old = self._answering.get(key)
            if version is None:  # its alias leads nowhere just now
                answering[key] = old
            elif version.digest in chosen:
                answering[key] = self._engines.get(version.digest, old)
            else:  # there is no room for it
                answering[key] = None
        self._answering = answering
        in_use = {engine.digest for engine in answering.values() if engine is not None}
        wanted = {version.digest for version in self._wanted.values() if version is not None}
        self._engines = _only(self._engines, in_use | chosen)
        self._failures = _only(self._failures, wanted)
        self._sizes = _only(self._sizes, wanted)
        self._shelf.replace(answering)


def _only(by_digest: dict[str, _Value], digests: set[str]) -> dict[str, _Value]:
    return {digest: value for digest, value in by_digest.items() if digest in digests}
