"""What a tenant wants of the training of a task: what opens a run, how far it goes by itself, and within which limits.

>>> policy = read_policy({"mode": "train", "bundle": "meter@stable", "every_days": 7})
>>> policy.mode, policy.labels_wanted, policy.attempts
('train', 20, 3)
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from roost_cloud.gate.settings import GateSettings
from roost_cloud.registry.reference import BadReferenceError, parse_reference
from roost_shared.errors import ContentError
from roost_shared.topics import NAME

__all__ = ["BadPolicyError", "Mode", "RunPolicy", "changed_policy", "encode_policy", "read_policy"]

Mode = Literal["tell", "train", "auto"]


class BadPolicyError(ContentError):
    """A policy of training is wrong; says where."""

    code = "training.policy"


class RunPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task's.

    Attributes:
        mode: `tell`: a run is only proposed, and a person approves it before anything is done; `train`: it is trained
            and judged, and a person approves the candidate before it is registered; `auto`: all by itself.
        bundle: the incumbent, `NAME@ALIAS` or `NAME:VERSION`; None: the one that an alarm is about.
        trainer: by the name of its entry point.
        parameters: the trainer's own.
        alarms: whether alarms of the input or the model open runs.
        every_days: that a run is opened after the last one, whatever else; None: never by the calendar.
        new_labels: that open a run, counted since the last one was opened; None: never by their number.
        labels_wanted: labels of the changed world without which nothing is trained: the run waits for them.
        attempts: that a run may fail before it is given up.
        wall_minutes: that training or judging may take.
        silent_minutes: that a process may say nothing before it counts as hanging.
        memory_mb: that a process may take, MiB.
        gate: how strictly a candidate is judged.
    """

    mode: Mode = "tell"
    bundle: Annotated[str, Meta(max_length=130)] | None = None
    trainer: Annotated[str, Meta(pattern=f"^{NAME.pattern}$")] = "head"
    parameters: Annotated[dict[str, Any], Meta(max_length=64)] = {}
    alarms: bool = True
    every_days: Annotated[float, Meta(ge=0.01, le=3650)] | None = None
    new_labels: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    labels_wanted: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    attempts: Annotated[int, Meta(ge=1, le=20)] = 3
    wall_minutes: Annotated[float, Meta(gt=0, le=10_080)] = 60.0
    silent_minutes: Annotated[float, Meta(gt=0, le=1440)] = 5.0
    memory_mb: Annotated[int, Meta(ge=64, le=1_048_576)] = 4096
    gate: GateSettings = GateSettings()


def read_policy(raw: Any) -> RunPolicy:
    """A policy, checked whole, but for whether its bundle and its trainer exist.

    Raises:
        BadPolicyError: something is wrong with it.
    """
    try:
        policy = msgspec.convert(raw, RunPolicy)
        if policy.bundle is not None:
            parse_reference(policy.bundle)
    except (msgspec.ValidationError, BadReferenceError) as error:
        raise BadPolicyError(f"policy of training: {error}") from error
    return policy


def changed_policy(policy: RunPolicy, changes: Mapping[str, Any]) -> RunPolicy:
    """A policy with some of it said otherwise; None: as it is.

    Raises:
        BadPolicyError: what comes of it is wrong.
    """
    said = {name: value for name, value in changes.items() if value is not None}
    return read_policy({**encode_policy(policy), **said})


def encode_policy(policy: RunPolicy) -> dict[str, Any]:
    """The policy as data for JSON, every default written out."""
    data: dict[str, Any] = msgspec.to_builtins(policy)
    return data
