"""An assignment as it travels, signed: a DSSE envelope (https://github.com/secure-systems-lab/dsse).

    {"payload": "…", "payloadType": "application/vnd.roost.assignment.v1+json",
     "signatures": [{"keyid": "…", "sig": "…"}]}

`payload` is the assignment's JSON and `sig` a signature over it and its type, both in base64. Reading is stricter than
securesystemslib's: bytes that two readers could take for two things are none. What is read is not believed yet:
`SealedAssignment.is_by` says whether it is signed, `roost_shared.trust.client` whether it is for us and the newest.

>>> SealedAssignment.parse(b"{}")
Traceback (most recent call last):
roost_shared.trust.errors.TrustRefusedError: malformed: the assignment's envelope cannot be read
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, Signature, Signer
from tuf.api.metadata import DelegatedRole, Targets

from roost_shared.assignment import ASSIGNMENT_LIMIT_BYTES, Assignment
from roost_shared.errors import ContentError
from roost_shared.messages import UNREADABLE, MessageError, VersionMismatchError, decode_json, encode_json
from roost_shared.trust.errors import NoAssignmentKeyError, TrustRefusedError
from roost_shared.trust.names import ASSIGNMENTS

__all__ = ["PAYLOAD_TYPE", "AssignmentSizeError", "SealedAssignment", "assignment_role", "seal"]

PAYLOAD_TYPE: Final = "application/vnd.roost.assignment.v1+json"
_MOST_SIGNATURES: Final = 16


class AssignmentSizeError(ContentError):
    """An assignment is larger, signed, than a device takes."""

    code = "assignment.too_large"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(
            f"signed, the assignment has {size_bytes} bytes, and a device takes {ASSIGNMENT_LIMIT_BYTES}: "
            "assign fewer tasks, or shorter rules"
        )
        self.size_bytes = size_bytes


class _Signature(msgspec.Struct, frozen=True):
    keyid: Annotated[str, Meta(min_length=1, max_length=128)]
    sig: Annotated[str, Meta(min_length=1, max_length=4096)]


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    payload: str
    payload_type: str
    signatures: Annotated[tuple[_Signature, ...], Meta(max_length=_MOST_SIGNATURES)]


@dataclass(frozen=True)
class SealedAssignment:
    """What an envelope holds.

    Attributes:
        payload: the assignment's JSON.
        signatures: hex, by the id of the key that is said to have made it.
    """

    payload: bytes
    signatures: dict[str, str]

    @staticmethod
    def parse(data: bytes) -> "SealedAssignment":
        """Read an envelope; whether it is signed is not looked at.

        Raises:
            TrustRefusedError: `too_large`, or `malformed`.
        """
        if len(data) > ASSIGNMENT_LIMIT_BYTES:
            raise TrustRefusedError("too_large", f"{len(data)} bytes of assignment, at most {ASSIGNMENT_LIMIT_BYTES}")
        try:
            document = msgspec.convert(json.loads(data.decode(), object_pairs_hook=_members), _Document)
            payload = _bytes_of(document.payload)
            signatures = {one.keyid: _bytes_of(one.sig).hex() for one in document.signatures}
        except UNREADABLE as error:
            raise TrustRefusedError("malformed", "the assignment's envelope cannot be read") from error
        if len(signatures) != len(document.signatures):
            raise TrustRefusedError("malformed", "the assignment is signed twice in one key's name")
        if document.payload_type != PAYLOAD_TYPE:
            what = f"an envelope of {document.payload_type[:80]!r} is no assignment that we read ({PAYLOAD_TYPE})"
            raise TrustRefusedError("malformed", what)
        return SealedAssignment(payload, signatures)

    def is_by(self, targets: Targets) -> bool:
        """Whether as many keys have signed as the targets ask for; one key under two names counts once.

        Raises:
            NoAssignmentKeyError: the targets name none.
        """
        role, keys = assignment_role(targets)
        signed = {str(key.keyval) for key in self.signers_among(keys)}
        return len(signed) >= role.threshold

    def signers_among(self, keys: Iterable[Key]) -> list[Key]:
        """Those of these keys that have signed it."""
        text = Envelope(self.payload, PAYLOAD_TYPE, {}).pae()
        return [key for key in keys if self._is_by(key, text)]

    def assignment(self) -> Assignment:
        """What it says.

        Raises:
            VersionMismatchError: it is of another schema version; says which side to upgrade.
            TrustRefusedError: `malformed`.
        """
        try:
            return decode_json(self.payload, Assignment)
        except VersionMismatchError:
            raise
        except MessageError as error:
            raise TrustRefusedError("malformed", str(error)) from error

    def sealed_by(self, signers: Iterable[Signer]) -> bytes:
        """The same, signed by these in the place of whoever has.

        Raises:
            AssignmentSizeError: it is too large.
        """
        envelope = Envelope(self.payload, PAYLOAD_TYPE, {})
        for signer in signers:
            envelope.sign(signer)
        data = json.dumps(envelope.to_dict(), separators=(",", ":")).encode()
        if len(data) > ASSIGNMENT_LIMIT_BYTES:
            raise AssignmentSizeError(len(data))
        return data

    def _is_by(self, key: Key, text: bytes) -> bool:
        signature = self.signatures.get(key.keyid)
        if signature is None:
            return False
        try:
            key.verify_signature(Signature(key.keyid, signature), text)
        except UnverifiedSignatureError:
            return False
        return True


def seal(assignment: Assignment, signers: Iterable[Signer]) -> bytes:
    """An assignment, signed, as it goes to its device.

    Raises:
        AssignmentSizeError: it is too large for one.
    """
    return SealedAssignment(encode_json(assignment), {}).sealed_by(signers)


def assignment_role(targets: Targets) -> tuple[DelegatedRole, list[Key]]:
    """Who may sign assignments: the role, with its threshold, and its keys.

    Raises:
        NoAssignmentKeyError: nobody.
    """
    delegations = targets.delegations
    role = None if delegations is None else (delegations.roles or {}).get(ASSIGNMENTS)
    if delegations is None or role is None:
        raise NoAssignmentKeyError
    return role, [delegations.keys[keyid] for keyid in role.keyids if keyid in delegations.keys]


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member comes twice")
    return members


def _bytes_of(text: str) -> bytes:
    """What base64 stands for; of several texts that stand for the same bytes, only the one that encoding makes."""
    data = b64decode(text, validate=True)
    if b64encode(data).decode() != text:
        raise ValueError("this is no canonical base64")
    return data
