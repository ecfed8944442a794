"""Those who sign a tenant's TUF metadata offline, for tests of the cloud: keys in memory, no folder, no prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from httpx2 import Response
from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from roost_cloud.trust import drafts
from roost_shared.bundle import Bundle
from roost_shared.trust.names import target_path
from tests.support.cloud import Cloud
from tests.support.served_cloud import manifest_of

__all__ = ["TrustPeople", "new_signer", "signed", "target_of"]

LIFE = timedelta(days=365)


def new_signer() -> CryptoSigner:
    """A key that nobody else has."""
    return CryptoSigner.generate_ed25519()


def signed(metadata: Root | Targets, *signers: CryptoSigner) -> bytes:
    """Metadata as it is sent."""
    made: Metadata[Any] = Metadata(metadata)
    for signer in signers:
        made.sign(signer, append=True)
    return made.to_bytes()


def target_of(bundle: Bundle) -> TargetFile:
    """The target that releases a bundle."""
    config = bundle.config
    path = target_path(config.task or "", config.name, config.version)
    return TargetFile.from_data(path, manifest_of(bundle), ["sha256"])


@dataclass
class TrustPeople:
    """Everybody of one tenant who signs, and the newest of what they did."""

    cloud: Cloud
    tenant: str = "acme"
    root_signers: list[CryptoSigner] = field(default_factory=lambda: [new_signer()])
    targets_signer: CryptoSigner = field(default_factory=new_signer)
    releaser: CryptoSigner = field(default_factory=new_signer)
    root: Root = field(init=False)
    root_bytes: bytes = b""
    first_online: Mapping[str, Key] = field(default_factory=dict)
    targets: Targets = field(init=False)

    @property
    def expires(self) -> datetime:
        return self.cloud.services.now() + LIFE

    def send(self, path: str, data: bytes, role: Any = "admin") -> Response:
        headers = self.cloud.headers(self.tenant, role)
        return self.cloud.client.put(f"/api/v1/trust/{path}", content=data, headers=headers)

    def online(self, *, anew: bool = False) -> Mapping[str, Key]:
        """The cloud's own keys, by role."""
        headers = self.cloud.headers(self.tenant)
        told = self.cloud.client.post("/api/v1/trust/online-keys", json={"anew": anew}, headers=headers)
        assert told.status_code == 200, told.text
        return {role: _key(key) for role, key in told.json().items()}

    def online_releaser(self, task: str) -> Key:
        """The cloud's own key for a task."""
        path, headers = f"/api/v1/trust/releases/{task}/releaser", self.cloud.headers(self.tenant)
        told = self.cloud.client.post(path, json={}, headers=headers)
        assert told.status_code == 200, told.text
        return _key(told.json())

    def first_root(self, **changed: Any) -> Root:
        online = self.first_online = self.online()
        return drafts.first_root(
            [signer.public_key for signer in self.root_signers],
            [self.targets_signer.public_key],
            threshold=len(self.root_signers),
            snapshot=online["snapshot"],
            timestamp=online["timestamp"],
            expires=changed.get("expires", self.expires),
        )

    def begin(self, *tasks: str) -> None:
        """Root and targets, which let the releaser release for some tasks."""
        self.root = self.first_root()
        self.root_bytes = signed(self.root, *self.root_signers)
        self.accept("root", self.root_bytes)
        self.targets = drafts.first_targets(self.expires, self.first_online["assignments"])
        self.accept("targets", signed(self.targets, self.targets_signer))
        for task in tasks:
            self.delegate(task, [self.releaser])

    def delegate(self, task: str, releasers: Sequence[CryptoSigner], threshold: int = 1) -> None:
        self._delegate(task, [signer.public_key for signer in releasers], threshold)

    def delegate_assignments(self, *keys: Key, threshold: int = 1) -> None:
        """Have these sign assignments, the cloud's own unless others are given."""
        named = keys or (self.online()["assignments"],)
        self.targets = drafts.assigning(self.targets, named, threshold=threshold, expires=self.expires)
        self.accept("targets", signed(self.targets, self.targets_signer))

    def release(self, *bundles: Bundle) -> None:
        """Release these for the first one's task, and nothing else."""
        self.accept(f"releases/{bundles[0].config.task}", self.first_release(*bundles))

    def delegate_online(self, task: str) -> None:
        self._delegate(task, [self.online_releaser(task)], 1)

    def _delegate(self, task: str, publics: Sequence[Key], threshold: int) -> None:
        self.targets = drafts.delegated(self.targets, task, publics, threshold=threshold, expires=self.expires)
        self.accept("targets", signed(self.targets, self.targets_signer))

    def next_root(self) -> bytes:
        """A root one version on, the same otherwise."""
        return signed(drafts.renewed(self.root, self.expires), *self.root_signers)

    def next_targets(self) -> bytes:
        return signed(drafts.renewed(self.targets, self.expires), self.targets_signer)

    def first_release(self, *bundles: Bundle) -> bytes:
        release = drafts.released(None, add=[target_of(bundle) for bundle in bundles], expires=self.expires)
        return signed(release, self.releaser)

    def accept(self, path: str, data: bytes) -> None:
        told = self.send(path, data)
        assert told.status_code == 201, told.text


def _key(told: dict[str, str]) -> Key:
    document = {"keytype": told["keytype"], "scheme": told["scheme"], "keyval": {"public": told["public"]}}
    return Key.from_dict(told["keyid"], document)
