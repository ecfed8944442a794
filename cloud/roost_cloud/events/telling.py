"""An event as others are told of it: the same bytes each time. Pure."""

from datetime import datetime
from typing import Any, Final

import msgspec

from roost_cloud.db.tables import Event
from roost_cloud.events.publishing import noun_of
from roost_shared.topics import PREFIX, check_name

__all__ = ["SCHEMA_VERSION", "Told", "body_of", "topic_of"]

SCHEMA_VERSION: Final = 1


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, as JSON.

    Attributes:
        id: of the event: what comes with the same id is the same.
        kind: what happened (`alarm.opened`).
        at: when.
        tenant: whose.
        data: more of it, by kind.
    """

    schema_version: int = SCHEMA_VERSION
    id: str
    kind: str
    at: datetime
    tenant: str
    data: dict[str, Any]


def body_of(event: Event) -> bytes:
    """The body of a webhook, and the payload of a message."""
    return msgspec.json.encode(
        Told(id=event.id, kind=event.kind, at=event.at, tenant=event.tenant, data=event.data), order="sorted"
    )


def topic_of(event: Event) -> str:
    """Where a message goes: `roost/1/{tenant}/events/{noun}`; no device may read or write it.

    >>> topic_of(Event(tenant="acme", kind="alarm.opened"))
    'roost/1/acme/events/alarm'
    """
    return f"{PREFIX}/{check_name(event.tenant, 'tenant')}/events/{check_name(noun_of(event.kind), 'event')}"
