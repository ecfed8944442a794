"""What the contestants of a task can say, by the bundles they stand for.

An alias moves for each scorer at a moment of its own, and one that cannot load the new version stays with the old. So
the versions that an alias led to before count as well, the last few of them. The labels are in the bundles' own
documents, in the object store: read once each, in a thread of its own, since nothing that judges may hold answers up.
"""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillLookingError
from typing import Final, NamedTuple

from roost_cloud.db import Database
from roost_cloud.objects import ObjectStore
from roost_cloud.registry.candidate import Candidate
from roost_cloud.registry.versions import read_config
from roost_cloud.tasks import store
from roost_cloud.tasks.document import read_task
from roost_cloud.tasks.resolution import Standing, standing
from roost_shared.clock import SECOND, Clock
from roost_shared.errors import RoostError

__all__ = ["LabelSpaces"]

Labels = frozenset[str] | None  # None: not known, or not to be known, since the bundles say numbers

_FRESH_NS: Final = 10 * SECOND
_FIRST_LOOK_S: Final = 0.25  # that a task's first caller waits at most, before its time begins to count
_TASKS: Final = 1000
_BUNDLES: Final = 1000


class _Known(NamedTuple):
    read_ns: int
    labels: Labels


class LabelSpaces:
    """Finds label spaces; from any thread.

    Args:
        database: where tasks and aliases are.
        objects: where bundles are.
        clock: for how old a reading is.
    """

    def __init__(self, database: Database, objects: ObjectStore, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._bundles: OrderedDict[tuple[str, str], Labels] = OrderedDict()  # by tenant and digest
        self._looking: dict[tuple[str, str], Future[Labels]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="labels")

    def close(self) -> None:
        """Look for nothing any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def labels(self, tenant: str, task: str) -> Labels:
        """The labels of a task as they were lately; None if they are not known, or not yet."""
        known = self._known.get((tenant, task))
        if known is not None and self._clock.now_ns() - known.read_ns <= _FRESH_NS:
            return known.labels
        looking = self._looking.get((tenant, task))
        if looking is None or looking.done():
            looking = self._looking[tenant, task] = self._thread.submit(self._look, tenant, task, self._clock.now_ns())
        if known is not None:
            return known.labels
        try:
            return looking.result(_FIRST_LOOK_S)
        except StillLookingError:
            return None

    def look_again(self, tenant: str, task: str, then: Callable[[Labels], None]) -> None:
        """Find the labels of a task as they are from now on, and pass them to `then`, in another thread."""
        now_ns = self._clock.now_ns()
        self._thread.submit(lambda: then(self._look(tenant, task, now_ns)))

    # ---- in the thread

    def _look(self, tenant: str, task: str, since_ns: int) -> Labels:
        known = self._known.get((tenant, task))
        if known is not None and known.read_ns >= since_ns:
            return known.labels
        read_ns = self._clock.now_ns()
        try:
            labels = self._read(tenant, task)
        except RoostError:  # who is asked for a policy says so; what was known stands
            labels = None if known is None else known.labels
        self._known[tenant, task] = _Known(read_ns, labels)
        self._known.move_to_end((tenant, task))
        if len(self._known) > _TASKS:
            forgotten, _ = self._known.popitem(last=False)
            self._looking.pop(forgotten, None)
        return labels

    def _read(self, tenant: str, task: str) -> Labels:
        with self._database.read() as session:
            found = standing(session, tenant, read_task(task, store.get(session, tenant, task).document))
        if found is None:
            return None
        spaces = [self._of_bundle(tenant, digest, manifest) for digest, manifest in found.now.items()]
        if None in spaces:
            return None
        spaces += self._of_the_past(tenant, found)
        return frozenset(label for space in spaces if space is not None for label in space)

    def _of_the_past(self, tenant: str, found: Standing) -> list[Labels]:
        spaces: list[Labels] = []
        for digest, manifest in found.before.items():
            try:
                spaces.append(self._of_bundle(tenant, digest, manifest))
            except RoostError:  # it may be deleted, and its document with it
                continue
        return spaces

    def _of_bundle(self, tenant: str, digest: str, manifest: bytes) -> Labels:
        key = (tenant, digest)
        if key not in self._bundles:
            config = read_config(self._objects, tenant, Candidate.of(manifest))
            says_labels = config.output.kind == "classification"
            self._bundles[key] = frozenset(config.labels) if says_labels else None
            if len(self._bundles) > _BUNDLES:
                self._bundles.popitem(last=False)
        return self._bundles[key]
