"""An assignment as a device gets it: what is believed, and what each attack on it comes to."""

import json
import string
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from roost_shared.assignment import ASSIGNMENT_LIMIT_BYTES, AssignedContestant, AssignedTask, Assignment
from roost_shared.durable import write_durably
from roost_shared.errors import RoostError
from roost_shared.messages import VersionMismatchError, encode_json
from roost_shared.trust import (
    NoAssignmentKeyError,
    TrustClient,
    TrustRefusedError,
    TrustStaleError,
    TrustUnreachableError,
)
from roost_shared.trust.envelope import PAYLOAD_TYPE, AssignmentSizeError, SealedAssignment, seal
from roost_shared.trust.names import ASSIGNMENTS
from tests.support.tuf_repository import DAY, DEVICE, TENANT, TufRepository, assignment

BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
STRANGER = CryptoSigner.generate_ed25519()


@pytest.fixture
def repository() -> TufRepository:
    return TufRepository()


@pytest.fixture
def client(repository: TufRepository, tmp_path: Path) -> TrustClient:
    return repository.client(tmp_path)


def verify(client: TrustClient, data: bytes, newest: int = 0) -> Assignment:
    return client.verify_assignment(data, tenant=TENANT, device=DEVICE, newest=newest)


def test_what_is_signed_for_this_device_is_believed(repository: TufRepository, client: TrustClient) -> None:
    assert verify(client, repository.seal(7)) == assignment(7)
    assert verify(client, repository.seal(7), 7) == assignment(7), "the same again does no harm"
    assert verify(client, repository.seal(9), 7) == assignment(9)
    assert client.state == "fresh"
    assert client.verify_manifest("meter", "meter", "1"), "a bundle is found past the role that has no metadata"


def test_it_is_a_dsse_envelope(repository: TufRepository) -> None:
    """securesystemslib reads and believes it, as any other implementation would."""
    envelope = Envelope.from_dict(json.loads(repository.seal(1)))
    assert envelope.payload_type == PAYLOAD_TYPE
    assert envelope.verify(repository.publics(ASSIGNMENTS), 1)
    assert json.loads(envelope.payload)["device"] == DEVICE


# ---- attacks: each returns what the device is given

Attack = Callable[[TufRepository], bytes]


def edited(change: Callable[[dict[str, Any]], object]) -> Attack:
    def attack(repository: TufRepository) -> bytes:
        document = json.loads(repository.seal(8))
        change(document)
        return json.dumps(document).encode()

    return attack


def payload_edited(document: dict[str, Any]) -> None:
    document["payload"] = b64encode(b64decode(document["payload"]).replace(b'"version":8', b'"version":9')).decode()


def by(*signers: CryptoSigner) -> Attack:
    return lambda _: seal(assignment(8), signers)


def rotated_out(repository: TufRepository) -> bytes:
    data = repository.seal(8)
    repository.signers[ASSIGNMENTS] = [CryptoSigner.generate_ed25519()]
    repository.next_targets()
    return data


def one_of_two(repository: TufRepository) -> bytes:
    data = repository.seal(8)
    repository.signers[ASSIGNMENTS].append(CryptoSigner.generate_ed25519())
    repository.thresholds[ASSIGNMENTS] = 2
    repository.next_targets()
    return data


def one_key_under_two_names(repository: TufRepository) -> bytes:
    """Somebody has the targets name the one key twice, and signs by it twice."""
    signer = repository.signers[ASSIGNMENTS][0]
    twin = CryptoSigner(signer._private_key)
    twin.public_key.keyid = "f" * 64
    repository.signers[ASSIGNMENTS].append(twin)
    repository.thresholds[ASSIGNMENTS] = 2
    repository.next_targets()
    return repository.seal(8)


def by_role(role: str) -> Attack:
    return lambda repository: seal(assignment(8), repository.signers[role])


def of_other_type(repository: TufRepository) -> bytes:
    """The cloud's own signature under something that is no assignment, given out as one."""
    envelope = Envelope(SealedAssignment.parse(repository.seal(8)).payload, "text/plain", {})
    envelope.sign(repository.signers[ASSIGNMENTS][0])
    return json.dumps(envelope.to_dict() | {"payloadType": PAYLOAD_TYPE}).encode()


def undelegated(repository: TufRepository) -> bytes:
    data = repository.seal(8)
    assert repository.targets.delegations is not None
    assert repository.targets.delegations.roles is not None
    del repository.targets.delegations.roles[ASSIGNMENTS]
    repository.targets.version += 1
    repository.put("targets", repository.targets)
    repository.step()
    return data


def newer_schema(repository: TufRepository) -> bytes:
    return repository.seal(8, schema_version=2)


