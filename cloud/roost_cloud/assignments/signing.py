"""By which keys of its own the cloud signs assignments, and signing anew what it has signed when they change."""

from collections.abc import Sequence
from typing import Final

import structlog
from securesystemslib.signer import CryptoSigner
from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session
from tuf.api.metadata import Targets

from roost_cloud.assignments import desired
from roost_cloud.db.tables import AssignmentVersion, DeviceAssignment
from roost_cloud.trust.errors import TrustDamagedError
from roost_cloud.trust.online_keys import OnlineKeys
from roost_cloud.trust.queries import delegated_keyids
from roost_shared.messages import VersionMismatchError
from roost_shared.trust import TrustRefusedError
from roost_shared.trust.envelope import SealedAssignment, assignment_role
from roost_shared.trust.names import ASSIGNMENTS

__all__ = ["ours", "seal_anew", "signers"]

log = structlog.get_logger(__name__)

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

    Only what one of these keys has signed before: else whoever writes the database would have us sign what they like.
    What none has is left as it is, for nobody to believe, and named in the log: it has to be assigned anew.

    Returns:
        How many were.

    Raises:
        NoAssignmentKeyError, TrustDamagedError: as `signers`.
    """
    by = signers(keys, targets)
    after, sealed = "", 0
    while rows := session.scalars(_newest(keys.tenant, after).limit(_AT_ONCE)).all():
        for row in rows:
            kept = ours(row, by)
            if kept is None:
                log.warning("assignment.not_ours", tenant=row.tenant, device=row.device, version=row.version)
            elif len(kept.signers_among(one.public_key for one in by)) < len(by):
                row.envelope = kept.sealed_by(by)
                desired.mark(session, row.tenant, row.device)
                sealed += 1
        session.flush()
        after = rows[-1].device
    return sealed


def ours(row: AssignmentVersion, by: Sequence[CryptoSigner]) -> SealedAssignment | None:
    """What a row holds, if one of these has signed it, and it is what the row says it is."""
    try:
        kept = SealedAssignment.parse(row.envelope)
        said = kept.assignment()
    except (TrustRefusedError, VersionMismatchError):
        return None
    is_so = (said.tenant, said.device, said.version) == (row.tenant, row.device, row.version)
    return kept if is_so and kept.signers_among(one.public_key for one in by) else None


def _newest(tenant: str, after: str) -> Select[AssignmentVersion]:
    """Devices' newest assignments by name, behind `after`."""
    same = and_(
        AssignmentVersion.tenant == DeviceAssignment.tenant,
        AssignmentVersion.device == DeviceAssignment.device,
        AssignmentVersion.version == DeviceAssignment.version,
    )
    of_tenant = (DeviceAssignment.tenant == tenant, DeviceAssignment.device > after)
    return select(AssignmentVersion).join(DeviceAssignment, same).where(*of_tenant).order_by(AssignmentVersion.device)
