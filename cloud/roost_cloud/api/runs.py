"""`/runs`: training runs, from what opened them to what became of them."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Line, Moment, Name
from roost_cloud.api.pages import LIMIT, LIMIT_MAX, Asked, Page, PageQuery
from roost_cloud.api.parameters import Parameters
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import TrainingLine, TrainingRun, TrainingStep
from roost_cloud.runs import policies, store
from roost_cloud.runs.opening import Wish, open_by_person
from roost_cloud.runs.policy import Mode, changed_policy
from roost_cloud.runs.state import State, orders
from roost_cloud.runs.store import Chosen
from roost_shared.digest import DIGEST

__all__ = ["RunModel", "router", "run_model"]

router = APIRouter(prefix=f"{PREFIX}/runs", tags=["training"])

_SEED_MAX: Final = (1 << 63) - 1  # what a database's integer holds
_Run = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
_Reference = Annotated[str, Field(max_length=130)]


class RunModel(BaseModel):
    """A run, in short."""

    id: str
    task: str
    state: State
    mode: Mode
    trainer: str
    cause: Literal["alarm", "schedule", "labels", "person"]
    reason: str
    incumbent: str = Field(description="NAME:VERSION it starts from")
    candidate: str = Field(description="NAME:VERSION of what it makes")
    since: datetime = Field(description="What came from then on shows the changed world")
    devices: list[str] | None = Field(description="On which it changed; null: on all")
    opened_at: datetime
    opened_by: str
    started_at: datetime | None
    ended_at: datetime | None
    due_at: datetime = Field(description="Not begun before")
    attempt: int
    failures: int = Field(description="Attempts that count against the policy's number")
    worker: str | None = Field(description="That has it now")
    done: int = Field(description="Steps of the piece of work in hand")
    total: int
    what: str = Field(description="The piece of work in hand, or what is waited for")
    labels_had: int | None = Field(description="Labels when they were too few")
    labels_wanted: int
    problem_code: str | None = Field(description="Of the last attempt that failed")
    problem: str | None
    orders: list[str] = Field(description="What a person may do to it now")


class StepModel(BaseModel):
    """A step from a state to the next."""

    at: datetime
    before: State | None = Field(description="null: it was opened")
    after: State
    actor: str
    why: str


class WholeRun(RunModel):
    """A run, whole."""

    seed: int
    parameters: dict[str, Any]
    policy: dict[str, Any] = Field(description="The task's, as it was when the run was opened")
    alarms: list[str] = Field(description="That it sees to")
    incumbent_digest: str
    trainer_version: str | None = Field(description="As the trainer said itself")
    candidate_digest: str | None = Field(description="null: nothing has passed the gate")
    snapshot: str | None = Field(description="Digest of its dataset")
    verdict: dict[str, Any] | None = Field(description="What the gate said")
    steps: list[StepModel]
    metrics: dict[str, float]


class LineModel(BaseModel):
    """A line of a run's log."""

    number: int
    at: datetime
    attempt: int
    text: str


class OpenBody(BaseModel):
    """A run to be opened; null: as the task's policy says."""

    model_config = ConfigDict(extra="forbid")

    task: Name
    bundle: _Reference | None = Field(None, description="The incumbent, NAME@ALIAS or NAME:VERSION")
    since: Moment | None = Field(None, description="When the world changed")
    devices: Annotated[list[Name], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="On which it changed"
    )
    mode: Literal["train", "auto"] | None = None
    trainer: Name | None = None
    parameters: Parameters | None = None
    labels_wanted: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    seed: Annotated[int, Field(ge=0, le=_SEED_MAX)] = 0
    reason: Line | None = None


class NoteBody(BaseModel):
    """What a person has to say of it."""

    model_config = ConfigDict(extra="forbid")

    note: Line | None = None


@dataclass(frozen=True)
class ChosenQuery:
    """Which runs are asked for."""

    task: Annotated[Name | None, Query()] = None
    state: Annotated[State | None, Query()] = None
    is_open: Annotated[bool | None, Query(description="That have not ended, or that have")] = None
    snapshot: Annotated[
        str | None, Query(pattern=f"^{DIGEST.pattern}$", description="Whose dataset has that digest")
    ] = None


_Chosen = Annotated[ChosenQuery, Depends()]


