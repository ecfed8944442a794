"""What people do with their keys: begin a repository, say who releases, release, and change keys.

Each draws up the next version of what is trusted now, signs it with the keys that are here, and sends it. Where those
are not enough, nothing is sent, and a draft goes to whoever has the others. Sent again, all of it does no harm.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from securesystemslib.signer import Key
from tuf.api.metadata import Metadata, Role, Root, TargetFile, Targets

from roost_cloud.client import ApiClient
from roost_cloud.keyring.cloud_keys import PublicKey, online_keys
from roost_cloud.keyring.keyring import KeyFile, Keyring, KeyringError
from roost_cloud.keyring.signing import Draft, read_draft
from roost_cloud.keyring.trusted import TrustedRepository
from roost_cloud.trust import drafts
from roost_shared.durable import write_durably
from roost_shared.trust.names import (
    ASSIGNMENTS,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    target_path,
    task_of_role,
    task_role,
)

__all__ = ["Ceremony", "SignaturesMissingError", "expires_in", "manifest_target"]

_FIRST_ROOT: Final = "1.root.json"
_FIRST_TARGETS: Final = "1.targets.json"


class SignaturesMissingError(KeyringError):
    """The keys that are here are not enough; nothing was sent.

    Args:
        role: what lacks signatures.
        missing: how many.
        draft: where what was signed so far was written; None if nowhere.
    """

    code = "trust.signatures_missing"

    def __init__(self, role: str, missing: int, draft: Path | None) -> None:
        remedy = (
            f"have {draft} signed by others, with `roost trust sign {draft}`"
            if draft is not None
            else "bring the keys here, or say --draft FILE and pass it on"
        )
        super().__init__(f"{role} lacks {missing} more signatures, nothing was sent: {remedy}")
        self.role = role
        self.missing = missing


@dataclass(frozen=True)
class Ceremony:
    """One sitting.

    Args:
        cloud: where what is signed goes.
        keyring: what signs.
        expires: until when that shall hold.
        draft: where to write what lacks signatures; None for nowhere.

    Every method raises what the client, the keyring and `roost_shared.trust` raise.
    """

    cloud: ApiClient
    keyring: Keyring
    expires: datetime
    draft: Path | None = None

    def begin(self, root_keys: Sequence[KeyFile], targets_keys: Sequence[KeyFile], threshold: int) -> Root:
        """Begin the tenant's repository; begun and interrupted, go on.

        Args:
            root_keys: that sign roots.
            targets_keys: of which one signs targets.
            threshold: of root.
        """
        folder = self.keyring.folder
        if not (folder / _FIRST_ROOT).exists():
            online = online_keys(self.cloud)
            root = drafts.first_root(
                [one.public for one in root_keys],
                [one.public for one in targets_keys],
                threshold=threshold,
                snapshot=online.snapshot.key(),
                timestamp=online.timestamp.key(),
                expires=self.expires,
            )
            self._remember(_FIRST_ROOT, Draft(ROOT, Metadata(root), (root,)))
        data = (folder / _FIRST_ROOT).read_bytes()
        root = _parsed(data)
        if not (folder / _FIRST_TARGETS).exists():
            targets = drafts.first_targets(self.expires, online_keys(self.cloud).assignments.key())
            self._remember(_FIRST_TARGETS, Draft(TARGETS, Metadata(targets), (root,)))
        self.cloud.send("PUT", "/trust/root", data)
        self.keyring.believe(data)
        self.cloud.send("PUT", "/trust/targets", (folder / _FIRST_TARGETS).read_bytes())
        return root

    def delegate(self, task: str, releasers: Sequence[Key], threshold: int) -> None:
        """Say who releases for a task from now on, in the place of whoever did before.

        What was released before is signed anew where the keys for that are here; devices do not see a moment without.
        """
        trusted = TrustedRepository(self.cloud, self.keyring)
        before = trusted.targets
        after = drafts.delegated(before, task, releasers, threshold=threshold, expires=self.expires)
        draft = self._signed(Draft(TARGETS, Metadata(after), (trusted.root,)))
        self._require(draft)
        current = trusted.releases(task)
        role = task_role(task)
        known = before.delegations is not None and role in (before.delegations.roles or {})
        release = drafts.released(current, expires=self.expires)
        moved = self._signed(Draft(role, Metadata(release), (before, after) if known else (after,)))
        if known and moved.satisfies(before):
            moved.send(self.cloud)
            draft.send(self.cloud)
        else:
            draft.send(self.cloud)
            if moved.satisfies(after):
                moved.send(self.cloud)

    def delegate_online(self, task: str) -> None:
        """Have the cloud itself release for a task from now on, by a key of its own."""
        key = self.cloud.call("POST", f"/trust/releases/{task}/releaser", PublicKey, body={"anew": True})
        self.delegate(task, [key.key()], 1)
        self.cloud.call("POST", f"/trust/releases/{task}", dict, body={})  # what was released before, by its key

    def delegate_assignments(self, *, anew: bool = False) -> None:
        """Have the cloud sign assignments from now on.

        Args:
            anew: by another key than so far. From its making on the cloud signs by both, what it has signed before
                too, so whether a device has seen these targets yet or not, it believes what it is assigned.
        """
        trusted = TrustedRepository(self.cloud, self.keyring)
        root, before = trusted.root, trusted.targets
        if anew and self.draft is None and (missing := self._targets_missing(trusted)):
            raise SignaturesMissingError(TARGETS, missing, None)  # before the cloud makes a key that nobody names
        key = online_keys(self.cloud, ASSIGNMENTS, anew=anew).assignments.key()
        self._finish(Draft(TARGETS, Metadata(drafts.assigning(before, [key], expires=self.expires)), (root,)))

    def rekey_task(self, task: str, *, add: Sequence[Key], remove: Sequence[str], threshold: int | None) -> None:
        """Other releasers for a task; with the same, what they signed holds for longer.

        Raises:
            KeyringError: nobody may release for the task.
        """
        targets = TrustedRepository(self.cloud, self.keyring).targets
        role = self._delegation(targets, task)
        named = {keyid: targets.get_key(keyid) for keyid in role.keyids if keyid not in remove}
        named |= {key.keyid: key for key in add}
        self.delegate(task, list(named.values()), role.threshold if threshold is None else threshold)

    def release(self, task: str, *, add: Iterable[TargetFile] = (), withdraw: Iterable[str] = ()) -> None:
        """Sign a task's releases with some more manifests, or without some.

        Raises:
            KeyringError: nobody may release for the task.
        """
        trusted = TrustedRepository(self.cloud, self.keyring)
        targets = trusted.targets
        self._delegation(targets, task)
        after = drafts.released(trusted.releases(task), add=add, withdraw=withdraw, expires=self.expires)
        self._finish(Draft(task_role(task), Metadata(after), (targets,)))

    def rekey_root(self, role: str, *, add: Sequence[Key], remove: Sequence[str], threshold: int | None) -> Root:
        """A root with other keys for `root` or `targets`; with the same, it is the next one's turn to expire."""
        trusted = TrustedRepository(self.cloud, self.keyring)
        before = trusted.root
        after = drafts.rekeyed(before, role, add=add, remove=remove, threshold=threshold, expires=self.expires)
        root = self._signed(Draft(ROOT, Metadata(after), (before, after)))
        self._require(root)
        if role != TARGETS:
            root.send(self.cloud)
            return after
        renewed = drafts.renewed(trusted.targets, self.expires)
        targets = self._signed(Draft(TARGETS, Metadata(renewed), (before, after)))
        if not targets.satisfies(after):
            raise SignaturesMissingError(TARGETS, targets.missing, None)
        # By the keys of both roots, it may come first: there is no moment at which devices believe neither.
        for step in (targets, root) if targets.satisfies(before) else (root, targets):
            step.send(self.cloud)
        return after

    def rekey_online(self) -> Root:
        """A root that names new keys of the cloud's for snapshot and timestamp, and the old ones no more."""
        trusted = TrustedRepository(self.cloud, self.keyring)
        before = trusted.root
        online = online_keys(self.cloud, SNAPSHOT, TIMESTAMP, anew=True)
        after = before
        for role, key in ((SNAPSHOT, online.snapshot.key()), (TIMESTAMP, online.timestamp.key())):
            gone = [keyid for keyid in before.roles[role].keyids if keyid != key.keyid]
            after = drafts.rekeyed(after, role, add=[key], remove=gone, threshold=None, expires=self.expires)
        after.version = before.version + 1
        self._finish(Draft(ROOT, Metadata(after), (before, after)))
        return after

    @property
    def has_targets_key(self) -> bool:
        """Whether targets can be signed here."""
        return not self._targets_missing(TrustedRepository(self.cloud, self.keyring))

    def cosign(self, file: Path, show: Callable[[str, Root | Targets, Root | Targets | None], None]) -> None:
        """Add the signatures of the keys that are here to somebody's draft, and send it once they are enough.

        Args:
            file: the draft; written anew if others have to sign yet.
            show: is given role, what is to be signed and what it replaces, before it is signed.
        """
        role, metadata = read_draft(file)
        trusted = TrustedRepository(self.cloud, self.keyring)
        delegators, before = self._place(trusted, role, metadata.signed)
        show(role, metadata.signed, before)
        draft = self._signed(Draft(role, metadata, delegators))
        if draft.missing:
            draft.write(file)
            raise SignaturesMissingError(role, draft.missing, file)
        draft.send(self.cloud)

    # ---- signing

    def _place(
        self, trusted: TrustedRepository, role: str, signed: Root | Targets
    ) -> tuple[tuple[Root | Targets, ...], Root | Targets | None]:
        """Who says which keys count for a draft, and what it replaces."""
        if isinstance(signed, Root):
            return (trusted.root, signed), trusted.root
        if role == TARGETS:
            return (trusted.root,), trusted.targets
        task = task_of_role(role)
        assert task is not None  # noqa: S101 - `read_draft` looked
        self._delegation(trusted.targets, task)
        return (trusted.targets,), trusted.releases(task)

    @staticmethod
    def _delegation(targets: Targets, task: str) -> Role:
        try:
            return targets.get_delegated_role(task_role(task))
        except ValueError as error:
            remedy = f"`roost trust delegate {task}` comes first"
            raise KeyringError(f"nobody may release for task {task}: {remedy}") from error

    def _signed(self, draft: Draft) -> Draft:
        draft.sign(self.keyring)
        return draft

    def _targets_missing(self, trusted: TrustedRepository) -> int:
        """How many signatures the next targets would lack, were they signed here."""
        after = drafts.renewed(trusted.targets, self.expires)
        return self._signed(Draft(TARGETS, Metadata(after), (trusted.root,))).missing

    def _finish(self, draft: Draft) -> None:
        self._require(self._signed(draft))
        draft.send(self.cloud)

    def _require(self, draft: Draft) -> None:
        if draft.missing:
            if self.draft is not None:
                draft.write(self.draft)
            raise SignaturesMissingError(draft.role, draft.missing, self.draft)

    def _remember(self, file: str, draft: Draft) -> None:
        """Sign the first of its kind, and keep it before anybody else has it: it will be sent as it is, or never."""
        self._signed(draft)
        if draft.missing:
            raise SignaturesMissingError(draft.role, draft.missing, None)
        write_durably(self.keyring.folder / file, draft.metadata.to_bytes())


def manifest_target(task: str, name: str, version: str, manifest: bytes) -> TargetFile:
    """The target that releases a manifest."""
    return TargetFile.from_data(target_path(task, name, version), manifest, ["sha256"])


def expires_in(now: datetime, days: float) -> datetime:
    """The end of a life of so many days."""
    return (now + timedelta(days=days)).replace(microsecond=0)


def _parsed(data: bytes) -> Root:
    signed = Metadata[Root].from_bytes(data).signed
    if not isinstance(signed, Root):
        raise KeyringError(f"{_FIRST_ROOT} is no root")
    return signed
