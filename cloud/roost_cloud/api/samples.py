"""`/samples`: what devices thought worth remembering, with their inputs and small pictures of these."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import BaseModel, Field

from roost_cloud.api.auth import Given, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Moment, Name, SampleName
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.api.sending import BYTES, sending, unsatisfiable
from roost_cloud.db.tables import LateScore, SampleInput, SampleScore
from roost_cloud.db.tables.records import LABEL_CHARS
from roost_cloud.labels.deciding import of_one, said_of
from roost_cloud.labels.effective import NO_TEACHERS, effective
from roost_cloud.objects.errors import UnsatisfiableRangeError
from roost_cloud.objects.ranges import parse_range
from roost_cloud.samples import listing, whole
from roost_cloud.samples.listing import Chosen, Listed
from roost_cloud.samples.place import parse_place
from roost_cloud.samples.whole import WholeSample
from roost_shared.digest import DIGEST
from roost_shared.records import DropReason, KeptFor, decode_record

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/samples", tags=["samples"])

_Device = Annotated[Name, Path()]
_Sample = Annotated[SampleName, Path()]
_Label = Annotated[str, Query(max_length=LABEL_CHARS, pattern=r"^[^\x00]*$")]
_Confidence = Annotated[float, Query(ge=0, le=1)]
_PICTURE: Final = {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}
_KEPT_FOR_A_DAY: Final = "private, max-age=86400"  # an input never changes


class InputModel(BaseModel):
    """Where a sample's input is, in the cloud."""

    shard: str
    offset: int = Field(description="Of its first byte in the shard's tar")
    size_bytes: int
    sha256: str
    media_type: str
    probability: float = Field(description="With which it was kept, after all thinning")
    committed_at: datetime


class SampleModel(BaseModel):
    """A sample, in short."""

    device: str
    sample: str
    task: str
    label: str | None = Field(description="That was answered")
    confidence: float | None
    contestant: str | None
    reason: str
    deadline_met: bool
    elapsed_ms: float
    disagreement: bool
    captured_at: str = Field(description="By the device's wall clock, as it said")
    received_at: datetime = Field(description="By the cloud's clock")
    kept_for: list[str]
    probability: float = Field(description="With which its input was kept; of an input that is here, its own counts")
    recorded: str
    content_type: str | None
    size_bytes: int | None = Field(description="Of the input that was kept")
    sha256: str | None
    policy: str | None
    dropped: DropReason | None = Field(description="Why the device has its input no more")
    input: InputModel | None


class ScoreModel(BaseModel):
    """What a contestant said of it."""

    contestant: str
    bundle: str | None
    label: str | None
    confidence: float | None
    elapsed_ms: float
    error: str | None


class LateModel(BaseModel):
    """What a contestant said of it after the answer."""

    contestant: str
    bundle: str | None
    label: str | None
    confidence: float | None
    output: Any
    elapsed_ms: float
    differs: bool
    received_at: datetime


class WholeModel(SampleModel):
    """A sample, whole."""

    candidates: list[ScoreModel]
    late: list[LateModel]
    truth: str | None = Field(description="What people say it shows; null: nobody did, or they are not at one")
    record: dict[str, Any] = Field(description="As the device told it; see `roost_shared.records.SampleRecord`")


@dataclass(frozen=True)
class ChosenQuery:
    """Which samples are asked for."""

    task: Annotated[Name | None, Query()] = None
    label: _Label | None = None
    contestant: Annotated[Name | None, Query(description="That answered")] = None
    min_confidence: _Confidence | None = None
    max_confidence: _Confidence | None = None
    disagreement: bool | None = None
    device: Annotated[Name | None, Query()] = None
    since: Annotated[Moment | None, Query(description="Received then or later")] = None
    until: Annotated[Moment | None, Query(description="Received before")] = None
    kept_for: KeptFor | None = None
    has_input: Annotated[bool | None, Query(description="Whether its input is in the cloud")] = None
    digest: Annotated[str | None, Query(pattern=f"^{DIGEST.pattern}$", description="Of the bundle that answered")] = (
        None
    )


_Page = Annotated[ChosenQuery, Depends()]


