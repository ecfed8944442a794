"""What a task in the cloud says: the terms of agent.toml's `[tasks.NAME]`, with contestants all of the cloud's.

deadline_ms = 300
[[contestants]]
name = "big"
bundle = "meter@stable"      # of the tenant's registry: NAME@ALIAS, or NAME:VERSION
[[rules]]
accept = "big"
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from roost_cloud.registry.reference import BadReferenceError, parse_reference
from roost_shared.errors import ContentError
from roost_shared.rendezvous import AskMode, PolicyError, Role, TaskPolicy
from roost_shared.task_terms import TaskTerms

__all__ = ["CONTESTANTS_MAX", "BadTaskError", "CloudContestant", "CloudTask", "encode_task", "read_task"]

CONTESTANTS_MAX: Final = 16
_RULES_MAX: Final = 64


class BadTaskError(ContentError):
    """A task's document is wrong.

    Args:
        key: of what is wrong, dotted.
        problem: what is wrong with it.
        remedy: what to write instead.
    """

    code = "task.invalid"

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{key}: {problem}. {remedy}")
        self.key = key


class CloudContestant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model taking part, run by the scorers."""

    name: str
    bundle: Annotated[str, Meta(max_length=130)]  # NAME@ALIAS or NAME:VERSION
    where: Literal["cloud"] = "cloud"
    role: Role = "answer"

    @property
    def ask(self) -> AskMode:
        """When: at once, whatever others say."""
        return "always"


class CloudTask(TaskTerms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task's document."""

    contestants: Annotated[list[CloudContestant], Meta(min_length=1, max_length=CONTESTANTS_MAX)]

    def policy(self, name: str) -> TaskPolicy:
        """The task's rendezvous policy, every contestant asked at once; see `policy_for`."""
        return self.policy_for(name, self.contestants)


def read_task(name: str, raw: Any) -> CloudTask:
    """A document, checked whole, but for whether its bundles exist.

    Args:
        name: the task's.
        raw: JSON's or TOML's data.

    Raises:
        BadTaskError: something is wrong with it; says where.
    """
    try:
        task = msgspec.convert(raw, CloudTask)
    except msgspec.ValidationError as error:
        raise BadTaskError("document", str(error), "Write it as [tasks.NAME] of agent.toml") from error
    if len(task.rules) > _RULES_MAX:
        raise BadTaskError("rules", f"there are {len(task.rules)}", f"Give at most {_RULES_MAX}")
    try:
        task.policy(name)
    except PolicyError as error:
        raise BadTaskError(error.key, error.problem, error.remedy) from error
    for place, one in enumerate(task.contestants):
        key = f"contestants[{place}]"
        if one.role == "decoy":
            raise BadTaskError(f"{key}.role", "a decoy records inputs, and the cloud has none", "Leave it out")
        try:
            parse_reference(one.bundle)
        except BadReferenceError as error:
            raise BadTaskError(f"{key}.bundle", str(error), "As meter@stable") from error
    return task


def encode_task(task: CloudTask) -> dict[str, Any]:
    """The document as data for JSON, every default written out."""
    data: dict[str, Any] = msgspec.to_builtins(task)
    return data
