"""Pieces of what is being brought, as the API tells of them: where each one's bytes are to be PUT."""

from collections.abc import Iterable

from pydantic import BaseModel

from roost_cloud.objects.receiving import OfferedPart

__all__ = ["PartModel", "part_models"]


class PartModel(BaseModel):
    """A piece of what is being brought."""

    number: int
    offset: int
    size_bytes: int
    url: str | None  # PUT exactly these bytes there; None: they are here
    done: bool


def part_models(parts: Iterable[OfferedPart]) -> list[PartModel]:
    """Parts as the API tells of them."""
    return [PartModel(**part._asdict(), url=url, done=url is None) for part, url in parts]
