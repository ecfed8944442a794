"""What people write of a device's tasks: the tables of agent.toml, with bundles of the registry. Pure.

[tasks.meter]
deadline_ms = 300
[[tasks.meter.contestants]]
name = "primary"
bundle = "meter@stable"      # NAME:VERSION, or NAME@ALIAS: where that points when it is assigned
[tasks.meter.trial]
watch_inputs = 200

What is the site's own (inject, folder, capture) stays in its agent.toml.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from roost_cloud.assignments.errors import BadAssignmentError
from roost_cloud.registry.reference import BadReferenceError, Reference, parse_reference
from roost_shared.assignment import AssignedContestant, AssignedTask, BundlePin, Trial
from roost_shared.rendezvous import AskMode, PolicyError, Role
from roost_shared.runtime_settings import RuntimeName, RuntimeSettings
from roost_shared.task_terms import TaskTerms
from roost_shared.topics import is_name

__all__ = ["AssignmentDocument", "WrittenContestant", "WrittenTask", "read_document"]

_TASKS_MAX: Final = 64
_RULES_MAX: Final = 64
_DelegateName = Annotated[str, Meta(pattern=r"\A[^\0]+\Z", max_length=1024)]
_DelegateOptions = Annotated[
    dict[Annotated[str, Meta(max_length=128)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]


class WrittenContestant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model taking part."""

    name: str
    bundle: Annotated[str, Meta(max_length=130)] | None = (
        None  # NAME:VERSION or NAME@ALIAS; None of a cloud contestant
    )
    where: Literal["local", "cloud"] = "local"
    role: Role = "answer"
    ask: AskMode = "unsure"
    downscale: bool = False
    threads: Annotated[int, Meta(gt=0, le=64)] = 1
    runtime: RuntimeName | None = None
    delegate: _DelegateName | None = None
    delegate_options: _DelegateOptions = {}

    @property
    def reference(self) -> Reference | None:
        """Its bundle; None for none."""
        return None if self.bundle is None else parse_reference(self.bundle)

    def pinned(self, pins: Mapping[Reference, BundlePin]) -> AssignedContestant:
        """As it is assigned.

        Args:
            pins: what each reference of the document stands for.
        """
        reference = self.reference
        return AssignedContestant(
            name=self.name,
            bundle=None if reference is None else pins[reference],
            where=self.where,
            role=self.role,
            ask=self.ask,
            downscale=self.downscale,
            runtime=RuntimeSettings(
                threads=self.threads,
                name=self.runtime,
                delegate=self.delegate,
                delegate_options=self.delegate_options,
            ),
        )


class WrittenTask(TaskTerms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task."""

    contestants: Annotated[list[WrittenContestant], Meta(min_length=1, max_length=64)]
    trial: Trial = Trial()

    def pinned(self, pins: Mapping[Reference, BundlePin]) -> AssignedTask:
        """As it is assigned; see `WrittenContestant.pinned`."""
        return AssignedTask(
            deadline_ms=self.deadline_ms,
            max_deadline_ms=self.max_deadline_ms,
            guard_ms=self.guard_ms,
            default=self.default,
            early_advance=self.early_advance,
            rules=self.rules,
            contestants=tuple(one.pinned(pins) for one in self.contestants),
            trial=self.trial,
        )


class AssignmentDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a device shall run; with no task, nothing."""

    tasks: dict[str, WrittenTask]

    @property
    def uses(self) -> list[tuple[str, Reference]]:
        """Every bundle it names with the task it is to answer, in order, each once."""
        return sorted(
            {
                (name, one.reference)
                for name, task in self.tasks.items()
                for one in task.contestants
                if one.reference is not None
            }
        )


def read_document(raw: Any) -> AssignmentDocument:
    """A document, checked whole, but for its bundles.

    Args:
        raw: JSON's or TOML's data.

    Raises:
        BadAssignmentError: something is wrong with it; says where.
    """
    try:
        document = msgspec.convert(raw, AssignmentDocument)
    except msgspec.ValidationError as error:
        raise BadAssignmentError("document", str(error), "Write it as [tasks.NAME] of agent.toml") from error
    if len(document.tasks) > _TASKS_MAX:
        raise BadAssignmentError("tasks", f"there are {len(document.tasks)}", f"Give at most {_TASKS_MAX}")
    for name, task in document.tasks.items():
        _check_task(name, task)
    return document


def _check_task(name: str, task: WrittenTask) -> None:
    key = f"tasks.{name[:63]}"
    if not is_name(name):
        raise BadAssignmentError(key, f"{name[:80]!r} is not a name", "Use a-z, 0-9, '.', '_' and '-', at most 63")
    if len(task.rules) > _RULES_MAX:
        raise BadAssignmentError(f"{key}.rules", f"there are {len(task.rules)}", f"Give at most {_RULES_MAX}")
    for place, one in enumerate(task.contestants):
        _check_contestant(f"{key}.contestants[{place}]", one)
    trial = task.trial
    if not all(map(isfinite, (trial.shadow_s, trial.watch_s, trial.margin, trial.p95_ms or 1))):
        raise BadAssignmentError(f"{key}.trial", "a figure is not finite", "Give seconds, and a share of 0 to 1")
    unpinned = msgspec.structs.replace(
        task, contestants=[msgspec.structs.replace(one, bundle=None) for one in task.contestants]
    )
    try:
        unpinned.pinned({}).policy(name)
    except PolicyError as error:
        raise BadAssignmentError(f"{key}.{error.key}", error.problem, error.remedy) from error


def _check_contestant(key: str, one: WrittenContestant) -> None:
    if one.role == "decoy" and (one.bundle is not None or one.where == "cloud"):
        raise BadAssignmentError(f"{key}.role", "a decoy runs no model", "Leave `bundle` and `where` out")
    if one.where == "cloud" and one.bundle is not None:
        raise BadAssignmentError(f"{key}.bundle", "a cloud contestant has none", "Leave it out: `roost task set` says")
    if one.where == "local" and one.role != "decoy" and one.bundle is None:
        raise BadAssignmentError(f"{key}.bundle", "a local contestant needs one", "Write meter:7, or meter@stable")
    if one.where == "local" and one.downscale:
        raise BadAssignmentError(f"{key}.downscale", "the contestant is local", "Leave it out: nothing is sent to it")
    if one.delegate_options and one.delegate is None:
        raise BadAssignmentError(f"{key}.delegate_options", "there is no delegate", "Name the one they are for")
    for path in RuntimeSettings(delegate=one.delegate, delegate_options=one.delegate_options).paths:
        what = f"{path[:80]!r} is a path: a device loads no file that somebody else points at"
        raise BadAssignmentError(f"{key}.delegate", what, "Name what is installed, or state the task in agent.toml")
    try:
        parse_reference(one.bundle or "none:1")
    except BadReferenceError as error:
        raise BadAssignmentError(f"{key}.bundle", str(error), "As meter:7, or meter@stable") from error
