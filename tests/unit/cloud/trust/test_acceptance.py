"""What a new version of somebody's metadata may change: each thing that it may not, one at a time."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tuf.api.metadata import DelegatedRole, Delegations, Root, SuccinctRoles, TargetFile, Targets

from roost_cloud.trust import drafts
from roost_cloud.trust.acceptance import ManifestFacts, accept_release, accept_root, accept_targets, changed_paths
from roost_cloud.trust.errors import MetadataRefusedError, VersionTakenError
from tests.support.trust import new_signer, signed
from tests.support.tuf_repository import DAY, MANIFEST, NOW

ROOTS = [new_signer(), new_signer(), new_signer()]
TARGETS, SNAPSHOT, TIMESTAMP, RELEASER, STRANGER, ASSIGNING = (new_signer() for _ in range(6))
OURS = [ASSIGNING.public_key.keyid]
ONLINE = {"snapshot": [SNAPSHOT.public_key.keyid], "timestamp": [TIMESTAMP.public_key.keyid], "assignments": OURS}
EXPIRES = NOW + 365 * DAY
PATH = "meter/meter:1"
TARGET = TargetFile.from_data(PATH, MANIFEST, ["sha256"])
FACTS = ManifestFacts(TARGET.length, TARGET.hashes["sha256"])


def root() -> Root:
    return drafts.first_root(
        [signer.public_key for signer in ROOTS],
        [TARGETS.public_key],
        threshold=2,
        snapshot=SNAPSHOT.public_key,
        timestamp=TIMESTAMP.public_key,
        expires=EXPIRES,
    )


def targets() -> Targets:
    return drafts.delegated(
        drafts.first_targets(EXPIRES), "meter", [RELEASER.public_key], threshold=1, expires=EXPIRES
    )


def assigning(*signers: Any) -> Targets:
    """Targets one version on, by which these sign assignments."""
    keys = [signer.public_key for signer in signers or (ASSIGNING,)]
    return drafts.assigning(targets(), keys, expires=EXPIRES)


def release() -> Targets:
    return drafts.released(None, add=[TargetFile.from_data(PATH, MANIFEST, ["sha256"])], expires=EXPIRES)


@dataclass(frozen=True)
class Refusal:
    change: Callable[[Any], object]
    words: str
    error: type[Exception] = MetadataRefusedError


def of_role(name: str, **fields: Any) -> Callable[[Any], object]:
    return lambda it: it.roles[name].__dict__.update(fields)


def of_delegation(**fields: Any) -> Callable[[Any], object]:
    return lambda it: it.delegations.roles["task.meter"].__dict__.update(fields)


COMMON = {
    "a version too far": Refusal(lambda it: it.__dict__.update(version=3), "the next is", VersionTakenError),
    "expired": Refusal(lambda it: setattr(it, "expires", NOW), "not within two years"),
    "for ever": Refusal(lambda it: setattr(it, "expires", NOW + 800 * DAY), "not within two years"),
    "more fields": Refusal(lambda it: it.unrecognized_fields.update(x=1), "says more than TUF knows"),
}
ROOT_REFUSALS = COMMON | {
    "no consistent snapshots": Refusal(lambda it: setattr(it, "consistent_snapshot", False), "consistent snapshots"),
    "snapshot by another": Refusal(lambda it: it.add_key(STRANGER.public_key, "snapshot"), "snapshot is the cloud's"),
    "timestamp by two": Refusal(of_role("timestamp", threshold=2), "2 signatures, and names 1 keys"),
    "root online": Refusal(lambda it: it.add_key(SNAPSHOT.public_key, "root"), "root names a key that is online"),
    "targets online": Refusal(lambda it: it.add_key(TIMESTAMP.public_key, "targets"), "targets names a key that is"),
    "targets by assignments' key": Refusal(lambda it: it.add_key(ASSIGNING.public_key, "targets"), "that is online"),
    "more signatures than keys": Refusal(of_role("targets", threshold=2), "2 signatures, and names 1 keys"),
    "a key that is not there": Refusal(lambda it: it.keys.pop(TARGETS.public_key.keyid), "names a key that is not"),
    "nobody for root": Refusal(of_role("root", keyids=[]), "2 signatures, and names 0 keys"),
}
TARGETS_REFUSALS = {
    "a version too far": Refusal(lambda it: it.__dict__.update(version=4), "the next is", VersionTakenError),
    "a target": Refusal(lambda it: it.targets.update({PATH: TARGET}), "release nothing themselves"),
    "a wider path": Refusal(of_delegation(paths=["*/*"]), "exactly `NAME/\\*`"),
    "another's path": Refusal(of_delegation(paths=["faces/*"]), "exactly `NAME/\\*`"),
    "more paths": Refusal(of_delegation(paths=["meter/*", "faces/*"]), "exactly `NAME/\\*`"),
    "not terminating": Refusal(of_delegation(terminating=False), "terminating"),
    "hash prefixes": Refusal(of_delegation(paths=None, path_hash_prefixes=["00"]), "exactly `NAME/\\*`"),
    "another role's name": Refusal(of_delegation(name="evil"), "exactly `NAME/\\*`"),
    "nobody": Refusal(of_delegation(keyids=[]), "1 signatures, and names 0 keys"),
    "an online key": Refusal(lambda it: it.add_key(SNAPSHOT.public_key, "task.meter"), "give it its own"),
    "succinct": Refusal(
        lambda it: setattr(it, "delegations", Delegations({}, succinct_roles=SuccinctRoles([], 1, 2, "bin"))),
        "succinct",
    ),
}
RELEASE_REFUSALS = COMMON | {
    "delegates": Refusal(
        lambda it: setattr(
            it, "delegations", Delegations({}, {"a": DelegatedRole("a", [], 1, terminating=False, paths=["*"])})
        ),
        "a releaser speaks for itself",
    ),
    "a hash of another kind": Refusal(lambda it: it.targets[PATH].hashes.update(md5="00"), "more or less than"),
    "custom": Refusal(lambda it: it.targets[PATH].unrecognized_fields.update(custom={}), "more or less than"),
    "another length": Refusal(lambda it: it.targets[PATH].__dict__.update(length=1), "bytes of sha256"),
    "another hash": Refusal(lambda it: it.targets[PATH].hashes.update(sha256="00"), "bytes of sha256"),
}


def test_what_may_be_is_accepted() -> None:
    first = accept_root(signed(root(), *ROOTS[:2]), None, online=ONLINE, now=NOW).signed
    assert accept_targets(signed(targets(), TARGETS), first, 1, now=NOW).signed.version == 2
    accepted = accept_release("meter", signed(release(), RELEASER), targets(), 0, changed={PATH: FACTS}, now=NOW)
    assert list(accepted.signed.targets) == [PATH]


@pytest.mark.parametrize("name", ROOT_REFUSALS)
def test_a_root_is_refused(name: str) -> None:
    draft = root()
    ROOT_REFUSALS[name].change(draft)
    with pytest.raises(ROOT_REFUSALS[name].error, match=ROOT_REFUSALS[name].words):
        accept_root(signed(draft, *ROOTS), None, online=ONLINE, now=NOW)


FRESH = [new_signer(), new_signer()]


@pytest.mark.parametrize(
    "signers", [[ROOTS[0], *FRESH], FRESH, ROOTS, [*ROOTS, FRESH[0]], [STRANGER, SNAPSHOT, TARGETS]]
)
def test_a_next_root_needs_enough_of_both(signers: list[Any]) -> None:
    draft = drafts.renewed(root(), EXPIRES)
    draft.roles["root"].keyids = [signer.public_key.keyid for signer in FRESH]
    draft.keys |= {signer.public_key.keyid: signer.public_key for signer in FRESH}
    with pytest.raises(MetadataRefusedError, match="root is signed by"):
        accept_root(signed(draft, *signers), root(), online=ONLINE, now=NOW)


def test_a_next_root_by_the_old_keys_and_the_new_is_accepted() -> None:
    draft = drafts.rekeyed(
        root(),
        "root",
        add=[signer.public_key for signer in FRESH],
        remove=[signer.public_key.keyid for signer in ROOTS],
        threshold=None,
        expires=EXPIRES,
    )
    accepted = accept_root(signed(draft, *ROOTS[1:], *FRESH), root(), online=ONLINE, now=NOW)
    assert accepted.signed.version == 2


def test_one_key_under_two_names_signs_once() -> None:
    draft = root()
    twin = deepcopy(ROOTS[0].public_key)
    twin.keyid = "f" * 64
    draft.add_key(twin, "root")
    with pytest.raises(MetadataRefusedError, match="names one key twice"):
        accept_root(signed(draft, *ROOTS), None, online=ONLINE, now=NOW)


@pytest.mark.parametrize("name", TARGETS_REFUSALS)
def test_targets_are_refused(name: str) -> None:
    draft = targets()
    TARGETS_REFUSALS[name].change(draft)
    with pytest.raises(TARGETS_REFUSALS[name].error, match=TARGETS_REFUSALS[name].words):
        accept_targets(signed(draft, TARGETS), root(), 1, now=NOW)


def of_assigning(**fields: Any) -> Callable[[Any], object]:
    return lambda it: it.delegations.roles["assignments"].__dict__.update(fields)


def shared_with(signer: Any) -> Callable[[Any], object]:
    return lambda it: it.add_key(signer.public_key, "assignments")


ASSIGNING_REFUSALS = {
    "a path of a task": Refusal(of_assigning(paths=["meter/*"]), "not for exactly `:assignments`"),
    "any path": Refusal(of_assigning(paths=["*"]), "not for exactly `:assignments`"),
    "any of a level": Refusal(of_assigning(paths=[":assignments", "*/*"]), "not for exactly `:assignments`"),
    "hash prefixes": Refusal(of_assigning(paths=None, path_hash_prefixes=[""]), "not for exactly `:assignments`"),
    "not terminating": Refusal(of_assigning(terminating=False), "terminating"),
    "nobody": Refusal(of_assigning(keyids=[]), "1 signatures, and names 0 keys"),
    "more signatures than keys": Refusal(of_assigning(threshold=2), "2 signatures, and names 1 keys"),
    "a stranger's key": Refusal(shared_with(STRANGER), "name its keys alone"),
    "the snapshot's key": Refusal(shared_with(SNAPSHOT), "key of snapshot or timestamp"),
    "the timestamp's key": Refusal(shared_with(TIMESTAMP), "key of snapshot or timestamp"),
    "the root's key": Refusal(shared_with(ROOTS[0]), "a key of another role's"),
    "the targets' key": Refusal(shared_with(TARGETS), "a key of another role's"),
    "a releaser's key": Refusal(shared_with(RELEASER), "a key of another role's"),
    "its key a releaser's": Refusal(lambda it: it.add_key(ASSIGNING.public_key, "task.meter"), "of another role's"),
    "more fields": Refusal(of_assigning(unrecognized_fields={"x": 1}), "not for exactly"),
}


def test_targets_may_name_the_keys_of_assignments() -> None:
    accepted = accept_targets(signed(assigning(), TARGETS), root(), 2, assignments=OURS, now=NOW)
    assert list(accepted.signed.delegations.roles) == ["task.meter", "assignments"]  # type: ignore[union-attr,arg-type]


@pytest.mark.parametrize("name", ASSIGNING_REFUSALS)
def test_targets_that_name_them_otherwise_are_refused(name: str) -> None:
    draft = assigning()
    ASSIGNING_REFUSALS[name].change(draft)
    every = [signer.public_key.keyid for signer in (ASSIGNING, SNAPSHOT, TIMESTAMP, *ROOTS, TARGETS, RELEASER)]
    with pytest.raises(MetadataRefusedError, match=ASSIGNING_REFUSALS[name].words):
        accept_targets(signed(draft, TARGETS), root(), 2, assignments=every, now=NOW)


def test_two_of_the_clouds_keys_may_be_asked_for() -> None:
    second = new_signer()
    draft = assigning(ASSIGNING, second)
    of_assigning(threshold=2)(draft)
    ours = [*OURS, second.public_key.keyid]
    assert accept_targets(signed(draft, TARGETS), root(), 2, assignments=ours, now=NOW).signed.version == 3
    with pytest.raises(MetadataRefusedError, match="name its keys alone"):
        accept_targets(signed(draft, TARGETS), root(), 2, assignments=OURS, now=NOW)


@pytest.mark.parametrize("signer", [STRANGER, RELEASER, ROOTS[0], SNAPSHOT])
def test_targets_are_signed_by_their_key_alone(signer: Any) -> None:
    with pytest.raises(MetadataRefusedError, match="targets is signed by 0 of the keys"):
        accept_targets(signed(targets(), signer), root(), 1, now=NOW)


@pytest.mark.parametrize("name", RELEASE_REFUSALS)
def test_a_release_is_refused(name: str) -> None:
    draft = release()
    RELEASE_REFUSALS[name].change(draft)
    with pytest.raises(RELEASE_REFUSALS[name].error, match=RELEASE_REFUSALS[name].words):
        accept_release("meter", signed(draft, RELEASER), targets(), 0, changed={PATH: FACTS}, now=NOW)


def test_a_release_of_what_the_registry_lacks_is_refused() -> None:
    with pytest.raises(MetadataRefusedError, match="no manifest that the registry has"):
        accept_release("meter", signed(release(), RELEASER), targets(), 0, changed={PATH: None}, now=NOW)


@pytest.mark.parametrize("signer", [STRANGER, TARGETS, ROOTS[0], TIMESTAMP])
def test_a_release_is_signed_by_its_releaser_alone(signer: Any) -> None:
    with pytest.raises(MetadataRefusedError, match=r"task\.meter is signed by 0 of the keys"):
        accept_release("meter", signed(release(), signer), targets(), 0, changed={PATH: FACTS}, now=NOW)


@pytest.mark.parametrize("delegator", [targets(), drafts.first_targets(EXPIRES)])
def test_nobody_releases_for_a_task_that_is_not_delegated(delegator: Targets) -> None:
    with pytest.raises(MetadataRefusedError, match="`roost trust delegate faces` comes first"):
        accept_release("faces", signed(release(), RELEASER), delegator, 0, changed={PATH: FACTS}, now=NOW)


def test_only_what_has_changed_is_looked_up() -> None:
    after = drafts.released(
        release(), add=[TargetFile.from_data("meter/meter:2", b"2", ["sha256"])], expires=EXPIRES + timedelta(days=1)
    )
    assert changed_paths(signed(after, RELEASER), "meter", release()) == ["meter/meter:2"]
    assert changed_paths(signed(after, RELEASER), "meter", None) == [PATH, "meter/meter:2"]
    after.targets[PATH].length += 1
    assert changed_paths(signed(after, RELEASER), "meter", release()) == [PATH, "meter/meter:2"]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b"[" * 9999, signed(targets(), TARGETS), bytes(1 << 20)])
def test_what_is_no_root_is_refused(data: bytes) -> None:
    with pytest.raises(MetadataRefusedError):
        accept_root(data, None, online=ONLINE, now=NOW)
