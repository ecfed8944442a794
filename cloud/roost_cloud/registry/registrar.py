"""How the registry takes in what a run made: the bytes first, then a version, in the transaction that ends the run.

Blobs that no version refers to promise nothing and are seen by nobody; a collection removes them if their run never
comes to its end. The version comes to be in the very transaction that ends the run: whatever breaks before it, nothing
is registered, and whatever breaks after it, all is. Again is no change.
"""

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from roost_cloud.db import Database
from roost_cloud.db.tables import TrainingRun
from roost_cloud.objects import ObjectNotFoundError, ObjectStore
from roost_cloud.registry import blobs, versions
from roost_cloud.registry.candidate import Candidate
from roost_cloud.runs.verdict import Verdict
from roost_shared.bundle import Bundle
from roost_shared.bundle.layout import blob_path
from roost_shared.clock import Clock
from roost_shared.errors import ContentError

__all__ = ["BundleRegistrar", "NotJudgedError"]

_TRIES: Final = 3  # a collection may remove an object just put, if it had begun before


class NotJudgedError(ContentError):
    """What is to be registered is not what has passed the gate."""

    code = "bundle.not_judged"


class BundleRegistrar:
    """The registry, as training runs use it.

    Args:
        database: of its rows.
        objects: of its blobs.
        clock: tells the time.
    """

    def __init__(self, database: Database, objects: ObjectStore, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock

    def store(self, tenant: str, candidate: Bundle) -> None:
        """Store a candidate's blobs, but for a reference set that is not in its folder: its parent has brought that.

        No version of it is visible yet. Again, only what is not here is stored. Commits by itself.

        Raises:
            StoreUnavailableError, StoreFullError, StoreFailedError: the store failed.
        """
        manifest = candidate.manifest
        for blob in (manifest.config, *manifest.layers):
            if blob_path(candidate.folder, blob.digest).exists():
                self._store(tenant, candidate, blob.digest, blob.size)

    def register(self, session: Session, run: TrainingRun, candidate: Bundle, verdict: Verdict, now: datetime) -> None:
        """Make a version of it. Whatever else the transaction does holds with it, or falls with it.

        Raises:
            NotJudgedError: the gate let another bundle pass, or none.
            BlobsMissingError: a blob is not here.
            TakenError: another bundle has that version.
        """
        if not verdict.passed or verdict.document.get("candidate", candidate.digest) != candidate.digest:
            raise NotJudgedError(f"{candidate.reference} is not what has passed the gate in run {run.id}")
        made = Candidate.of(blob_path(candidate.folder, candidate.digest).read_bytes())
        blobs.hold(session, run.tenant, made.sizes)
        versions.insert(session, run.tenant, made, candidate.config, actor=f"run:{run.id}", now=now)

    def _store(self, tenant: str, candidate: Bundle, digest: str, size_bytes: int) -> None:
        actor = f"run:{candidate.config.training_run}"[:100]
        for tries_left in reversed(range(_TRIES)):
            with self._database.begin() as session:
                known = blobs.lock(session, tenant, digest)
                if known is not None and known.condemned_at is None:
                    known.touched_at = self._clock.wall()
                    return
            with blob_path(candidate.folder, digest).open("rb") as file:
                self._objects.put_stream(blobs.blob_key(tenant, digest), file, size_bytes)
            try:
                with self._database.begin() as session:
                    now = self._clock.wall()
                    blobs.promise(session, self._objects, tenant, digest, size_bytes, actor=actor, now=now)
            except ObjectNotFoundError:
                if not tries_left:
                    raise
            else:
                return
