"""Lists in pages, by key: the next page begins after the last one's end, however much was added in between.

    @router.get("/devices")
    def devices(member: Viewer, services: Given, page: Asked) -> Page[Device]:
        with services.database.read() as session:
            rows = fleet.list(session, member.tenant, limit=page.rows, after=page.after)
        return page.of(rows, to_model=device_of, key=lambda row: row.name)

Rooms know nothing of pages: they give at most so many rows after a key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from roost_cloud.api.fields import Line

__all__ = ["LIMIT", "LIMIT_MAX", "Asked", "Page", "PageQuery"]

LIMIT_MAX: Final = 1000
LIMIT: Final = 100

_Row = TypeVar("_Row")
_Item = TypeVar("_Item")


class Page(BaseModel, Generic[_Item]):
    """A part of a list."""

    items: list[_Item]
    next: str | None  # `after` of the next part; None: this was the last


@dataclass(frozen=True)
class PageQuery:
    """Which part of a list is asked for."""

    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT
    after: Annotated[Line | None, Query(description="`next` of the part before")] = None

    @property
    def rows(self) -> int:
        """How many to read: one more than is shown, which tells whether there is a next page."""
        return self.limit + 1

    def of(self, rows: Sequence[_Row], to_model: Callable[[_Row], _Item], key: Callable[[_Row], str]) -> Page[_Item]:
        """The page that answers this.

        Args:
            rows: those after `after`, in order, `self.rows` of them if there are as many.
            to_model: a row as the API shows it.
            key: what a row is ordered by.
        """
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        return Page(items=[to_model(row) for row in shown], next=key(shown[-1]) if more else None)


Asked = Annotated[PageQuery, Depends()]
