"""Uploads, in a thread of its own, by the identity there is; by another once there is another."""

import threading
from pathlib import Path
from typing import Any, Final

import msgspec

from roost_edge.identity import Identity, IdentityUnreadableError, read_identity
from roost_edge.identity.keys import DeviceKey
from roost_edge.spool.interface import SealLimits
from roost_edge.spool.store import Spool
from roost_edge.spooler.settings import SpoolerSettings
from roost_edge.uplink.api import DeviceApi
from roost_edge.uplink.http import CloudHttp
from roost_edge.upload.shard_cloud import ShardCloud
from roost_edge.upload.token_bucket import TokenBucket
from roost_edge.upload.uploader import Uploader
from roost_shared.errors import DeviceError, RoostError
from roost_shared.messages import ErrorInfo

__all__ = ["Courier", "CourierEndedError"]

_LIST_S: Final = 20.0  # of sending: committing a list takes a moment without any, the shorter the shorter the list
_LIST_BYTES: Final = 16 << 20  # however slow the link: few large shards are better than many small ones
_LOOK_EVERY_S: Final = 5.0  # for an identity
_NOT_ENROLLED: Final = ErrorInfo("device.not_enrolled", "nothing is uploaded before the device is enrolled")


class CourierEndedError(DeviceError):
    """Nothing would be uploaded any more: the process shall be replaced."""

    code = "upload.ended"


class Courier:
    """The thread; start it, and stop it before the spool is closed.

    Args:
        spool: what to upload from.
        settings: of the process.
    """

    def __init__(self, spool: Spool, settings: SpoolerSettings) -> None:
        self._spool = spool
        self._settings = settings
        self._bucket = TokenBucket(settings.uplink_bytes_per_s)  # outlives an identity: so does the link
        self._stopping = threading.Event()
        self._uploader: Uploader | None = None
        self._folder: Path | None = None  # of the identity in use
        self._problem: ErrorInfo | None = _NOT_ENROLLED
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, patience_s: float) -> None:
        """End in the middle of a part, if need be: what arrived stays there."""
        self._stopping.set()
        if self._uploader is not None:
            self._uploader.stop()
        self._thread.join(patience_s)

    def wake(self) -> None:
        """The link is back: what waits after a failure is tried now."""
        if self._uploader is not None:
            self._uploader.wake()

    def look(self) -> None:
        """Go on by another identity if there is one; to be called now and then."""
        uploader = self._uploader
        if uploader is not None:
            identity = self._identity()
            if identity is not None and identity.folder != self._folder:
                uploader.stop()

    def check(self) -> None:
        """See that it still runs.

        Raises:
            CourierEndedError: by a fault that nobody foresaw; what it was is in the log.
        """
        if not self._thread.is_alive():
            raise CourierEndedError("the thread that uploads has ended")

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        uploader = self._uploader
        if uploader is not None:
            return uploader.describe()
        problem = self._problem
        return {
            "state": "idle",
            "shards": 0,
            "inputs": 0,
            "sent_bytes": 0,
            "refused": 0,
            "problem": None if problem is None else {"code": problem.code, "message": problem.message},
        }

    def _run(self) -> None:
        reader = self._spool.reader()
        try:
            while not self._stopping.is_set():
                cloud = self._cloud()
                if cloud is None:
                    self._stopping.wait(_LOOK_EVERY_S)
                    continue
                limits = seal_limits(self._settings)
                self._uploader = Uploader(reader, cloud, limits=limits, bucket=self._bucket)
                if not self._stopping.is_set():
                    self._uploader.run()
                self._uploader = None
        finally:
            reader.close()

    def _cloud(self) -> ShardCloud | None:
        identity = self._identity()
        if identity is None:
            return None
        cloud = identity.cloud
        try:
            http = CloudHttp(self._settings.cloud_url or cloud.url, identity.cafile.read_bytes())
            key = DeviceKey.read(identity.keyfile.read_bytes())
        except (RoostError, OSError) as error:
            self._problem = ErrorInfo(
                error.code if isinstance(error, RoostError) else "identity.unreadable", str(error)
            )
            return None
        self._folder, self._problem = identity.folder, None
        return ShardCloud(DeviceApi(http, tenant=cloud.tenant, device=cloud.device, key=key))

    def _identity(self) -> Identity | None:
        try:
            identity = read_identity(Path(self._settings.state_dir))
        except IdentityUnreadableError as error:
            self._problem = ErrorInfo(error.code, str(error))
            return None
        if identity is None:
            self._problem = _NOT_ENROLLED
        return identity


def seal_limits(settings: SpoolerSettings) -> SealLimits:
    """When a list is due: at a capped rate short ones, so that the rate holds over ten seconds, commits included."""
    limits = SealLimits(age_s=settings.upload_after_s)
    rate = settings.uplink_bytes_per_s
    if rate is None:
        return limits
    size_bytes = min(limits.size_bytes, max(_LIST_BYTES, int(_LIST_S * rate)))
    return msgspec.structs.replace(limits, size_bytes=size_bytes)
