"""By which keys of its own the cloud signs assignments, and signing anew what it has signed when they change."""

from collections.abc import Sequence
from typing import Final

from securesystemslib.signer import CryptoSigner
from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session
from tuf.api.metadata import Targets

from roost_cloud.assignments import desired
from roost_cloud.db.tables import AssignmentVersion, DeviceAssignment
from roost_cloud.trust.errors import TrustDamagedError
from roost_cloud.trust.online_keys import OnlineKeys
from roost_cloud.trust.queries import delegated_keyids
from roost_shared.trust.envelope import SealedAssignment, assignment_role
from roost_shared.trust.names import ASSIGNMENTS

__all__ = ["seal_anew", "signers"]

_AT_ONCE: Final = 200  # assignments read at a time


def signers(keys: OnlineKeys, targets: Targets) -> Sequence[CryptoSigner]:
    """Those that targets name, and the newest, which the next targets may name.

    So while keys change, devices believe what is signed, whichever targets they have seen.

    Raises:
        NoAssignmentKeyError: the targets name none.
        TrustDamagedError: we lack keys that they name.
    """
    role, _ = assignment_role(targets)
    named = delegated_keyids(targets, ASSIGNMENTS)
    ours = keys.signers(ASSIGNMENTS)
    if len([one for one in ours if one.public_key.keyid in named]) < role.threshold:
        raise TrustDamagedError(
            f"we lack keys that {keys.tenant}'s targets name for {ASSIGNMENTS}: restore secrets_dir"
        )
    return [one for one in ours if one.public_key.keyid in named or one is ours[-1]]


def seal_anew(session: Session, keys: OnlineKeys, targets: Targets) -> int:
    """Sign every device's newest assignment by the keys of now, and have it published, where it is not so yet.

    Returns:
        How many were.

    Raises:
        NoAssignmentKeyError, TrustDamagedError: as `signers`.
    """
    by = signers(keys, targets)
    keyids = {one.public_key.keyid for one in by}
    after, sealed = "", 0
    while rows := session.scalars(_newest(keys.tenant, after).limit(_AT_ONCE)).all():
        for row in rows:
            kept = SealedAssignment.parse(row.envelope)
            if keyids <= kept.signatures.keys():
                continue
            row.envelope = kept.sealed_by(by)
            desired.mark(session, row.tenant, row.device)
            sealed += 1
        session.flush()
        after = rows[-1].device
    return sealed


def _newest(tenant: str, after: str) -> Select[AssignmentVersion]:
    """Devices' newest assignments by name, behind `after`."""
    same = and_(
        AssignmentVersion.tenant == DeviceAssignment.tenant,
        AssignmentVersion.device == DeviceAssignment.device,
        AssignmentVersion.version == DeviceAssignment.version,
    )
    of_tenant = (DeviceAssignment.tenant == tenant, DeviceAssignment.device > after)
    return select(AssignmentVersion).join(DeviceAssignment, same).where(*of_tenant).order_by(AssignmentVersion.device)
