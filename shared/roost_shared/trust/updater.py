"""python-tuf's client with our clock, our disk and our limits: the one file that reaches into its insides.

python-tuf reads the machine's clock when it is made, writes files without fsync, and takes from a timestamp's word
how much of a snapshot to load. Here time is set by whoever asks, files are durable, and no word lifts a limit.
`tests/unit/shared/trust/test_updater.py` fails if another version of python-tuf no longer does as we rely on.
"""

from datetime import datetime
from pathlib import Path

from tuf.api.metadata import Root, Targets
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from roost_shared.durable import make_folders, write_durably
from roost_shared.trust.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, largest_bytes

__all__ = ["ClockedUpdater"]


class ClockedUpdater(Updater):
    """One check: made, given the time, refreshed, asked.

    Args:
        folder: what was trusted before, made if missing.
        root: the pinned root's bytes.
        base_url: where metadata is, up to the last slash.
        fetcher: the network.

    Raises:
        RepositoryError: `root` is none, or is not signed by itself.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, root: bytes, base_url: str, fetcher: FetcherInterface) -> None:
        make_folders(folder)
        make_folders(folder / "root_history")
        config = UpdaterConfig(
            root_max_length=largest_bytes(ROOT),
            timestamp_max_length=largest_bytes(TIMESTAMP),
            snapshot_max_length=largest_bytes(SNAPSHOT),
            targets_max_length=largest_bytes(TARGETS),
        )
        super().__init__(str(folder), base_url, fetcher=fetcher, config=config, bootstrap=root)

    @property
    def root(self) -> Root:
        """The root trusted now."""
        return self._trusted_set.root

    @property
    def targets(self) -> Targets:
        """The top-level targets trusted now."""
        return self._trusted_set.targets

    def delegated(self, role: str) -> Targets | None:
        """What a delegated role says; None if it has said nothing yet.

        Raises:
            RepositoryError, DownloadError, OSError: as `refresh` does.
        """
        return self._load_targets(role, TARGETS) if role in self.snapshot_names else None

    @property
    def snapshot_names(self) -> frozenset[str]:
        """Roles that the snapshot trusted now speaks of."""
        return frozenset(name.removesuffix(".json") for name in self._trusted_set.snapshot.meta)

    def load_root(self) -> None:
        """Go from the pinned root to the newest; expiry is looked at by `refresh`.

        Raises:
            RepositoryError, DownloadError, OSError: as `refresh` does.
        """
        self._load_root()

    def set_time(self, now: datetime) -> None:
        """The time by which metadata has expired or not."""
        self._trusted_set.reference_time = now

    def refresh(self) -> None:
        """Load timestamp, snapshot and targets under the root that `load_root` has found."""
        self._load_timestamp()
        self._load_snapshot()
        self._load_targets(TARGETS, ROOT)

    def _download_metadata(self, rolename: str, length: int, version: int | None = None) -> bytes:
        return super()._download_metadata(rolename, min(length, largest_bytes(rolename)), version)

    def _persist_file(self, filename: str, data: bytes) -> None:
        write_durably(Path(filename), data)
