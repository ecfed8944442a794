"""Which bundles a device may run, by The Update Framework (TUF): https://theupdateframework.github.io/specification/.

A tenant has one repository. The only target of a bundle is its manifest, whose digests cover all else:

    root       offline     names the keys of all roles
    targets    offline     delegates `{task}/*` to a releaser, names the keys of assignments, and holds no target
    task.NAME  a releaser  the manifests released for that task
    snapshot   online      which versions of these belong together
    timestamp  online      which snapshot is the newest, for a day; its key also signs the time

- `names.py`: paths, roles, file names, and how large a file may be.
- `signed_time.py`: the cloud's statement of the time, the only clock that is believed.
- `updater.py`: python-tuf's client, its clock and its disk set.
- `fetcher.py`: its network.
- `verdict.py`: its errors as ours.
- `envelope.py`: an assignment, signed, as it travels.
- `client.py`: all as one: what is released? is this assignment to be believed?

Heavy, as `tuf` is: for processes of their own, never for the agent's. Nothing here installs anything.
"""

from roost_shared.trust.client import BUILD_DATE, SignedManifest, TrustClient, TrustState
from roost_shared.trust.errors import (
    ManifestUnsignedError,
    NoAssignmentKeyError,
    TrustRefusedError,
    TrustStaleError,
    TrustUnreachableError,
    TrustUnwritableError,
)
from roost_shared.trust.fetcher import HttpFetcher
from roost_shared.trust.signed_time import SignedTime

__all__ = [
    "BUILD_DATE",
    "HttpFetcher",
    "ManifestUnsignedError",
    "NoAssignmentKeyError",
    "SignedManifest",
    "SignedTime",
    "TrustClient",
    "TrustRefusedError",
    "TrustStaleError",
    "TrustState",
    "TrustUnreachableError",
    "TrustUnwritableError",
]
