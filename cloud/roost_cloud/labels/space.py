"""Which labels a task has: those of its bundles, and those that people let join.

A task whose bundles are not in the registry has the labels that its contestants gave lately. What is none of them is
most likely a slip of the hand: it is refused, with those that look like it, unless somebody says that it is new.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db import Database
from roost_cloud.db.tables import BundleVersion, Sample, SampleScore, TaskLabel
from roost_cloud.objects import ObjectStore
from roost_cloud.registry.candidate import Candidate
from roost_cloud.registry.versions import read_config

__all__ = ["Space", "find_space"]

_VERSIONS: Final = 8  # of a task, the newest, whose labels count
_SAMPLES: Final = 1000  # the newest, whose scores count where the registry has no bundle
_KEPT: Final = 1000  # bundles whose labels are remembered
_NEAR: Final = 3
_NEAR_ENOUGH: Final = 0.5  # of difflib's similarity: of two digits one


class Space(NamedTuple):
    """A task's labels, those of its bundles first, in their order."""

    task: str
    labels: Sequence[str]

    def problem(self, label: str) -> str | None:
        """What is wrong with a label; None if it is one of them."""
        if label in self.labels:
            return None
        near = get_close_matches(label, self.labels, n=_NEAR, cutoff=_NEAR_ENOUGH)
        meant = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {_shown(self.labels)}"
        return f"{label!r} is no label of task {self.task}: {meant} If it is new, say so"


def _shown(labels: Sequence[str]) -> str:
    """Some of them, for people."""
    if not labels:
        return "none yet."
    return ", ".join(map(repr, labels[:10])) + (f" and {len(labels) - 10} more." if len(labels) > 10 else ".")  # noqa: PLR2004 - one line


class _Bundles:
    """Labels of bundles by the digest of their document, which says for ever the same."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def labels(self, store: ObjectStore, tenant: str, manifest: bytes) -> tuple[str, ...]:
        candidate = Candidate.of(manifest)
        with self._lock:
            known = self._known.get(candidate.config_digest)
        if known is not None:
            return known
        found = tuple(read_config(store, tenant, candidate).labels or ())
        with self._lock:
            self._known[candidate.config_digest] = found
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found


_bundles: Final = _Bundles()


def find_space(database: Database, store: ObjectStore, tenant: str, task: str) -> Space:
    """A task's labels, as they are now.

    Raises:
        StoreUnavailableError, StoreFailedError: the store does not give the bundles' documents.
        BundleError: one of them is damaged.
    """
    with database.read() as session:
        manifests = session.scalars(
            select(BundleVersion.manifest)
            .where(BundleVersion.tenant == tenant, BundleVersion.task == task, BundleVersion.deleted_at.is_(None))
            .order_by(BundleVersion.created_at.desc(), BundleVersion.version.desc())
            .limit(_VERSIONS)
        ).all()
        joined = list(
            session.scalars(
                select(TaskLabel.label)
                .where(TaskLabel.tenant == tenant, TaskLabel.task == task)
                .order_by(TaskLabel.added_at, TaskLabel.label)
            )
        )
        given = [] if manifests else _given(session, tenant, task)
    of_bundles = [label for manifest in manifests for label in _bundles.labels(store, tenant, manifest)]
    return Space(task, _once((*of_bundles, *given, *joined)))


def _given(session: Session, tenant: str, task: str) -> list[str]:
    """What contestants said lately."""
    newest = (
        select(Sample.device, Sample.sample)
        .where(Sample.tenant == tenant, Sample.task == task)
        .order_by(Sample.received_at.desc())
        .limit(_SAMPLES)
        .subquery()
    )
    query = select(SampleScore.label).join(
        newest, (SampleScore.device == newest.c.device) & (SampleScore.sample == newest.c.sample)
    )
    query = query.where(SampleScore.tenant == tenant, SampleScore.label.is_not(None)).distinct()
    return sorted(label for label in session.scalars(query) if label is not None)


def _once(labels: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(labels))
