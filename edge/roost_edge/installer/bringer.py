"""What attempts have in common over the life of the process: store, pace, counts, and how often headway is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from roost_edge.installer.attempt import Attempt
from roost_edge.installer.download import Downloads
from roost_edge.installer.fit import Machine
from roost_edge.installer.job import Job
from roost_edge.installer.plan import Plan
from roost_edge.installer.protocol import Progress
from roost_edge.installer.settings import InstallerSettings
from roost_edge.installer.store import BundleStore
from roost_edge.installer.trusted_cloud import TrustedCloud
from roost_edge.upload.token_bucket import TokenBucket
from roost_shared.clock import SECOND, Clock

__all__ = ["Bringer"]

_TELL_NS: Final = SECOND // 2  # between two words on how far it is


class Bringer:
    """Makes attempts.

    Args:
        settings: of the process.
        tell: hands a message on to the agent.
        clock: what times are measured by.
        machine: looks at this machine.
        wait: waits so many seconds; raises where nobody wants the attempt any more.

    Attributes:
        store: where bundles lie.
        fetched_bytes: of blobs, as often as they came.
    """

    def __init__(
        self,
        settings: InstallerSettings,
        tell: Callable[[Progress], object],
        *,
        clock: Clock,
        machine: Callable[[], Machine],
        wait: Callable[[float], None],
    ) -> None:
        self._settings = settings
        self._state_dir = Path(settings.state_dir)
        self._say = tell
        self._clock = clock
        self._machine = machine
        self._wait = wait
        self._bucket = TokenBucket(settings.downlink_bytes_per_s)  # outlives an identity: so does the link
        self._told_ns: int | None = None
        self.store = BundleStore(self._state_dir)
        self.fetched_bytes = 0

    def bring(self, job: Job, cloud: TrustedCloud) -> Plan:
        """Attempt to bring an assignment to the disk, by a cloud that has just been looked at; as `Attempt.run`."""

        def moved(size_bytes: int) -> None:
            self.fetched_bytes += max(size_bytes, 0)
            job.headway.moved(size_bytes)
            self._tell_now_and_then(job)

        downloads = Downloads(
            cloud.bundles, self.store, bucket=self._bucket, clock=self._clock, wait=self._wait, moved=moved
        )
        attempt = Attempt(
            job.assignment,
            self._state_dir,
            cloud,
            self.store,
            downloads,
            job.headway,
            machine=self._machine,
            reserve_bytes=self._settings.free_disk_bytes,
            told=lambda: self._tell_now_and_then(job),
        )
        return attempt.run()

    def tell(self, job: Job) -> None:
        """Say how far it is."""
        self._told_ns = self._clock.now_ns()
        self._say(Progress(job.version, job.headway.installs()))

    def _tell_now_and_then(self, job: Job) -> None:
        if self._told_ns is None or self._clock.now_ns() - self._told_ns >= _TELL_NS:
            self.tell(job)
