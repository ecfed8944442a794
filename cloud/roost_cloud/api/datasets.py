"""`/datasets`: snapshots of labelled samples, which a model is made and judged by."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Moment, Name
from roost_cloud.api.pages import LIMIT, LIMIT_MAX, Asked, Page, PageQuery
from roost_cloud.api.prefix import PREFIX
from roost_cloud.datasets import store
from roost_cloud.datasets.choosing import FEWEST, Limits
from roost_cloud.datasets.making import HELD_FOR, Wanted, make_snapshot
from roost_cloud.datasets.snapshot import SnapshotItem, World
from roost_cloud.db.tables import Dataset
from roost_cloud.registry.following import find_version
from roost_shared.digest import DIGEST

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/datasets", tags=["datasets"])

_Digest = Annotated[str, Path(pattern=f"^{DIGEST.pattern}$")]
_DAY_S: Final = 86_400
_LONGEST_DAYS: Final = 365
_ITEMS_MAX: Final = 10**6


class DatasetModel(BaseModel):
    """A snapshot."""

    digest: str
    task: str
    incumbent: str = Field(description="Digest of the bundle to be better than, whose reference set it holds")
    split: Literal["device", "time"]
    items: int
    size_bytes: int = Field(description="Of its inputs")
    summary: dict[str, Any] = Field(description="How many of what, what was left out and why")
    created_at: datetime
    created_by: str
    held_until: datetime = Field(description="Until then its samples do not expire")


class DatasetBody(BaseModel):
    """What a snapshot shall hold."""

    model_config = ConfigDict(extra="forbid")

    task: Name
    incumbent: Annotated[str, Field(max_length=130)] = Field(description="NAME@ALIAS, NAME:VERSION, or a digest")
    since: Moment | None = Field(None, description="When the changed world began; null: all is of it")
    devices: Annotated[list[Name], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="On which the world changed; null: on all"
    )
    labels_min: Annotated[int, Field(ge=FEWEST, le=_ITEMS_MAX)] = Limits().labels_min
    unlabelled_max: Annotated[int, Field(ge=0, le=100_000)] = Limits().unlabelled_max
    weight_max: Annotated[float, Field(ge=1, le=1e6)] = Limits().weight_max
    held_days: Annotated[float, Field(gt=0, le=_LONGEST_DAYS)] = HELD_FOR.total_seconds() / _DAY_S


class ItemModel(BaseModel):
    """An input of a snapshot."""

    sample: str = Field(description="DEVICE/SAMPLE, or @reference/KEY of the incumbent's reference set")
    sha256: str
    media_type: str
    size_bytes: int
    label: str | None
    source: Literal["person", "teacher", "reference", ""]
    weight: float
    device: str
    world: Literal["new", "old"]
    part: Literal["train", "validation", "test"]


@router.get("", responses=raises(401, 403, 404))
def list_datasets(
    member: Viewer, services: Given, page: Asked, task: Annotated[Name | None, Query()] = None
) -> Page[DatasetModel]:
    """Snapshots, the newest first."""
    with services.database.read() as session:
        rows = store.page(session, member.tenant, task=task, limit=page.rows, after=page.after)
    return page.of(rows, _model, lambda row: row.digest)


@router.post("", status_code=HTTPStatus.CREATED, responses=raises(401, 403, 404))
def make_dataset(member: Operator, services: Given, body: DatasetBody) -> DatasetModel:
    """Make a snapshot of what is labelled now; where nothing has changed it is the same one again."""
    with services.database.read() as session:
        incumbent = find_version(session, member.tenant, body.incumbent).digest
    limits = Limits(labels_min=body.labels_min, unlabelled_max=body.unlabelled_max, weight_max=body.weight_max)
    row = make_snapshot(
        services.database,
        services.objects,
        member.tenant,
        Wanted(body.task, incumbent, body.since, body.devices, limits),
        actor=member.name,
        now=services.now(),
        held_for=timedelta(days=body.held_days),
    )
    return _model(row)


@router.get("/{digest}", responses=raises(401, 403, 404))
def get_dataset(member: Viewer, services: Given, digest: _Digest) -> DatasetModel:
    """A snapshot, in short."""
    with services.database.read() as session:
        return _model(store.get(session, member.tenant, digest))


@router.get("/{digest}/items", responses=raises(401, 403, 404))
def list_items(
    member: Viewer,
    services: Given,
    digest: _Digest,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT,
    after: Annotated[int | None, Query(ge=1, le=_ITEMS_MAX, description="`next` of the part before")] = None,
    world: Annotated[World | None, Query(description="Only of the changed world, or of the one before")] = None,
) -> Page[ItemModel]:
    """A snapshot's inputs, in its order."""
    with services.database.read() as session:
        store.get(session, member.tenant, digest)
    every = enumerate(store.read(services.objects, member.tenant, digest).items, 1)
    items = [(number, one) for number, one in every if number > (after or 0) and world in (None, one.world)]
    page = PageQuery(limit)
    return page.of(items[: page.rows], lambda one: _item(one[1]), lambda one: str(one[0]))


def _model(row: Dataset) -> DatasetModel:
    return DatasetModel(**{name: getattr(row, name) for name in DatasetModel.model_fields})


def _item(item: SnapshotItem) -> ItemModel:
    return ItemModel(**{name: getattr(item, name) for name in ItemModel.model_fields})
