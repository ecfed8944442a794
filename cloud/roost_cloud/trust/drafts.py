"""The next version of what is signed offline, unsigned. Pure: each takes what is trusted now, and changes a copy."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from datetime import datetime
from typing import TypeVar

from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Delegations, Role, Root, TargetFile, Targets

from roost_shared.trust.names import (
    ASSIGNMENTS,
    ASSIGNMENTS_PATH,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    delegated_path,
    task_role,
)

__all__ = ["assigning", "delegated", "first_root", "first_targets", "rekeyed", "released", "renewed"]

_Signed = TypeVar("_Signed", Root, Targets)


def first_root(
    root_keys: Sequence[Key],
    targets_keys: Sequence[Key],
    *,
    threshold: int,
    snapshot: Key,
    timestamp: Key,
    expires: datetime,
) -> Root:
    """The root that begins a repository.

    Args:
        root_keys: of which `threshold` sign a root.
        targets_keys: of which one signs targets.
        threshold: of root.
        snapshot: the cloud's key for snapshots.
        timestamp: the cloud's key for timestamps.
        expires: when another must have come.
    """
    named = {ROOT: root_keys, TARGETS: targets_keys, SNAPSHOT: [snapshot], TIMESTAMP: [timestamp]}
    return Root(
        version=1,
        expires=expires,
        keys={key.keyid: key for keys in named.values() for key in keys},
        roles={
            role: Role([key.keyid for key in keys], threshold if role == ROOT else 1) for role, keys in named.items()
        },
        consistent_snapshot=True,
    )


def first_targets(expires: datetime, assignments: Key | None = None) -> Targets:
    """Targets that let nobody release yet; `assignments` is the cloud's key for assignments, None for none."""
    first = Targets(version=1, expires=expires)
    if assignments is None:
        return first
    draft = assigning(first, [assignments], expires=expires)
    draft.version = 1
    return draft


def renewed(current: _Signed, expires: datetime) -> _Signed:
    """The same, one version on."""
    draft = deepcopy(current)
    draft.version, draft.expires = current.version + 1, expires
    return draft


def delegated(current: Targets, task: str, releasers: Sequence[Key], *, threshold: int, expires: datetime) -> Targets:
    """Targets by which these release for a task, in the place of whoever did before."""
    return _delegating(current, task_role(task), delegated_path(task), releasers, threshold, expires)


def assigning(current: Targets, keys: Sequence[Key], *, threshold: int = 1, expires: datetime) -> Targets:
    """Targets by which these sign assignments, in the place of those that did before."""
    return _delegating(current, ASSIGNMENTS, ASSIGNMENTS_PATH, keys, threshold, expires)


def rekeyed(
    current: Root, role: str, *, add: Iterable[Key], remove: Iterable[str], threshold: int | None, expires: datetime
) -> Root:
    """A root that names other keys for a role.

    Args:
        current: the root now.
        role: one of its four.
        add: keys it shall name.
        remove: ids of keys it shall name no more.
        threshold: how many have to sign from now on; None for as many as before.
        expires: when another must have come.
    """
    draft = renewed(current, expires)
    added, removed = list(add), set(remove)
    before = draft.roles[role]
    keyids = [keyid for keyid in before.keyids if keyid not in removed]
    keyids += [key.keyid for key in added if key.keyid not in keyids]
    draft.roles[role] = Role(keyids, before.threshold if threshold is None else threshold)
    _keep_named(draft.keys, added, draft.roles.values())
    return draft


def released(
    current: Targets | None, *, add: Iterable[TargetFile] = (), withdraw: Iterable[str] = (), expires: datetime
) -> Targets:
    """A task's releases with some more, and without others.

    Args:
        current: the releases now; None if there are none.
        add: manifests to release.
        withdraw: paths of manifests that no device shall take any more.
        expires: when they must have been signed anew.
    """
    draft = Targets(version=1, expires=expires) if current is None else renewed(current, expires)
    draft.targets |= {target.path: target for target in add}
    for path in withdraw:
        draft.targets.pop(path, None)
    return draft


def _delegating(
    current: Targets, role: str, path: str, named: Sequence[Key], threshold: int, expires: datetime
) -> Targets:
    draft = renewed(current, expires)
    if draft.delegations is None:
        draft.delegations = Delegations({}, {})
    roles = draft.delegations.roles
    assert roles is not None  # noqa: S101 - the repository accepts no succinct ones
    roles[role] = DelegatedRole(role, [key.keyid for key in named], threshold, terminating=True, paths=[path])
    _keep_named(draft.delegations.keys, named, roles.values())
    return draft


def _keep_named(keys: dict[str, Key], added: Iterable[Key], roles: Iterable[Role]) -> None:
    """Let the store of keys hold those that roles name, and no others."""
    keys |= {key.keyid: key for key in added}
    named = {keyid for role in roles for keyid in role.keyids}
    for keyid in keys.keys() - named:
        del keys[keyid]
