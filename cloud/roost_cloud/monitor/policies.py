"""Which contestants of a task are judged, by the policy that a device answers by.

Its samples say which; where it told of none for a day, the newest that any device of the tenant told of.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Sample, TaskPolicy
from roost_cloud.monitor.judged import Judged, judged_of
from roost_shared.rendezvous import PolicyDocument
from roost_shared.rendezvous.document import PolicyDocumentError

__all__ = ["judged_of_task"]


_SAMPLES: Final = timedelta(days=1)  # looked through for the device's policy


def judged_of_task(
    session: Session,
    tenant: str,
    task: str,
    seen: Collection[str],
    *,
    device: str | None = None,
    now: datetime | None = None,
) -> Judged:
    """Whom to judge.

    Args:
        session: to read with.
        tenant: whose task.
        task: its name.
        seen: contestants that windows came of, for where there is no policy.
        device: that is judged; None: whichever told of its policy last.
        now: server time, with a device.
    """
    query = select(TaskPolicy.document).where(TaskPolicy.tenant == tenant, TaskPolicy.task == task)
    newest = query.order_by(TaskPolicy.received_at.desc(), TaskPolicy.digest).limit(1)
    own = None if device is None or now is None else _policy_of(session, tenant, device, task, now - _SAMPLES)
    document = None if own is None else session.scalar(query.where(TaskPolicy.digest == own))
    document = session.scalar(newest) if document is None else document
    try:
        contestants = None if document is None else PolicyDocument.decode(document).contestants
    except PolicyDocumentError:  # of a device that speaks otherwise: names tell
        contestants = None
    return judged_of(contestants, seen)


def _policy_of(session: Session, tenant: str, device: str, task: str, since: datetime) -> str | None:
    """The digest of the policy that a device's last sample of a task was answered by."""
    of_device = (Sample.tenant == tenant, Sample.device == device, Sample.received_at >= since)
    query = select(Sample.policy).where(*of_device, Sample.task == task, Sample.policy.is_not(None))
    return session.scalar(query.order_by(Sample.received_at.desc()).limit(1))
