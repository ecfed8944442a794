"""The people who decide what the demo's devices may run: their keys, and what they sign with them.

As `roost trust init`, `add-key`, `delegate` and `sign`, with keys that no passphrase guards, thrown away at the end.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from roost_cloud.client import ApiClient
from roost_cloud.errors import ConflictError
from roost_cloud.keyring.ceremony import Ceremony, expires_in, manifest_target
from roost_cloud.keyring.keyring import Keyring
from roost_cloud.transfer import Registry
from roost_shared.bundle import Bundle
from roost_shared.bundle.layout import blob_path

__all__ = ["Releaser"]

_DAYS: Final = 2.0


class Releaser:
    """Whoever signs.

    Args:
        folder: of keys; made.
    """

    def __init__(self, folder: Path) -> None:
        self._keyring = Keyring(folder, lambda _: "")

    def begin(self, cloud: ApiClient, task: str) -> None:
        """Found the tenant's root of trust, and let a key of its own release for a task.

        Raises:
            RoostError: the cloud did not take it.
        """
        root, targets, releaser = (self._keyring.make(name, None) for name in ("root-1", "targets-1", "releaser"))
        ceremony = self._ceremony(cloud)
        ceremony.begin([root], [targets], 1)
        ceremony.delegate(task, [releaser.public], 1)

    def sign(self, cloud: ApiClient, *bundles: Bundle) -> None:
        """Release registered bundles, all of one task; raises as `begin`."""
        targets = [
            manifest_target(
                bundle.config.task,
                bundle.config.name,
                bundle.config.version,
                blob_path(bundle.folder, bundle.digest).read_bytes(),
            )
            for bundle in bundles
        ]
        self._ceremony(cloud).release(bundles[0].config.task, add=targets)

    def sign_version(self, cloud: ApiClient, name: str, version: str) -> None:
        """Release a version by what the registry has of it; raises as `begin`."""
        found = Registry(cloud).version(name, version)
        if found.task is None:
            raise ConflictError(f"{name}:{version} names no task")
        target = manifest_target(found.task, name, version, found.manifest.encode())
        self._ceremony(cloud).release(found.task, add=[target])

    def _ceremony(self, cloud: ApiClient) -> Ceremony:
        return Ceremony(cloud, self._keyring, expires_in(datetime.now(UTC), _DAYS))
