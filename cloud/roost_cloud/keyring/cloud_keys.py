"""The public halves of the keys that the cloud signs with by itself, asked of it."""

import msgspec
from securesystemslib.signer import Key

from roost_cloud.client import ApiClient

__all__ = ["OnlineKeys", "PublicKey", "online_keys"]


class PublicKey(msgspec.Struct, frozen=True):
    """One, as the API tells it."""

    keyid: str
    keytype: str
    scheme: str
    public: str

    def key(self) -> Key:
        """The same for TUF."""
        document = {"keytype": self.keytype, "scheme": self.scheme, "keyval": {"public": self.public}}
        return Key.from_dict(self.keyid, document)


class OnlineKeys(msgspec.Struct, frozen=True):
    """The newest of each role."""

    snapshot: PublicKey
    timestamp: PublicKey
    assignments: PublicKey


def online_keys(cloud: ApiClient, *roles: str, anew: bool = False) -> OnlineKeys:
    """Ask for them; they are made at the first time of asking.

    Args:
        cloud: whom.
        roles: of which to make others.
        anew: whether to, where root and targets name those that there are.

    Raises:
        RemoteError, ApiUnreachableError, ApiAnswerError: as the client raises.
    """
    return cloud.call("POST", "/trust/online-keys", OnlineKeys, body={"anew": anew, "roles": roles})
