"""What an attacker without any key may do to a TUF repository, or to a device's way there: a table.

An attack changes a repository in the attacker's hands; `honest` keeps a copy out of reach.
"""

import gzip
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import SlowRetrievalError
from tuf.api.metadata import TargetFile

from roost_shared.trust import SignedManifest, TrustRefusedError, TrustStaleError, TrustUnreachableError
from roost_shared.trust.names import task_role
from tests.support.tuf_repository import DAY, TufRepository

__all__ = ["CASES", "EVIL", "STRANGER", "Case", "honest", "released"]

Attack = Callable[[TufRepository], None]
EVIL = b"an evil manifest"
STRANGER = CryptoSigner.generate_ed25519()


# ---- without any key


def roll_the_timestamp_back(repository: TufRepository) -> None:
    repository.published["timestamp.json"] = repository.first["timestamp.json"]


def roll_everything_back(repository: TufRepository) -> None:
    """The whole repository as it was: the object store's copy of last week."""
    repository.published = dict(repository.first)


def freeze(repository: TufRepository) -> None:
    repository.now += 2 * DAY


def mix_and_match(repository: TufRepository) -> None:
    """A release that is signed, of a version that the snapshot does not name."""
    first = repository.published[repository.named("{release}.task.meter.json")]
    repository.release_next()
    repository.published[f"{repository.release.version}.task.meter.json"] = first


def endless(file: str) -> Attack:
    def flood(_: bytes) -> Iterator[bytes]:
        while True:
            yield bytes(1 << 16)

    def attack(repository: TufRepository) -> None:
        repository.release_next()
        repository.pieces[repository.named(file)] = flood

    return attack


def slow(_: bytes) -> Iterator[bytes]:
    yield b"{"
    raise SlowRetrievalError("not whole after 30 s")


def slowly(repository: TufRepository) -> None:
    repository.release_next()
    repository.pieces[None] = slow


def strangers(role: str) -> Attack:
    """Sign with a key that nobody named."""

    def attack(repository: TufRepository) -> None:
        repository.add("meter", "1", EVIL)
        before = repository.signers[role]
        repository.signers[role] = [STRANGER]
        repository.release.version += 1
        repository.targets.version += 1
        repository.publish()
        repository.step()
        repository.signers[role] = before

    return attack


def strange_root(repository: TufRepository) -> None:
    """A next root that names the attacker, signed by the attacker."""
    repository.root.version += 1
    repository.signers = {role: [STRANGER] for role in repository.signers}
    repository.name_keys()
    repository.publish_root()


def skip_a_root(repository: TufRepository) -> None:
    """A root that is signed and two versions on, under the next one's name."""
    name = repository.named("{root}.root.json")
    repository.root.version += 2
    repository.publish_root()
    repository.published[name] = repository.published[f"{repository.root.version}.root.json"]


def edited(file: str, change: Callable[[dict[str, object]], object]) -> Attack:
    def attack(repository: TufRepository) -> None:
        repository.release_next()
        repository.edit(repository.named(file), change)

    return attack


def put_evil(repository: TufRepository) -> None:
    """Database and object store in the attacker's hands: everything is made anew, with the attacker's keys."""
    evil = TufRepository(now=repository.now)
    evil.add("meter", "1", EVIL)
    evil.release_next()
    repository.published = evil.published
    repository.tell_time = evil.tell_time  # type: ignore[method-assign]


def nested(repository: TufRepository) -> None:
    repository.published["timestamp.json"] = b"[" * 16_000


def zipped(repository: TufRepository) -> None:
    repository.published["timestamp.json"] = gzip.compress(bytes(10 << 20))


def other_tenant(repository: TufRepository) -> None:
    repository.published = TufRepository(now=repository.now).published


def old_time(repository: TufRepository) -> None:
    """An honest answer to an older question."""
    answer = repository.tell_time("an-older-nonce")
    repository.tell_time = lambda nonce: answer  # type: ignore[method-assign]  # noqa: ARG005


def own_time(repository: TufRepository) -> None:
    """A time that nobody we know has signed."""
    repository.signers["timestamp"] = [STRANGER]


@dataclass(frozen=True)
class Case:
    """An attack, and what a device says to it that it meets alone."""

    attack: Attack
    error: type[Exception]
    reason: str | None = None


CASES = {
    "timestamp rolled back": Case(roll_the_timestamp_back, TrustRefusedError, "rollback"),
    "everything rolled back": Case(roll_everything_back, TrustRefusedError, "rollback"),
    "frozen": Case(freeze, TrustStaleError),
    "mixed and matched": Case(mix_and_match, TrustRefusedError, "mismatch"),
    "endless timestamp": Case(endless("timestamp.json"), TrustRefusedError, "too_large"),
    "endless root": Case(endless("{root}.root.json"), TrustRefusedError, "too_large"),
    "endless snapshot": Case(endless("{snapshot}.snapshot.json"), TrustRefusedError, "too_large"),
    "endless release": Case(endless("{release}.task.meter.json"), TrustRefusedError, "too_large"),
    "endless time": Case(endless("time"), TrustRefusedError, "too_large"),
    "slow": Case(slowly, TrustUnreachableError),
    "timestamp by a stranger": Case(strangers("timestamp"), TrustRefusedError, "signature"),
    "snapshot by a stranger": Case(strangers("snapshot"), TrustRefusedError, "signature"),
    "targets by a stranger": Case(strangers("targets"), TrustRefusedError, "signature"),
    "release by a stranger": Case(strangers(task_role("meter")), TrustRefusedError, "signature"),
    "root by a stranger": Case(strange_root, TrustRefusedError, "signature"),
    "root skipped": Case(skip_a_root, TrustRefusedError, "rollback"),
    "store and database": Case(put_evil, TrustRefusedError, "time"),
    "store, with an honest cloud": Case(other_tenant, TrustRefusedError, "signature"),
    "timestamp edited": Case(
        edited("timestamp.json", lambda it: it["signed"].update(version=9)),  # type: ignore[attr-defined]
        TrustRefusedError,
        "signature",
    ),
    "release edited": Case(
        edited("{release}.task.meter.json", lambda it: it["signed"]["targets"].clear()),  # type: ignore[index]
        TrustRefusedError,
        "mismatch",
    ),
    "nested too deep": Case(nested, TrustRefusedError, "malformed"),
    "a bomb": Case(zipped, TrustRefusedError, "malformed"),
    "an older time": Case(old_time, TrustRefusedError, "time"),
    "a time of one's own": Case(own_time, TrustRefusedError, "time"),
}


def released(manifest: bytes) -> SignedManifest:
    """What a device is told of a manifest that it may believe."""
    target = TargetFile.from_data("a/b", manifest, ["sha256"])
    return SignedManifest(target.length, target.hashes["sha256"])


def honest(repository: TufRepository) -> TufRepository:
    """The repository as it is, with its keys, out of the attacker's reach."""
    kept = TufRepository(now=repository.now)
    for name in ("root", "targets", "release", "snapshot", "timestamp", "signers", "published", "thresholds", "first"):
        setattr(kept, name, _copied(getattr(repository, name)))
    return kept


def _copied(value: object) -> object:
    return dict(value) if isinstance(value, dict) else deepcopy(value)
