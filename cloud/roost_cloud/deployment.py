"""Which root CA a database belongs to.

The fleet trusts one root, whose key is a file. A start with an empty or a wrong folder of secrets must not make
another one, which no device would believe: the database remembers the fingerprint of its own from the first start on.
"""

from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db import Database
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.migrations import current
from roost_cloud.db.tables import Deployment
from roost_cloud.errors import NoDeploymentError
from roost_cloud.fleet.authority import Authority, has_root
from roost_shared.clock import Clock
from roost_shared.errors import DeviceError

__all__ = ["OtherRootError", "check_begun", "open_authority"]


class OtherRootError(DeviceError):
    """The folder of secrets is not the one that the database's devices trust.

    Args:
        secrets_dir: the folder.
        found: what root CA is in it.
        expected: the fingerprint of the database's.
    """

    code = "deployment.other_root"

    def __init__(self, secrets_dir: Path, found: str, expected: str) -> None:
        super().__init__(
            f"{secrets_dir} holds {found}, and this database's devices trust the root CA {expected}:"
            " restore root.pem from a backup, or name the secrets_dir that has it"
        )
        self.secrets_dir = secrets_dir
        self.expected = expected


def check_begun(database: Database) -> None:
    """Make sure that a deployment has begun in this database; nothing is made of one that is not there.

    Raises:
        NoDeploymentError: none has.
    """
    if database.file is not None and not database.file.exists():
        raise NoDeploymentError(
            f"there is no database {database.file}: mend data_dir, or begin by `roost cloud serve`"
        )
    if current(database) is None or _root_of(database) is None:
        raise NoDeploymentError("the database is of no deployment yet: `roost cloud serve` begins it")


def open_authority(database: Database, secrets_dir: Path, clock: Clock) -> Authority:
    """The authority that the database's devices trust; at the first start, a new one.

    Raises:
        OtherRootError: there is another one in `secrets_dir`, or none any more.
        SecretFileError: the secrets cannot be used.
    """
    expected = _root_of(database)
    if expected is not None and not has_root(secrets_dir):
        raise OtherRootError(secrets_dir, "no root CA", expected)
    authority = Authority(secrets_dir, clock)
    ours = authority.root_fingerprint
    if expected is None:
        expected = _begin(database, ours, clock.wall())
    if ours != expected:
        raise OtherRootError(secrets_dir, f"the root CA {ours}", expected)
    return authority


def _root_of(database: Database) -> str | None:
    with database.read() as session:
        return _fingerprint(session)


def _begin(database: Database, root_fingerprint: str, now: datetime) -> str:
    """Write the root's fingerprint, unless another process was first; returns what is there."""
    with database.begin() as session:
        insert_absent(session, Deployment, id=1, root_fingerprint=root_fingerprint, begun_at=now)
        return _fingerprint(session) or root_fingerprint


def _fingerprint(session: Session) -> str | None:
    return session.scalar(select(Deployment.root_fingerprint))
