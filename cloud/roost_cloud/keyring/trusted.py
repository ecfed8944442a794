"""The cloud's repository as its people see it: believed from the keyring's root on, and not behind what was seen.

Unlike a device it minds no expiry: what has expired is what somebody comes here to sign anew. Signatures, thresholds,
versions and digests are looked at as a device does.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec
from tuf.api.metadata import Root, Targets

from roost_cloud.client import ApiClient
from roost_cloud.keyring.keyring import Keyring, KeyringError
from roost_shared.digest import digest_of
from roost_shared.trust import HttpFetcher
from roost_shared.trust.names import file_name, task_role
from roost_shared.trust.updater import ClockedUpdater
from roost_shared.trust.verdict import judging

__all__ = ["TrustedRepository", "find_root"]

_Found = TypeVar("_Found")

_BEFORE_ALL: Final = datetime(1970, 1, 1, tzinfo=UTC)  # nothing has expired yet


class _Role(msgspec.Struct, frozen=True):
    name: str
    version: int


class _Trust(msgspec.Struct, frozen=True):
    root_digest: str
    roles: list[_Role]


class TrustedRepository:
    """One look at it.

    Args:
        cloud: where it is.
        keyring: whose root is believed, and which remembers.

    Raises:
        KeyringError: it believes no root.
        RoostError: the repository does not answer, or not with what may be believed.
    """

    def __init__(self, cloud: ApiClient, keyring: Keyring) -> None:
        if keyring.root is None:
            raise KeyringError(
                f"{keyring.folder} knows no root: give --root-digest, as whoever began the repository has it"
            )
        with judging():
            self._updater = ClockedUpdater(
                keyring.known,
                keyring.root,
                f"{cloud.url}/api/v1/trust/metadata/",
                HttpFetcher(cloud.pool, lambda: cloud.authorization),
            )
            self._updater.load_root()
        self._updater.set_time(_BEFORE_ALL)
        self._loaded = False

    @property
    def root(self) -> Root:
        """The newest root."""
        return self._updater.root

    @property
    def targets(self) -> Targets:
        """The newest top-level targets."""
        return self._load(lambda: self._updater.targets)

    def releases(self, task: str) -> Targets | None:
        """What is released for a task; None if nothing was yet."""
        return self._load(lambda: self._updater.delegated(task_role(task)))

    def _load(self, find: Callable[[], _Found]) -> _Found:
        with judging():
            if not self._loaded:
                self._updater.refresh()
                self._loaded = True
            return find()


def find_root(cloud: ApiClient, digest: str) -> bytes:
    """The root of a digest.

    Raises:
        KeyringError: the cloud's newest root has another digest.
        RemoteError, ApiUnreachableError, ApiAnswerError: as the client raises.
    """
    told = cloud.get("/trust", _Trust)
    version = next((role.version for role in told.roles if role.name == "root"), 0)
    data = cloud.send("GET", f"/trust/metadata/{file_name('root', version)}").data
    if digest_of(data) != digest.strip().lower():
        raise KeyringError(f"the newest root is {digest_of(data)}, not {digest}: ask whoever began the repository")
    return data