@router.get("", responses=raises(401, 403))
def list_samples(member: Viewer, services: Given, page: Asked, chosen: _Page) -> Page[SampleModel]:
    """Samples, the newest first."""
    after = None if page.after is None else parse_place(page.after)
    with services.database.read() as session:
        rows = listing.page(session, member.tenant, Chosen(**vars(chosen)), limit=page.rows, after=after)
    return page.of(rows, to_model=_listed, key=lambda one: str(one.place))


@router.get("/{device}/{sample}", responses=raises(401, 403, 404))
def get_sample(member: Viewer, services: Given, device: _Device, sample: _Sample) -> WholeModel:
    """One sample, with everything that was said of it."""
    with services.database.read() as session:
        found = whole.get(session, member.tenant, device, sample)
        said = said_of(session, member.tenant, found.row.task, *of_one(device, sample), teachers=NO_TEACHERS)
    return WholeModel(
        **_short(found),
        truth=next((effective(all_of).label for all_of in said.values()), None),
        candidates=list(map(_score, found.scores)),
        late=list(map(_late, found.late)),
        record=_told(found.row.record),
    )


@router.get(
    "/{device}/{sample}/input",
    response_class=Response,
    responses={
        200: {"content": BYTES, "description": "The input, as the device received it"},
        206: {"content": BYTES, "description": "A range of it"},
        **raises(401, 403, 404, 416),
    },
)
def get_sample_input(
    member: Viewer,
    services: Given,
    device: _Device,
    sample: _Sample,
    asked: Annotated[str | None, Header(alias="Range")] = None,
    if_range: Annotated[str | None, Header()] = None,
) -> Response:
    """A sample's input, or the one range of its bytes that is asked for."""
    with services.database.read() as session:
        place = whole.get_input(session, member.tenant, device, sample)
    try:
        # An input has no validators here, so If-Range never holds, and the whole is sent.
        found = parse_range(asked if if_range is None else None, place.size_bytes)
    except UnsatisfiableRangeError as error:
        return unsatisfiable(error)
    reader = whole.open_input(services.objects, place, *(found or (0, place.size_bytes)))
    return sending(reader, found, place.size_bytes)


@router.get(
    "/{device}/{sample}/thumbnail",
    response_class=Response,
    responses={200: {"content": _PICTURE, "description": "At most 160 pixels a side"}, **raises(401, 403, 404)},
)
def get_sample_thumbnail(member: Viewer, services: Given, device: _Device, sample: _Sample) -> Response:
    """A small picture of a sample's input; there is none of what is no picture."""
    from roost_cloud.samples import thumbnail  # noqa: PLC0415 - Pillow is slow to load

    with services.database.read() as session:
        place = whole.get_input(session, member.tenant, device, sample)
    name = f"{device}/{sample}"
    if place.size_bytes > thumbnail.LIMITS.payload_bytes:
        raise thumbnail.NoThumbnailError("picture of the sample", name)
    with whole.open_input(services.objects, place) as reader:
        payload = reader.read()
    picture = thumbnail.make_thumbnail(payload, content_type=place.media_type, name=name)
    headers = {"Cache-Control": _KEPT_FOR_A_DAY, "X-Content-Type-Options": "nosniff"}
    return Response(picture, media_type="image/jpeg", headers=headers)


def _listed(one: Listed) -> SampleModel:
    return SampleModel(**_short(one))


def _short(one: Listed | WholeSample) -> dict[str, Any]:
    looked_up = {
        "kept_for": one.row.kept_for.split(),
        "dropped": one.dropped,
        "input": None if one.input is None else _place(one.input),
    }
    return {name: getattr(one.row, name) for name in SampleModel.model_fields if name not in looked_up} | looked_up


def _place(row: SampleInput) -> InputModel:
    return InputModel(**{name: getattr(row, name) for name in InputModel.model_fields})


def _score(row: SampleScore) -> ScoreModel:
    return ScoreModel(**{name: getattr(row, name) for name in ScoreModel.model_fields})


def _late(row: LateScore) -> LateModel:
    told = {name: getattr(row, name) for name in LateModel.model_fields if name != "output"}
    return LateModel(**told, output=_told(row.record)["output"])


def _told(record: bytes) -> dict[str, Any]:
    """A record as JSON has it, where what is no number is null."""
    shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(decode_record(record)))
    return shown