@router.get("", responses=raises(401, 403, 404))
def list_runs(member: Viewer, services: Given, page: Asked, chosen: _Chosen) -> Page[RunModel]:
    """Runs, the newest first."""
    with services.database.read() as session:
        rows = store.page(session, member.tenant, Chosen(**vars(chosen)), limit=page.rows, after=page.after)
    return page.of(rows, run_model, lambda row: row.id)


@router.post("", status_code=HTTPStatus.CREATED, responses=raises(401, 403, 404, 409))
def open_run(member: Operator, services: Given, body: OpenBody) -> RunModel:
    """Open a run; of a task there is one at a time."""
    said = {"mode": body.mode, "trainer": body.trainer, "parameters": body.parameters}
    wish = Wish(body.bundle, body.since, body.devices, body.seed, body.reason)
    with services.database.begin() as session:
        stated = policies.get(session, member.tenant, body.task)
        policy = changed_policy(stated, {**said, "labels_wanted": body.labels_wanted})
        row = open_by_person(session, member.tenant, body.task, policy, wish, actor=member.name, now=services.now())
        return run_model(row)


@router.get("/{run}", responses=raises(401, 403, 404))
def get_run(member: Viewer, services: Given, run: _Run) -> WholeRun:
    """One run: what opened it, what it went through, its figures, and what the gate said."""
    with services.database.read() as session:
        row = store.get(session, member.tenant, run)
        steps, metrics = store.steps(session, row), store.metrics(session, row)
        alarms = store.alarms_of(session, row)
    return WholeRun(
        **dict(run_model(row)),
        seed=row.seed,
        parameters=row.parameters,
        policy=row.policy,
        alarms=alarms,
        incumbent_digest=row.incumbent,
        trainer_version=row.trainer_version,
        candidate_digest=row.candidate,
        snapshot=row.snapshot,
        verdict=row.verdict,
        steps=list(map(_step, steps)),
        metrics={one.name: one.value for one in metrics},
    )


@router.get("/{run}/log", responses=raises(401, 403, 404))
def get_log(
    member: Viewer,
    services: Given,
    run: _Run,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT,
    after: Annotated[int, Query(ge=0, le=_SEED_MAX, description="Behind the line of that number")] = 0,
) -> Page[LineModel]:
    """A run's log, from its first line that is still kept; ask again behind the last for what comes."""
    page = PageQuery(limit)
    with services.database.read() as session:
        rows = store.lines(session, store.get(session, member.tenant, run), after=after, limit=page.rows)
    return page.of(rows, _line, lambda row: str(row.number))


@router.post("/{run}/approve", responses=raises(401, 403, 404, 409))
def approve_run(member: Operator, services: Given, run: _Run, body: NoteBody) -> RunModel:
    """Let a run go on that waits for a person: begin one that is proposed, register what has passed the gate."""
    with services.database.begin() as session:
        row = store.approve(session, member.tenant, run, note=body.note, actor=member.name, now=services.now())
        return run_model(row)


@router.post("/{run}/cancel", responses=raises(401, 403, 404, 409))
def cancel_run(member: Operator, services: Given, run: _Run, body: NoteBody) -> RunModel:
    """End a run, whatever it is at; nothing of it gets into the registry."""
    with services.database.begin() as session:
        row = store.cancel(session, member.tenant, run, note=body.note, actor=member.name, now=services.now())
        return run_model(row)


def run_model(row: TrainingRun) -> RunModel:
    """A run as the API shows it."""
    policy = store.policy_of(row)
    made: dict[str, Any] = {
        "mode": policy.mode,
        "trainer": policy.trainer,
        "labels_wanted": policy.labels_wanted,
        "incumbent": f"{row.name}:{row.incumbent_version}",
        "candidate": f"{row.name}:{row.version}",
        "orders": orders(row.state),  # type: ignore[arg-type]  # the table allows no other
    }
    return RunModel(**{name: getattr(row, name) for name in RunModel.model_fields if name not in made}, **made)


def _step(row: TrainingStep) -> StepModel:
    return StepModel(**{name: getattr(row, name) for name in StepModel.model_fields})


def _line(row: TrainingLine) -> LineModel:
    return LineModel(**{name: getattr(row, name) for name in LineModel.model_fields})
