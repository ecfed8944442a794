"""`/comparison`: two bundles side by side, by what people say that inputs show."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from roost_cloud.api.auth import Given, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import BundleVersion
from roost_cloud.gate.verdict import Confused, Verdict
from roost_cloud.labels.comparing import Cell, compare
from roost_cloud.registry.following import find_version
from roost_cloud.registry.lineage import origin

__all__ = ["EvaluationModel", "confusions", "router"]

router = APIRouter(prefix=f"{PREFIX}/comparison", tags=["bundles"])

_Reference = Annotated[str, Query(max_length=130, description="NAME:VERSION, NAME@ALIAS or a digest")]
By = Literal["gate_new", "gate_old", "labels"]


class CellModel(BaseModel):
    """A cell of a confusion matrix."""

    truth: str = Field(description="What people say that the inputs show")
    said: str | None = Field(description="What the bundle did; null: nothing")
    inputs: int


class EvaluationModel(BaseModel):
    """Both on the same inputs."""

    by: By = Field(
        description="gate_new, gate_old: as the gate ran both, on inputs of the changed world, and of the old one, "
        "that no trainer saw; labels: by what both said of live inputs that people have labelled since"
    )
    inputs: int
    first_right: int
    second_right: int
    first_only: int = Field(description="Inputs on which the first is right and the second wrong")
    second_only: int
    first: list[CellModel] = Field(description="The first's confusion, the most frequent cells first")
    second: list[CellModel]


class ComparedModel(BaseModel):
    """Two bundles side by side."""

    first: str = Field(description="NAME:VERSION")
    second: str
    task: str | None
    evaluations: list[EvaluationModel] = Field(description="Of all that there is something to tell by")


class _Shown(NamedTuple):
    by: By
    cells: list[Cell]


@router.get("", responses=raises(401, 403, 404, 422))
def get_comparison(member: Viewer, services: Given, first: _Reference, second: _Reference) -> ComparedModel:
    """Two bundles by the gate's test, where one came of the other, and by what people labelled of what both scored."""
    with services.database.read() as session:
        ours, theirs = (find_version(session, member.tenant, text) for text in (first, second))
        shown = [*_judged(session, ours, theirs), *_judged(session, theirs, ours, turned=True)]
        if ours.task is not None and ours.task == theirs.task:
            cells = compare(session, member.tenant, ours.task, ours.digest, theirs.digest)
            shown.append(_Shown("labels", cells))
    return ComparedModel(
        first=f"{ours.name}:{ours.version}",
        second=f"{theirs.name}:{theirs.version}",
        task=ours.task,
        evaluations=[_evaluation(one) for one in shown if one.cells],
    )


def confusions(verdict: Verdict) -> list[EvaluationModel]:
    """What a gate counted: the incumbent first, the candidate second."""
    return [_evaluation(one) for one in _told(verdict, turned=False) if one.cells]


def _judged(
    session: Session, incumbent: BundleVersion, candidate: BundleVersion, *, turned: bool = False
) -> list[_Shown]:
    """What the gate counted when it judged one against the other."""
    found = origin(session, candidate)
    if found is None or found.run.verdict is None or found.run.incumbent != incumbent.digest:
        return []
    return _told(msgspec.convert(found.run.verdict, Verdict), turned=turned)


def _told(verdict: Verdict, *, turned: bool) -> list[_Shown]:
    worlds: tuple[tuple[Literal["new", "old"], By], ...] = (("new", "gate_new"), ("old", "gate_old"))
    return [
        _Shown(by, [_cell(one, turned=turned) for one in verdict.confused if one.world == world])
        for world, by in worlds
    ]


def _cell(one: Confused, *, turned: bool) -> Cell:
    first, second = (one.candidate, one.incumbent) if turned else (one.incumbent, one.candidate)
    return Cell(one.truth, first, second, one.inputs)


def _evaluation(shown: _Shown) -> EvaluationModel:
    cells = shown.cells
    return EvaluationModel(
        by=shown.by,
        inputs=sum(one.inputs for one in cells),
        first_right=_count(one for one in cells if one.first == one.truth),
        second_right=_count(one for one in cells if one.second == one.truth),
        first_only=_count(one for one in cells if one.first == one.truth != one.second),
        second_only=_count(one for one in cells if one.second == one.truth != one.first),
        first=_matrix((one.truth, one.first, one.inputs) for one in cells),
        second=_matrix((one.truth, one.second, one.inputs) for one in cells),
    )


def _count(cells: Iterable[Cell]) -> int:
    return sum(one.inputs for one in cells)


def _matrix(said: Iterable[tuple[str, str | None, int]]) -> list[CellModel]:
    counts: Counter[tuple[str, str | None]] = Counter()
    for truth, label, inputs in said:
        counts[truth, label] += inputs
    return [CellModel(truth=truth, said=label, inputs=inputs) for (truth, label), inputs in counts.most_common()]
