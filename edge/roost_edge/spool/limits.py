"""How much the spool may take, how long it keeps, and when it makes room."""

from typing import Final

import msgspec

__all__ = ["DIGESTS", "DIGEST_AGE_S", "LIST_GRACE_S", "SpoolLimits"]

DIGESTS: Final = 100_000  # inputs that a redelivered one is compared with
DIGEST_AGE_S: Final = 24 * 3600
LIST_GRACE_S: Final = 24 * 3600  # for a list to arrive that is on its way; one that the cloud refuses never does


class SpoolLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Each has a safe default.

    Attributes:
        quota_bytes: of inputs, with their records.
        reserve_bytes: of the disk to leave free, whoever fills it.
        outbox_bytes: of records that belong to no kept input.
        age_s: of running time after which an input is dropped; in a list that goes to the cloud, `LIST_GRACE_S` later.
        segment_bytes: after which a new segment is begun.
        sealed_share: of the quota that sealed lists may hold: they cannot be thinned.
        thin_at: share of the quota at which `tick` thins.
        thin_to: share down to which room is made.
    """

    quota_bytes: int = 1 << 30
    reserve_bytes: int = 256 << 20
    outbox_bytes: int = 64 << 20
    age_s: float = 14 * 24 * 3600
    segment_bytes: int = 16 << 20
    sealed_share: float = 0.5
    thin_at: float = 0.9
    thin_to: float = 0.75
