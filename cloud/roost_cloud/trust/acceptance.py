"""What a new version of somebody's metadata may change. Pure: bytes and what there is in, verdict out.

Devices check signatures, versions and expiry themselves; this keeps out what would harm all the same: a root that
names keys the cloud has not got would end the repository, a delegation too wide would let one releaser speak for
another's task, and a manifest that is not in the registry could not be installed.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from securesystemslib.signer import Key
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from roost_cloud.trust.errors import MetadataRefusedError, VersionTakenError
from roost_shared.trust.names import (
    ASSIGNMENTS,
    ASSIGNMENTS_PATH,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    delegated_path,
    largest_bytes,
    task_of_role,
    task_role,
)

__all__ = ["ManifestFacts", "accept_release", "accept_root", "accept_targets", "changed_paths", "parse_metadata"]

LONGEST_LIFE: Final = timedelta(days=731)  # of what is signed offline
_ONLINE: Final = (SNAPSHOT, TIMESTAMP)

_Signed = TypeVar("_Signed", Root, Targets, Snapshot, Timestamp)


class ManifestFacts(NamedTuple):
    """What the registry knows of a manifest."""

    length: int
    sha256: str


def parse_metadata(kind: type[_Signed], role: str, data: bytes) -> Metadata[_Signed]:
    """Read metadata that somebody sent; its signatures are not looked at.

    Raises:
        MetadataRefusedError: it is none, of another role, or too large.
    """
    if len(data) > largest_bytes(role):
        raise MetadataRefusedError(f"{len(data)} bytes of {role}: at most {largest_bytes(role)}")
    try:
        metadata = Metadata[_Signed].from_bytes(data)
    except RepositoryError as error:
        raise MetadataRefusedError(f"what was sent as {role} is no TUF metadata") from error
    if not isinstance(metadata.signed, kind):
        raise MetadataRefusedError(f"what was sent as {role} is {metadata.signed.type}")
    return metadata


def accept_root(
    data: bytes, current: Root | None, *, online: Mapping[str, Iterable[str]], now: datetime
) -> Metadata[Root]:
    """A root that may become the newest.

    Args:
        data: its bytes.
        current: the newest there is; None for the first.
        online: ids of the keys the cloud has, by role.
        now: the time.

    Raises:
        MetadataRefusedError: it may not; says why.
        VersionTakenError: it is not the next version.
    """
    metadata = parse_metadata(Root, ROOT, data)
    root = metadata.signed
    _check_common(ROOT, metadata, 0 if current is None else current.version, now)
    if root.consistent_snapshot is not True:
        raise MetadataRefusedError("the root does not ask for consistent snapshots, and we keep no others")
    for name, role in root.roles.items():
        _check_keys(name, role, root.keys)
    _check_online(root, online)
    for signer in [root] if current is None else [current, root]:
        _check_signed(signer, ROOT, metadata)
    return metadata


def accept_targets(
    data: bytes, root: Root, newest: int, *, assignments: Collection[str] = (), now: datetime
) -> Metadata[Targets]:
    """Top-level targets that may become the newest: they delegate each task to its releasers, and nothing else.

    But for the role that names the keys of assignments; it is for no target.

    Args:
        data: their bytes.
        root: the newest.
        newest: the newest version there is; 0 for none.
        assignments: ids of the keys that the cloud has for assignments.
        now: the time.

    Raises:
        MetadataRefusedError, VersionTakenError: as `accept_root`.
    """
    metadata = parse_metadata(Targets, TARGETS, data)
    targets = metadata.signed
    _check_common(TARGETS, metadata, newest, now)
    if targets.targets:
        raise MetadataRefusedError("top-level targets release nothing themselves: a task's releaser does")
    delegations = targets.delegations
    if delegations is not None:
        if delegations.roles is None:
            raise MetadataRefusedError("succinct delegations are not for tasks")
        for role in delegations.roles.values():
            _check_delegation(role, delegations, root)
        _check_assignments(delegations, root, assignments)
    _check_signed(root, TARGETS, metadata)
    return metadata


def changed_paths(data: bytes, task: str, current: Targets | None) -> list[str]:
    """Targets that are new in a release, or not what they were: those whose manifests have to be looked up.

    Raises:
        MetadataRefusedError: the release cannot be read.
    """
    before: Mapping[str, TargetFile] = {} if current is None else current.targets
    targets = parse_metadata(Targets, task_role(task), data).signed.targets
    return sorted(path for path, target in targets.items() if before.get(path) != target)


def accept_release(
    task: str,
    data: bytes,
    delegator: Targets,
    newest: int,
    *,
    changed: Mapping[str, ManifestFacts | None],
    now: datetime,
) -> Metadata[Targets]:
    """A task's releases that may become the newest.

    Args:
        task: whose.
        data: their bytes.
        delegator: the newest top-level targets.
        newest: the newest version of the task's role there is; 0 for none.
        changed: what the registry knows of `changed_paths`; None where it knows nothing for that task.
        now: the time.

    Raises:
        MetadataRefusedError, VersionTakenError: as `accept_root`.
    """
    role = task_role(task)
    if delegator.delegations is None or role not in (delegator.delegations.roles or {}):
        raise MetadataRefusedError(f"nobody may release for task {task}: `roost trust delegate {task}` comes first")
    metadata = parse_metadata(Targets, role, data)
    release = metadata.signed
    _check_common(role, metadata, newest, now)
    if release.delegations is not None:
        raise MetadataRefusedError(f"{role} delegates: a releaser speaks for itself")
    for path, target in release.targets.items():
        if target.unrecognized_fields or set(target.hashes) != {"sha256"}:
            raise MetadataRefusedError(f"{path} says more or less than a length and a sha256")
    for path, facts in changed.items():
        target = release.targets[path]
        if facts is None:
            raise MetadataRefusedError(f"{path} is no manifest that the registry has for task {task}")
        if (target.length, target.hashes["sha256"]) != facts:
            raise MetadataRefusedError(f"{path} is {facts.length} bytes of sha256 {facts.sha256} in the registry")
    _check_signed(delegator, role, metadata)
    return metadata


def _check_common(role: str, metadata: Metadata[_Signed], newest: int, now: datetime) -> None:
    signed = metadata.signed
    if signed.version != newest + 1:
        raise VersionTakenError(role, newest, signed.version)
    if not now < signed.expires <= now + LONGEST_LIFE:
        raise MetadataRefusedError(f"{role} expires at {signed.expires:%Y-%m-%d}: not within two years from now")
    if signed.unrecognized_fields or metadata.unrecognized_fields:
        raise MetadataRefusedError(f"{role} says more than TUF knows")


def _check_online(root: Root, online: Mapping[str, Iterable[str]]) -> None:
    """The cloud signs snapshot and timestamp, and nothing else of the root's."""
    for name in _ONLINE:
        role = root.roles[name]
        if role.threshold != 1 or not set(role.keyids) <= set(online[name]):
            raise MetadataRefusedError(f"{name} is the cloud's to sign: name its keys alone, and the threshold 1")
    ours = {key for name in _ONLINE for key in _publics(root.roles[name], root.keys)}
    assigning = set(online.get(ASSIGNMENTS, ()))
    for name in (ROOT, TARGETS):
        if ours & _publics(root.roles[name], root.keys) or assigning & set(root.roles[name].keyids):
            raise MetadataRefusedError(f"{name} names a key that is online: who breaks into the cloud would have it")


