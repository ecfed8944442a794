"""The cloud by the identity there is: whom to believe, and where bundles come from."""

import contextlib
import hashlib
from pathlib import Path
from typing import Final

from roost_edge.identity import Identity, read_identity
from roost_edge.identity.keys import DeviceKey
from roost_edge.installer import pointer
from roost_edge.installer.bundle_cloud import BundleCloud
from roost_edge.installer.errors import NoRootError, PointerDamagedError, StoreUnwritableError
from roost_edge.installer.settings import InstallerSettings
from roost_edge.installer.standing import note_trust
from roost_edge.uplink.api import DeviceApi
from roost_edge.uplink.http import CloudHttp
from roost_shared.assignment import Assignment
from roost_shared.errors import DeviceError, RoostError
from roost_shared.trust import HttpFetcher, SignedManifest, TrustClient, TrustState, TrustUnreachableError

__all__ = ["CloudInUse", "IdentityFilesError", "TrustedCloud"]

_FOLDER: Final = "trust"
_UNAUTHENTICATED: Final = 401


class IdentityFilesError(DeviceError):
    """A file of the identity cannot be read."""

    code = "identity.unreadable"


class TrustedCloud:
    """The cloud of one identity.

    Args:
        identity: who we are.
        root: the pinned root's bytes.
        api: the cloud.
        state_dir: the agent's; what was learned of trust lies in it.

    Attributes:
        folder: the identity's.
        bundles: where manifests and blobs come from.
        believed_as: as whom, and by which root, anything is believed here.
    """

    def __init__(self, identity: Identity, root: bytes, api: DeviceApi, state_dir: Path) -> None:
        self.folder = identity.folder
        self.bundles = BundleCloud(api)
        self._tenant, self._device = identity.cloud.tenant, identity.cloud.device
        self.believed_as = f"{self._tenant}/d/{self._device}/{hashlib.sha256(root).hexdigest()[:16]}"
        self._api = api
        self._trust = TrustClient(
            root,
            tenant=self._tenant,
            folder=state_dir / _FOLDER / self.believed_as.replace("/", ","),
            base_url=f"{api.http.url}/api/v1/device/trust",
            fetcher=HttpFetcher(api.http.pool, self._headers),
        )

    @property
    def trust_state(self) -> TrustState:
        """How the last look at what is released ended."""
        return self._trust.state

    def refresh(self) -> None:
        """Learn what is released now.

        Raises:
            TrustStaleError, TrustRefusedError, TrustUnreachableError, TrustUnwritableError: as `TrustClient` does.
        """
        try:
            self._trust.refresh()
        except TrustUnreachableError as error:
            if error.status != _UNAUTHENTICATED:
                raise
            self._api.forget_token()
            self._trust.refresh()

    def verify_assignment(self, envelope: bytes, newest: int) -> Assignment:
        """The assignment in an envelope, if it is for us and to be believed; as `TrustClient` says."""
        return self._trust.verify_assignment(envelope, tenant=self._tenant, device=self._device, newest=newest)

    def verify_manifest(self, task: str, name: str, version: str) -> SignedManifest:
        """The manifest that is released under a name and version for a task; as `TrustClient` says."""
        return self._trust.verify_manifest(task, name, version)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._api.token().token}"}


class CloudInUse:
    """The cloud by the identity that is in use; by another once there is another.

    Args:
        settings: of the process.
    """

    def __init__(self, settings: InstallerSettings) -> None:
        self._settings = settings
        self._state_dir = Path(settings.state_dir)
        self._cloud: TrustedCloud | None = None
        self._unused: TrustedCloud | None = None  # has been looked at for a judgement alone

    def looked_at(self) -> TrustedCloud:
        """The cloud, with what is released now.

        Raises:
            NoRootError, IdentityUnreadableError, IdentityFilesError: there is no identity to go by.
            CloudUrlError, CloudAnswerError: it names no cloud that can be used.
            PointerDamagedError, StoreUnwritableError: it cannot be remembered how the look ended.
            RoostError: as `TrustedCloud.refresh` does.
        """
        cloud = self._in_use()
        self._refresh(cloud)
        self._unused = cloud
        return cloud

    def looked_at_lately(self) -> TrustedCloud:
        """The same, without another look where one was taken for the assignment's sake a moment ago."""
        cloud = self._in_use()
        if self._unused is not cloud:
            self._refresh(cloud)
        self._unused = None
        return cloud

    def _refresh(self, cloud: TrustedCloud) -> None:
        """Look, and remember how that ended: after a restart it may be long until the next look."""
        try:
            cloud.refresh()
        except RoostError:
            with contextlib.suppress(StoreUnwritableError, PointerDamagedError):  # the look's own fault is told
                self._remember(cloud.trust_state)
            raise
        self._remember(cloud.trust_state)

    def _remember(self, state: TrustState) -> None:
        pointer.change_standing(self._state_dir, lambda standing: note_trust(standing, state))

    def _in_use(self) -> TrustedCloud:
        identity = read_identity(self._state_dir)
        if self._cloud is None or identity is None or identity.folder != self._cloud.folder:
            self._cloud = _open(self._settings)
        return self._cloud


def _open(settings: InstallerSettings) -> TrustedCloud:
    """The cloud by the identity that is in use now.

    Raises:
        NoRootError: there is no identity, or it names no root of trust.
        IdentityUnreadableError, IdentityFilesError: there is one, and it cannot be used.
        CloudUrlError, CloudAnswerError: its address or its certificate cannot.
    """
    state_dir = Path(settings.state_dir)
    identity = read_identity(state_dir)
    if identity is None:
        raise NoRootError("the device is not enrolled: run `roost-agent enrol` with a token of `roost device enrol`")
    if identity.trust_root is None:
        raise NoRootError(
            "the device was enrolled before its tenant signed bundles, and knows no root of trust: have a token made"
            " once `roost trust init` was run, and run `roost-agent enrol --replace` with it"
        )
    try:
        root, key_pem = identity.trust_root.read_bytes(), identity.keyfile.read_bytes()
        http = CloudHttp(settings.cloud_url or identity.cloud.url, identity.cafile.read_bytes())
    except OSError as error:
        raise IdentityFilesError(f"{error.filename or identity.folder}: {error.strerror or error}") from error
    key = DeviceKey.read(key_pem)
    api = DeviceApi(http, tenant=identity.cloud.tenant, device=identity.cloud.device, key=key)
    return TrustedCloud(identity, root, api, state_dir)
