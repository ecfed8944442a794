"""`/labels`: what people and teachers say that samples show, one or many at a time, or as a table."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from roost_cloud.api.auth import Given, Member, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Moment, Name, SampleName
from roost_cloud.api.pages import LIMIT, LIMIT_MAX, Page, PageQuery
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables.records import LABEL_CHARS
from roost_cloud.labels import listing, recording
from roost_cloud.labels.csv_file import read_lines
from roost_cloud.labels.errors import BadLabelsError
from roost_cloud.labels.listing import Chosen
from roost_cloud.labels.recording import NewLabel, Recorded, Who
from roost_cloud.services import Services

__all__ = ["LabelText", "router", "source_of"]

router = APIRouter(prefix=f"{PREFIX}/labels", tags=["labels"])

_AT_ONCE: Final = 10_000
_ID_MAX: Final = 2**63 - 1
_CSV_CHARS: Final = 4 << 20
LabelText = Annotated[str, Field(min_length=1, max_length=LABEL_CHARS, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
_Source = Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$")]


class LabelModel(BaseModel):
    """One thing that was said of a sample."""

    id: int
    device: str
    sample: str
    task: str
    label: str | None = Field(description="null: whoever looked cannot tell")
    kind: Literal["person", "teacher"]
    source: str = Field(description="Who says so")
    confidence: float | None
    drawn: str | None = Field(description="Why the queue had handed it out; null: it had not")
    informed: bool = Field(description="Whether whoever said so had been shown what models say: not blind")
    labelled_at: datetime
    recorded_at: datetime
    recorded_by: str


class NewLabelModel(BaseModel):
    """A label to add."""

    model_config = ConfigDict(extra="forbid")

    device: Name
    sample: SampleName
    label: LabelText | None = Field(description="null: I have looked, and cannot tell")
    at: Moment | None = Field(None, description="When that was found; null: now")
    confidence: Annotated[float, Field(ge=0, le=1)] | None = Field(None, description="Of a teacher")
    informed: bool = Field(
        False, description="Whether what models say had been shown: such a label teaches, and judges no model"
    )


class SourceBody(BaseModel):
    """Who says so, and what is new."""

    model_config = ConfigDict(extra="forbid")

    by: Name | None = Field(None, description="The person; null: whose token it is")
    teacher: Name | None = Field(None, description="A program, by a name of its own; people's word outweighs it")
    new_labels: Annotated[list[LabelText], Field(max_length=100)] = Field(
        [], description="That may join the task's label space; others that are not in it are refused"
    )


class LabelsBody(SourceBody):
    """Labels to add."""

    labels: Annotated[list[NewLabelModel], Field(min_length=1, max_length=_AT_ONCE)]


class TableBody(SourceBody):
    """Labels as a table."""

    csv: Annotated[str, Field(max_length=_CSV_CHARS)] = Field(
        description="With the columns device, sample and label, and perhaps at and confidence"
    )


class RecordedModel(BaseModel):
    """What became of labels."""

    added: int
    unchanged: int = Field(description="That their source had said already")
    joined: list[str] = Field(description="That are new to their task")


@dataclass(frozen=True)
class ChosenQuery:
    """Which labels are asked for."""

    task: Annotated[Name | None, Query()] = None
    device: Annotated[Name | None, Query()] = None
    sample: Annotated[SampleName | None, Query()] = None
    kind: Annotated[Literal["person", "teacher"] | None, Query()] = None
    source: _Source | None = None


@router.get("", responses=raises(401, 403))
def list_labels(
    member: Viewer,
    services: Given,
    chosen: Annotated[ChosenQuery, Depends()],
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT,
    after: Annotated[int | None, Query(ge=1, le=_ID_MAX, description="`next` of the part before")] = None,
) -> Page[LabelModel]:
    """What was said, the newest first, replaced words too."""
    page = PageQuery(limit)
    with services.database.read() as session:
        rows = listing.page(session, member.tenant, Chosen(**vars(chosen)), limit=page.rows, before=after)
    return page.of(
        rows,
        lambda row: LabelModel(**{name: getattr(row, name) for name in LabelModel.model_fields}),
        lambda row: str(row.id),
    )


@router.post("", status_code=HTTPStatus.OK, responses=raises(401, 403))
def add_labels(member: Operator, services: Given, body: LabelsBody) -> RecordedModel:
    """Add labels, all of them or none; what their source said already is not added again."""
    labels = [
        NewLabel(f"labels[{place}]", one.device, one.sample, one.label, one.at, one.confidence, one.informed)
        for place, one in enumerate(body.labels)
    ]
    return _record(member, services, body, labels)


@router.post("/import", status_code=HTTPStatus.OK, responses=raises(401, 403))
def import_labels(member: Operator, services: Given, body: TableBody) -> RecordedModel:
    """Add the labels of a table, all of them or none; lines without a label are passed over."""
    labels = [NewLabel(*line) for line in read_lines(body.csv)]
    return _record(member, services, body, labels)


def source_of(member: Member, by: str | None) -> str:
    """The name of a person who labels: their own, or the one that whoever has the token gives.

    A token's holder can speak for people without tokens, but for no other token: those names hold a colon.
    """
    return by or member.name


def _record(member: Member, services: Services, body: SourceBody, labels: list[NewLabel]) -> RecordedModel:
    if body.teacher is not None and body.by is not None:
        raise BadLabelsError(["`by` is a person and `teacher` a program: say one"])
    if body.teacher is None and any(one.confidence is not None for one in labels):
        raise BadLabelsError(["only a teacher's labels have a confidence: say which `teacher`"])
    person = Who("person", source_of(member, body.by), member.name)
    who = person if body.teacher is None else Who("teacher", body.teacher, member.name)
    recorded: Recorded = recording.record(
        services.database,
        services.objects,
        member.tenant,
        labels,
        who,
        new=body.new_labels,
        now=services.now(),
    )
    return RecordedModel(**recorded._asdict())
