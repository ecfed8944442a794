"""Which bundle each contestant of the cloud stands for at this moment: a task's references followed to digests."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from roost_cloud.db.among import batches
from roost_cloud.db.keyed import keyed
from roost_cloud.db.tables import Alias, AliasMove, BundleVersion
from roost_cloud.db.tables import CloudTask as Row
from roost_cloud.registry import versions
from roost_cloud.registry.reference import Reference, parse_reference
from roost_cloud.tasks.document import BadTaskError, CloudTask, read_task
from roost_shared.errors import ContentError

__all__ = ["ContestantKey", "Resolver", "Standing", "UnknownBundleError", "Version", "check_bundles", "manifest_of"]
__all__ += ["standing"]

_MOVES: Final = 8  # of an alias, by which scorers may lag behind


class UnknownBundleError(ContentError):
    """A task names a bundle that its tenant's registry does not have."""

    code = "task.unknown_bundle"


class ContestantKey(NamedTuple):
    """A contestant of a task of a tenant."""

    tenant: str
    task: str
    contestant: str


class Version(NamedTuple):
    """A version of a bundle."""

    tenant: str
    name: str
    version: str
    digest: str  # of its manifest
    size_bytes: int  # of all its blobs

    def __str__(self) -> str:
        """For people."""
        return f"{self.tenant}'s {self.name}:{self.version}"


class Resolver:
    """Reads all tasks; documents that have not changed are not read anew.

    Attributes:
        unreadable: why a task of a tenant was passed over, such as one that a newer Roost wrote.
    """

    def __init__(self) -> None:
        self.unreadable: dict[tuple[str, str], BadTaskError] = {}
        self._tasks: dict[tuple[str, str], CloudTask] = {}
        self._seen: dict[tuple[str, str], tuple[int, datetime]] = {}

    def resolve(self, session: Session) -> dict[ContestantKey, Version | None]:
        """What every contestant stands for now; None: its alias or version is not there."""
        self._refresh(session)
        asked = {
            ContestantKey(tenant, task, one.name): (tenant, parse_reference(one.bundle))
            for (tenant, task), document in self._tasks.items()
            for one in document.contestants
        }
        found = _follow(session, set(asked.values()))
        return {key: found.get(reference) for key, reference in asked.items()}

    def _refresh(self, session: Session) -> None:
        marks = {(tenant, name): (version, at) for tenant, name, version, at in session.execute(_MARKS)}
        for key in self._seen.keys() - marks.keys():
            self._forget(key)
        for key, mark in marks.items():
            if self._seen.get(key) == mark:
                continue
            self._forget(key)
            row = session.get(Row, key)
            if row is None:
                continue
            self._seen[key] = mark
            try:
                self._tasks[key] = read_task(row.name, row.document)
            except BadTaskError as error:
                self.unreadable[key] = error

    def _forget(self, key: tuple[str, str]) -> None:
        self._seen.pop(key, None)
        self._tasks.pop(key, None)
        self.unreadable.pop(key, None)


# A task that was deleted and made anew begins to count anew.
_MARKS: Final = select(Row.tenant, Row.name, Row.version, Row.updated_at)


def check_bundles(session: Session, tenant: str, task: CloudTask) -> None:
    """See that a task's contestants all stand for something.

    Raises:
        UnknownBundleError: one does not.
    """
    asked = {(tenant, parse_reference(one.bundle)) for one in task.contestants}
    missing = asked - _follow(session, asked).keys()
    if missing:
        names = ", ".join(sorted(str(reference) for _, reference in missing))
        raise UnknownBundleError(f"the registry has no {names}: push it, or move the alias, first")


def manifest_of(session: Session, version: Version) -> bytes:
    """A version's manifest.

    Raises:
        NotFoundError: it was deleted.
    """
    return versions.get(session, version.tenant, version.name, version.version).manifest


class Standing(NamedTuple):
    """Manifests by digest: of the versions that a task's contestants stand for, and those they did before."""

    now: dict[str, bytes]
    before: dict[str, bytes]  # as far as the last moves of their aliases tell; also of versions deleted since


def standing(session: Session, tenant: str, task: CloudTask) -> Standing | None:
    """What a task's contestants stand for and stood for; None where an alias or a version is not there."""
    found = Standing({}, {})
    for reference in {parse_reference(one.bundle) for one in task.contestants}:
        version = _follow(session, [(tenant, reference)]).get((tenant, reference))
        if version is None:
            return None
        found.now[version.digest] = manifest_of(session, version)
        if reference.sign == "@":
            found.before.update(_manifests_before(session, tenant, reference))
    return found


def _manifests_before(session: Session, tenant: str, alias: Reference) -> dict[str, bytes]:
    moves = select(AliasMove.to_version).where(
        AliasMove.tenant == tenant, AliasMove.name == alias.name, AliasMove.alias == alias.which
    )
    led_to = [version for version in session.scalars(moves.order_by(AliasMove.id.desc()).limit(_MOVES + 1)) if version]
    versions_then = select(BundleVersion.digest, BundleVersion.manifest).where(
        BundleVersion.tenant == tenant, BundleVersion.name == alias.name, BundleVersion.version.in_(led_to)
    )
    return dict(row for row in session.execute(versions_then))


_Asked = tuple[str, Reference]


def _follow(session: Session, asked: Iterable[_Asked]) -> dict[_Asked, Version]:
    wanted = list(asked)
    found: dict[_Asked, Version] = {}
    for sign, query, column in (("@", _BY_ALIAS, Alias.alias), (":", _BY_VERSION, BundleVersion.version)):
        keys = {(one[0], one[1].name, one[1].which): one for one in wanted if one[1].sign == sign}
        for some in batches(keys):
            chosen = query.where(keyed((BundleVersion.tenant, BundleVersion.name, column), some))
            for which, tenant, name, version, digest, size_bytes in session.execute(chosen):
                found[keys[tenant, name, which]] = Version(tenant, name, version, digest, size_bytes)
    return found


_VERSION: Final = (
    BundleVersion.tenant,
    BundleVersion.name,
    BundleVersion.version,
    BundleVersion.digest,
    BundleVersion.size_bytes,
)
_BY_VERSION: Final = select(BundleVersion.version, *_VERSION).where(BundleVersion.deleted_at.is_(None))
_BY_ALIAS: Final = (
    select(Alias.alias, *_VERSION)
    .join(
        Alias,
        and_(
            Alias.tenant == BundleVersion.tenant,
            Alias.name == BundleVersion.name,
            Alias.version == BundleVersion.version,
        ),
    )
    .where(BundleVersion.deleted_at.is_(None))
)
