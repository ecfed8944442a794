"""The cloud's statement of the time: an answer to one question, signed by the key of TUF's timestamp role.

TUF trusts the machine's clock to see that metadata has expired. A device's clock may be wrong by years or set by
somebody else, so it counts for nothing here. The device sends a nonce and gets the time signed with it: nobody can
give an old answer to a new question, so metadata that is held back is seen to be old.

The newest statement is kept, and is the floor below which time cannot fall. It counts for as long as the root names
the key that signed it: a stolen key that signs the year 2099 is cured by a new root, as TUF's own fast-forward is.

>>> SignedTime.parse(b"{}")
Traceback (most recent call last):
roost_shared.trust.errors.TrustRefusedError: time: the statement of the time cannot be read
"""

from datetime import UTC, datetime

import msgspec
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature
from tuf.api.metadata import Root

from roost_shared.trust.errors import TrustRefusedError
from roost_shared.trust.names import TIMESTAMP

__all__ = ["LARGEST_BYTES", "SignedTime", "time_text"]

LARGEST_BYTES = 4096


class SignedTime(msgspec.Struct, frozen=True, kw_only=True):
    """One statement.

    Attributes:
        tenant: in whose repository's name it is made.
        nonce: the question's.
        at: the time, UTC.
        keyid: of the key that signed.
        signature: hex, over `time_text`.
    """

    tenant: str
    nonce: str
    at: datetime
    keyid: str
    signature: str

    @staticmethod
    def parse(data: bytes) -> "SignedTime":
        """Read one; whether it is signed is not looked at.

        Raises:
            TrustRefusedError: it is none.
        """
        try:
            made = msgspec.json.decode(data, type=SignedTime)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TrustRefusedError("time", "the statement of the time cannot be read") from error
        if made.at.tzinfo is None:
            raise TrustRefusedError("time", "the statement of the time names no zone")
        return made

    def bytes(self) -> bytes:
        """For a file."""
        return msgspec.json.encode(self)

    def is_by(self, root: Root, tenant: str) -> bool:
        """Whether a key of the root's timestamp role says this for `tenant`."""
        if self.tenant != tenant or self.keyid not in root.get_delegated_role(TIMESTAMP).keyids:
            return False
        try:
            text = time_text(self.tenant, self.nonce, self.at)
            root.get_key(self.keyid).verify_signature(Signature(self.keyid, self.signature), text)
        except (UnverifiedSignatureError, ValueError):
            return False
        return True


def time_text(tenant: str, nonce: str, at: datetime) -> bytes:
    """What is signed; no TUF metadata begins like it."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    return f"roost-trust-time-v1\n{tenant}\n{nonce}\n{moment}".encode()
