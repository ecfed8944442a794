"""`/runs/{run}/verdict`, `/bundles/{name}/versions/{version}/verdict`: what the gate said of a candidate, and why."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from roost_cloud.api.auth import Given, Viewer
from roost_cloud.api.bundles import BundleName, VersionPath
from roost_cloud.api.comparison import EvaluationModel, confusions
from roost_cloud.api.errors import raises
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import TrainingRun
from roost_cloud.errors import NotFoundError
from roost_cloud.gate.verdict import Verdict
from roost_cloud.registry import versions
from roost_cloud.registry.lineage import origin
from roost_cloud.runs import store

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["training"])

_Run = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


class ReasonModel(BaseModel):
    """A check of the gate's."""

    check: str
    passed: bool
    figure: float | None = Field(description="What was found; null: no single number tells")
    bound: float | None = Field(description="What was asked for")
    sentence: str


class BarModel(BaseModel):
    """A bar of a contestant's that has to be another for the candidate, to mean the same."""

    contestant: str
    old: float
    new: float


class InputsModel(BaseModel):
    """How many labelled inputs it was judged by."""

    new: int = Field(description="Of the changed world")
    old: int = Field(description="Of the reference data")


class DisagreementModel(BaseModel):
    """Share of inputs of which candidate and incumbent say different things, as predicted."""

    new: float | None
    old: float | None


class VerdictModel(BaseModel):
    """What the gate said of a run's candidate."""

    run: str
    candidate: str = Field(description="NAME:VERSION")
    candidate_digest: str | None
    incumbent: str = Field(description="NAME:VERSION that it was to be better than")
    passed: bool
    inputs: InputsModel
    reasons: list[ReasonModel]
    bars: list[BarModel] = Field(description="That ship with it")
    disagreement: DisagreementModel
    evaluations: list[EvaluationModel] = Field(
        description="What incumbent (first) and candidate (second) said of the inputs it was judged by"
    )


@router.get("/runs/{run}/verdict", responses=raises(401, 403, 404))
def get_run_verdict(member: Viewer, services: Given, run: _Run) -> VerdictModel:
    """What the gate said of a run's candidate, whether it passed or was refused."""
    with services.database.read() as session:
        return _model(store.get(session, member.tenant, run))


@router.get("/bundles/{name}/versions/{version}/verdict", responses=raises(401, 403, 404, 422))
def get_bundle_verdict(member: Viewer, services: Given, name: BundleName, version: VersionPath) -> VerdictModel:
    """What the gate said of a version that was trained here."""
    with services.database.read() as session:
        found = origin(session, versions.get(session, member.tenant, name, version))
        if found is None:
            raise NotFoundError("verdict", f"{name}:{version}")
        return _model(found.run)


def _model(run: TrainingRun) -> VerdictModel:
    if run.verdict is None:
        raise NotFoundError("verdict", run.id)
    verdict = msgspec.convert(run.verdict, Verdict)
    new, old = verdict.inputs
    return VerdictModel(
        run=run.id,
        candidate=f"{run.name}:{run.version}",
        candidate_digest=verdict.candidate or None,
        incumbent=f"{run.name}:{run.incumbent_version}",
        passed=verdict.passed,
        inputs=InputsModel(new=new, old=old),
        reasons=[ReasonModel(**msgspec.structs.asdict(reason)) for reason in verdict.reasons],
        bars=[BarModel(**msgspec.structs.asdict(bar)) for bar in verdict.bars],
        disagreement=DisagreementModel(new=verdict.disagreement.new, old=verdict.disagreement.old),
        evaluations=confusions(verdict),
    )
