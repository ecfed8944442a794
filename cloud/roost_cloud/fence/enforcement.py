"""What has to be done about a document of revocations, given what was done before. Pure.

The broker's files are written and read again when the document says something new, and else once a day, so that a
broker whose cloud goes away goes on for six days at least (a list is good for seven, `CRL_LIFETIME`). Not more often:
some brokers keep every list they ever read until they are restarted.

Nothing doubtful gets as far as the broker. Mosquitto 2.0.11 takes whatever list it is told to read, an older one too;
by one that has run out it refuses everybody; and by one it cannot read it admits everybody, revoked or not.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from roost_cloud.fleet.revocations import RevocationsDocument, parse_crls
from roost_shared.errors import TransportError

__all__ = ["RENEW_AFTER", "ClockError", "Enforced", "Step", "next_step"]

RENEW_AFTER: Final = timedelta(days=1)


class ClockError(TransportError):
    """The cloud's clock and ours do not agree, or not with what the cloud's said before."""

    code = "revocations.clock"


class Enforced(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker knows; kept in a file over restarts.

    Attributes:
        version: of the document it was told.
        made_at: when that document's lists begin to hold.
        ends_at: when the first of them runs out, and nobody can connect any more.
        expelled: why connections were ended: serials of withdrawn certificates, identities of revoked devices.
    """

    version: str
    made_at: datetime
    ends_at: datetime
    expelled: frozenset[str] = frozenset()


class Step(NamedTuple):
    """What to do, in this order.

    Attributes:
        write: whether to write the broker's files and have it read them.
        expel: identities whose connections have to end then, each once.
        enforced: what is true when all of it is done.
    """

    write: bool
    expel: tuple[str, ...]
    enforced: Enforced


def next_step(document: RevocationsDocument, before: Enforced | None, now: datetime) -> Step:
    """Decide.

    Args:
        document: as fetched just now.
        before: what the broker knows already, None at the beginning.
        now: the broker's clock, aware.

    Raises:
        ClockError: the broker would find the lists not valid and refuse everybody, or they are older than what it has.
    """
    lists = parse_crls(document.crl_pem)
    made_at = min(one.last_update_utc for one in lists)
    ends_at = min(one.next_update_utc for one in lists if one.next_update_utc is not None)
    if not made_at <= now < ends_at:
        raise ClockError(f"lists that hold from {made_at} to {ends_at}, and it is {now:%Y-%m-%d %H:%M:%S} here")
    changed = before is None or before.version != document.version
    if before is not None and changed and made_at <= before.made_at:
        raise ClockError(f"lists of {made_at} say something else than those of {before.made_at}, and are no newer")
    write = before is None or changed or made_at - before.made_at >= RENEW_AFTER
    kept = (made_at, ends_at) if before is None or write else (before.made_at, before.ends_at)
    causes = _causes(document)
    enforced = Enforced(version=document.version, made_at=kept[0], ends_at=kept[1], expelled=frozenset(causes))
    known = frozenset[str]() if before is None else before.expelled
    return Step(write, tuple(sorted({causes[cause] for cause in causes.keys() - known})), enforced)


def _causes(document: RevocationsDocument) -> dict[str, str]:
    """Why a connection has to end, and whose.

    A revoked device counts beside its certificates: one that ran out is in no list, and may still be connected.
    """
    certificates = {certificate.serial: certificate.identity for certificate in document.withdrawn}
    return certificates | {identity: identity for identity in document.revoked}
