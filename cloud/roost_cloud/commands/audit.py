"""`roost audit`: who changed what, when."""

import itertools
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.output import AsJson, show_table, when

__all__ = ["audit"]


class _Entry(msgspec.Struct, frozen=True):
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


def audit(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(help="At most so many changes.", min=1)] = 50,
    as_json: AsJson = False,
) -> None:
    """List what was changed in one's tenant, or by the platform; the newest first."""
    columns = {
        "WHEN (UTC)": lambda one: when(one.at),
        "WHO": lambda one: one.actor,
        "WHAT": lambda one: one.action,
        "WHICH": lambda one: one.subject,
        "DETAIL": lambda one: ", ".join(f"{key}={value}" for key, value in one.detail.items()),
    }
    with connect(context) as cloud:
        entries = cloud.each("/audit", _Entry, query={"limit": min(limit, 1000)})
        show_table(itertools.islice(entries, limit), columns, as_json=as_json)