def signed_nonsense(repository: TufRepository) -> bytes:
    return SealedAssignment(b'{"schema_version": 1}', {}).sealed_by(repository.signers[ASSIGNMENTS])


def of_runtime(**settings: Any) -> Attack:
    """Whoever has broken into the cloud and its keys says how a model is to be loaded."""

    def attack(repository: TufRepository) -> bytes:
        document = msgspec.json.decode(encode_json(assignment(8)))
        for task in document["tasks"].values():
            task["contestants"][0]["runtime"] = settings
        payload = json.dumps(document).encode()
        return SealedAssignment(payload, {}).sealed_by(repository.signers[ASSIGNMENTS])

    return attack


@dataclass(frozen=True)
class Case:
    attack: Attack
    error: type[Exception] = TrustRefusedError
    reason: str | None = None


def twice(document: dict[str, Any]) -> None:
    document["signatures"] *= 2


def bits_beyond(document: dict[str, Any]) -> None:
    """The same bytes, written in another way: what is kept of an envelope is compared by its text."""
    signature = document["signatures"][0]
    assert signature["sig"].endswith("=="), "four bits of its last letter mean nothing"
    last = BASE64[BASE64.index(signature["sig"][-3]) + 1]
    signature["sig"] = signature["sig"][:-3] + last + "=="


CASES = {
    "another device's": Case(lambda it: it.seal(8, device="cam-02"), reason="addressee"),
    "another tenant's": Case(lambda it: it.seal(8, tenant="other"), reason="addressee"),
    "by a stranger": Case(by(STRANGER), reason="signature"),
    "by nobody": Case(by(), reason="signature"),
    "by a releaser": Case(by_role("task.meter"), reason="signature"),
    "by the timestamp's key": Case(by_role("timestamp"), reason="signature"),
    "by a key that was rotated out": Case(rotated_out, reason="signature"),
    "by one of two": Case(one_of_two, reason="signature"),
    "by one key under two names": Case(one_key_under_two_names, reason="signature"),
    "signed as something else": Case(of_other_type, reason="signature"),
    "stripped of signatures": Case(edited(lambda it: it["signatures"].clear()), reason="signature"),
    "of a signature that is cut": Case(edited(lambda it: it["signatures"][0].update(sig="QUJD")), reason="signature"),
    "edited": Case(edited(payload_edited), reason="signature"),
    "an older one": Case(lambda it: it.seal(6), reason="rollback"),
    "another under the same number": Case(lambda it: it.seal(7, issued_at="later"), reason="rollback"),
    "without a key delegated": Case(undelegated, NoAssignmentKeyError),
    "of a newer cloud": Case(newer_schema, VersionMismatchError),
    "signed nonsense": Case(signed_nonsense, reason="malformed"),
    "with a library by its path": Case(of_runtime(delegate="/var/lib/roost/bundles/partial/0123"), reason="malformed"),
    "with a library by its path among options": Case(
        of_runtime(delegate="libx.so", delegate_options={"backend": "partial/0123"}), reason="malformed"
    ),
    "of another type": Case(edited(lambda it: it.update(payloadType="text/plain")), reason="malformed"),
    "signed twice in one name": Case(edited(twice), reason="malformed"),
    "without a payload": Case(edited(lambda it: it.pop("payload")), reason="malformed"),
    "of a payload that is no text": Case(edited(lambda it: it.update(payload=7)), reason="malformed"),
    "signed by a number": Case(edited(lambda it: it["signatures"][0].update(keyid=7)), reason="malformed"),
    "of base64 with a blank": Case(edited(lambda it: it.update(payload=it["payload"] + "\n")), reason="malformed"),
    "of base64 with bits that mean nothing": Case(edited(bits_beyond), reason="malformed"),
    "truncated": Case(lambda it: it.seal(8)[:-1], reason="malformed"),
    "empty": Case(lambda _: b"", reason="malformed"),
    "a member twice": Case(lambda it: b'{"payload":"",' + it.seal(8)[1:], reason="malformed"),
    "nested too deep": Case(lambda _: b"[" * 100_000, reason="malformed"),
    "a number too long": Case(lambda _: b"1" * 100_000, reason="malformed"),
    "too large": Case(lambda _: bytes(ASSIGNMENT_LIMIT_BYTES + 1), reason="too_large"),
}


def test_hardware_is_asked_for_by_the_name_of_what_is_installed(
    repository: TufRepository, client: TrustClient
) -> None:
    data = of_runtime(delegate="libedgetpu.so.1", delegate_options={"device": "usb"})(repository)
    (task,) = verify(client, data).tasks.values()
    assert task.contestants[0].runtime.delegate == "libedgetpu.so.1"