def _publics(role: Role, keys: Mapping[str, Key]) -> set[str]:
    return {str(keys[keyid].keyval) for keyid in role.keyids}


def _check_delegation(role: DelegatedRole, delegations: Delegations, root: Root) -> None:
    task = task_of_role(role.name)
    expected = None if task is None else [delegated_path(task)]
    if role.name == ASSIGNMENTS:
        if role.paths != [ASSIGNMENTS_PATH] or not role.terminating or role.unrecognized_fields:
            raise MetadataRefusedError(f"{ASSIGNMENTS} is not for exactly `{ASSIGNMENTS_PATH}`, terminating")
    elif expected is None or role.paths != expected or not role.terminating or role.unrecognized_fields:
        raise MetadataRefusedError(f"{role.name} is not `task.NAME` for exactly `NAME/*`, terminating")
    _check_keys(role.name, role, delegations.keys)
    online = {key for name in _ONLINE for key in _publics(root.roles[name], root.keys)}
    if online & _publics(role, delegations.keys):
        raise MetadataRefusedError(f"{role.name} names a key of snapshot or timestamp: give it its own")


def _check_assignments(delegations: Delegations, root: Root, ours: Collection[str]) -> None:
    """The cloud signs assignments, by keys that sign nothing else."""
    roles = delegations.roles or {}
    role = roles.get(ASSIGNMENTS)
    if role is None:
        return
    if not set(role.keyids) <= set(ours):
        raise MetadataRefusedError(f"{ASSIGNMENTS} is the cloud's to sign: name its keys alone")
    taken = {key for one in root.roles.values() for key in _publics(one, root.keys)}
    taken |= {key for one in roles.values() if one is not role for key in _publics(one, delegations.keys)}
    if taken & _publics(role, delegations.keys):
        raise MetadataRefusedError(f"{ASSIGNMENTS} names a key of another role's: give it its own")


def _check_keys(name: str, role: Role, keys: Mapping[str, Key]) -> None:
    named = [keys[keyid] for keyid in role.keyids if keyid in keys]
    if len(named) != len(role.keyids):
        raise MetadataRefusedError(f"{name} names a key that is not there")
    if len(_publics(role, keys)) != len(named):
        raise MetadataRefusedError(f"{name} names one key twice")
    if role.threshold > len(named):
        raise MetadataRefusedError(f"{name} needs {role.threshold} signatures, and names {len(named)} keys")


def _check_signed(delegator: Root | Targets, role: str, metadata: Metadata[_Signed]) -> None:
    result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    if not result:
        raise MetadataRefusedError(
            f"{role} is signed by {len(result.signed)} of the keys that may, and needs {result.threshold}"
        )
