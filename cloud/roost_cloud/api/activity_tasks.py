"""`/activity/tasks`: what tasks' answers and contestants came to over the last hours, and by which rules."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from roost_cloud.activity import policies, sums, tasks
from roost_cloud.activity.additions import TaskSums
from roost_cloud.activity.policies import ToldPolicy
from roost_cloud.api.activity import Hours, RatesModel, SpanModel
from roost_cloud.api.auth import Given, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_shared.messages import Reason
from roost_shared.rendezvous import PolicyDocument, Sample

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/activity/tasks", tags=["activity"])


class TaskRatesModel(RatesModel):
    """What a task's answers came to."""

    task: str
    p50_ms: float | None = Field(description="Half an octave is told apart; so of all quantiles here")
    p99_ms: float | None


class ContestantModel(BaseModel):
    """What a contestant said."""

    contestant: str
    scores: int
    answers: dict[Reason, int] = Field(description="That it gave, by reason")
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    confidence: float | None = Field(description="The median")


class PairModel(BaseModel):
    """Two contestants that said something of the same inputs."""

    one: str
    other: str
    compared: int
    differed: int
    agreement: float


class TaskActivityModel(SpanModel, TaskRatesModel):
    """What a task's answers and contestants came to."""

    p95_ms: float | None
    reasons: dict[Reason, int]
    contestants: list[ContestantModel]
    pairs: list[PairModel]


class PlayerModel(BaseModel):
    """A contestant, as a policy has it."""

    name: str
    role: str
    where: str
    ask: str = Field(description="When one in the cloud is asked: always, unsure, or of a share of the requests")


class OpeningModel(BaseModel):
    """From `after_ms` on, a score of `accept` will do if its confidence reaches `min_confidence`."""

    accept: str
    after_ms: float
    min_confidence: float | None


class PolicyModel(BaseModel):
    """Rules that devices have answered by."""

    digest: str
    first_at: datetime
    newest: bool = Field(description="The newest answer that was told of was given by it")
    contestants: list[PlayerModel]
    rules: list[OpeningModel]
    deadline_ms: float
    guard_ms: float
    default: str | None
    early_advance: bool


@router.get("", responses=raises(401, 403))
def list_task_activity(member: Viewer, services: Given, page: Asked, asked: Hours) -> Page[TaskRatesModel]:
    """The tenant's tasks by name, those that only devices know among them, with what their answers came to."""
    with services.database.read() as session:
        names = tasks.page(session, member.tenant, limit=page.rows, after=page.after)
        found = tasks.of_answers(session, member.tenant, names, asked.span(services))
    return page.of(names, lambda name: TaskRatesModel(**_of_task(name, found.get(name, TaskSums()))), str)


@router.get("/{task}", responses=raises(401, 403, 404))
def get_task_activity(
    member: Viewer, services: Given, task: Annotated[Name, Path()], asked: Hours
) -> TaskActivityModel:
    """What a task's answers came to, by reason and contestant, and how far contestants agree."""
    span = asked.span(services)
    with services.database.read() as session:
        tasks.check_task(session, member.tenant, task)
        found = tasks.of_contestants(session, member.tenant, task, span)
    answers = found.get("", TaskSums())
    return TaskActivityModel(
        since=span.since,
        until=span.until,
        p95_ms=sums.quantiles(answers).p95_ms,
        reasons=sums.reasons(answers),
        contestants=[_contestant(name, one) for name, one in found.items() if name],
        pairs=[PairModel(**one._asdict(), agreement=1 - one.differed / one.compared) for one in sums.pairs(found)],
        **_of_task(task, answers),
    )


@router.get("/{task}/policies", responses=raises(401, 403, 404))
def list_task_policies(member: Viewer, services: Given, task: Annotated[Name, Path()]) -> list[PolicyModel]:
    """The rules that devices have told of, that of the newest answer first; twenty at most."""
    with services.database.read() as session:
        tasks.check_task(session, member.tenant, task)
        return list(map(_policy, policies.told_policies(session, member.tenant, task)))


def _of_task(name: str, found: TaskSums) -> dict[str, Any]:
    times = sums.quantiles(found)
    return {"task": name, "p50_ms": times.p50_ms, "p99_ms": times.p99_ms, **sums.rates_of_task(found)._asdict()}


def _contestant(name: str, found: TaskSums) -> ContestantModel:
    return ContestantModel(
        contestant=name,
        scores=found.count,
        answers=sums.reasons(found),
        confidence=sums.confidence(found),
        **sums.quantiles(found)._asdict(),
    )


def _policy(one: ToldPolicy) -> PolicyModel:
    document: PolicyDocument = one.document
    return PolicyModel(
        digest=one.digest,
        first_at=one.first_at,
        newest=one.is_newest,
        contestants=[
            PlayerModel(
                name=each.name,
                role=each.role,
                where=each.where,
                ask=f"{each.ask.sample:.2%} of the requests" if isinstance(each.ask, Sample) else each.ask,
            )
            for each in document.contestants
        ],
        rules=[
            OpeningModel(accept=rule.accept, after_ms=rule.after_ms, min_confidence=rule.min_confidence)
            for rule in sorted(document.rules, key=lambda rule: rule.after_ms)
        ],
        deadline_ms=document.deadline_ms,
        guard_ms=document.guard_ms,
        default=document.default,
        early_advance=document.early_advance,
    )
