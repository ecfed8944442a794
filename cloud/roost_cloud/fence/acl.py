r"""The access list of Mosquitto's listener for devices: what every device may, and who may nothing any more. Pure.

The file is its own template. What stands above the marker is `firmware-config/mosquitto/devices.acl`, with whatever an
operator has changed in it; what stands below is ours and is written anew.

>>> print(with_revoked("pattern read roost/1/%u/score\n", ["acme/d/cam-01"]), end="")
pattern read roost/1/%u/score
<BLANKLINE>
# Below: revoked devices, written anew by `roost broker sync`.
user acme/d/cam-01
topic deny #
"""

from collections.abc import Iterable
from typing import Final

__all__ = ["with_revoked"]

_MARKER: Final = "# Below: revoked devices, written anew by `roost broker sync`.\n"


def with_revoked(acl: str, identities: Iterable[str]) -> str:
    """The access list `acl` with these devices fenced off, and no others.

    Args:
        acl: with or without a part of ours.
        identities: checked, each `{tenant}/d/{device}`.
    """
    kept = acl.partition(_MARKER)[0].rstrip("\n")
    fenced = "".join(f"user {identity}\ntopic deny #\n" for identity in identities)
    return f"{kept}\n\n{_MARKER}{fenced}"