@pytest.mark.parametrize("name", CASES)
def test_an_attack_gets_nothing_believed(repository: TufRepository, client: TrustClient, name: str) -> None:
    case = CASES[name]
    good = repository.seal(7)
    verify(client, good)
    data = case.attack(repository)
    client.refresh()
    with pytest.raises(case.error) as caught:
        verify(client, data, 7)
    assert getattr(caught.value, "reason", None) == case.reason
    assert client.state == "fresh", "the repository is as good as before"
    if case.attack not in (rotated_out, one_of_two, one_key_under_two_names, undelegated):
        assert verify(client, good, 7) == assignment(7), "and what was believed still is"


@pytest.mark.parametrize(
    ("attack", "error", "state"),
    [
        (lambda it: setattr(it, "now", it.now + 2 * DAY), TrustStaleError, "stale"),
        (lambda it: it.published.clear(), TrustUnreachableError, "unreachable"),
    ],
)
def test_nothing_is_believed_by_a_repository_that_is_old_or_away(
    repository: TufRepository, client: TrustClient, attack: Attack, error: type[Exception], state: str
) -> None:
    verify(client, repository.seal(7))
    attack(repository)
    with pytest.raises(error):
        client.refresh()
    with pytest.raises(error):
        verify(client, repository.seal(8), 7)
    assert client.state == state


# ---- memory


def test_what_was_believed_is_remembered_over_a_restart(
    repository: TufRepository, client: TrustClient, tmp_path: Path
) -> None:
    verify(client, repository.seal(7))
    again = repository.client(tmp_path)
    with pytest.raises(TrustRefusedError, match="rollback"):
        verify(again, repository.seal(6))
    with pytest.raises(TrustRefusedError, match="said something else"):
        verify(again, repository.seal(7, issued_at="later"))


@pytest.mark.parametrize("bytes_kept", [b"", b"{}", b"\xff", None])
def test_a_memory_that_is_lost_leaves_what_the_caller_knows(
    repository: TufRepository, client: TrustClient, tmp_path: Path, bytes_kept: bytes | None
) -> None:
    verify(client, repository.seal(7))
    if bytes_kept is None:
        (tmp_path / "assignment.json").unlink()
    else:
        write_durably(tmp_path / "assignment.json", bytes_kept)
    with pytest.raises(TrustRefusedError, match="rollback"):
        verify(client, repository.seal(6), 7)
    assert verify(client, repository.seal(7), 7) == assignment(7)


def test_of_two_memories_the_newer_one_counts(repository: TufRepository, client: TrustClient) -> None:
    """As where the folder is from an old copy, or the caller's is."""
    verify(client, repository.seal(7))
    with pytest.raises(TrustRefusedError, match="rollback"):
        verify(client, repository.seal(8), 9)
    with pytest.raises(TrustRefusedError, match="rollback"):
        verify(client, repository.seal(6), 5)
    assert verify(client, repository.seal(9), 9) == assignment(9)


def test_a_stolen_key_that_went_out_of_all_reach_is_cured_by_a_new_one(
    repository: TufRepository, client: TrustClient
) -> None:
    verify(client, repository.seal(2**53))
    with pytest.raises(TrustRefusedError, match="rollback"):
        verify(client, repository.seal(8), 2**53)
    repository.signers[ASSIGNMENTS] = [CryptoSigner.generate_ed25519()]
    repository.next_targets()
    client.refresh()
    assert verify(client, repository.seal(8), 2**53) == assignment(8)
    with pytest.raises(TrustRefusedError, match="rollback"):
        verify(client, repository.seal(7), 8)


def test_a_key_is_changed_without_a_moment_between(repository: TufRepository, client: TrustClient) -> None:
    """Signed by the old key and the new, an assignment is believed before and after the targets change."""
    old, new = repository.signers[ASSIGNMENTS][0], CryptoSigner.generate_ed25519()
    verify(client, repository.seal(7))
    both = SealedAssignment.parse(repository.seal(7)).sealed_by([old, new])
    assert verify(client, both, 7) == assignment(7)
    repository.signers[ASSIGNMENTS] = [new]
    repository.next_targets()
    client.refresh()
    assert verify(client, both, 7) == assignment(7)
    assert verify(client, SealedAssignment.parse(both).sealed_by([new]), 7) == assignment(7)
    with pytest.raises(TrustRefusedError, match="rollback"):
        verify(client, repository.seal(6), 7)


def test_an_assignment_too_large_for_a_device_is_not_sealed(repository: TufRepository) -> None:
    cloud = AssignedContestant(name="cloud", where="cloud")
    many = AssignedTask(contestants=(cloud,), default="x" * ASSIGNMENT_LIMIT_BYTES)
    with pytest.raises(AssignmentSizeError, match="assign fewer tasks") as caught:
        repository.seal(1, tasks={"meter": many})
    assert isinstance(caught.value, RoostError)
