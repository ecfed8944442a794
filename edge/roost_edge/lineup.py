"""From a task's configuration to the task as this device runs it: bundles opened, workers made, refusals named.

A contestant whose bundle is damaged does not keep the others from answering: it is refused, named, and counts as
failed for every request.
"""

import logging

import msgspec

from roost_edge.config import AgentConfig, TaskConfig
from roost_edge.reactor import Reactor
from roost_edge.task import Task
from roost_edge.workers import (
    ServedContestant,
    Sharer,
    Worker,
    WorkerHandle,
    WorkerListener,
    WorkerSpec,
    group_by_base,
)
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.base_key import base_key
from roost_shared.bundle.manifest import NoConfidence, ToleranceAgreement
from roost_shared.errors import RoostError
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import TaskPolicy

__all__ = ["line_up"]

log = logging.getLogger(__name__)


def line_up(name: str, config: AgentConfig, reactor: Reactor, listener: WorkerListener) -> Task:
    """Open the bundles of task `name` and make workers for its local contestants; none is started yet.

    Raises:
        PolicyError: the rules do not fit the contestants.
    """
    task = config.tasks[name]
    limits = config.limits.of_inputs
    bundles, refused = _open_bundles(name, task)
    policy = task.policy(name, without_confidence=_without_confidence(bundles), tolerance=_tolerance(task, bundles))
    settings = {contestant.name: contestant.runtime_settings for contestant in task.contestants}
    workers: dict[str, WorkerHandle] = {}
    for group in group_by_base(_sharers(task, policy, bundles)):
        spec = WorkerSpec(
            task=name,
            contestants=tuple(
                ServedContestant(one.contestant, bundles[one.contestant].folder, one.may_answer) for one in group
            ),
            runtime=settings[group[0].contestant],
            limits=limits,
            queue_jobs=config.limits.in_flight,
            measures=task.monitor is not None,
        )
        workers |= dict.fromkeys((one.contestant for one in group), Worker(spec, reactor, listener))
    return Task(
        policy,
        workers=workers,
        refused=refused,
        bundles={contestant: bundle.reference for contestant, bundle in bundles.items()},
        unsigned=config.trust.allow_unsigned,
        labels=_labels(bundles),
        private=task.captured is not None and not task.captured.pixels,
    )


def _sharers(task: TaskConfig, policy: TaskPolicy, bundles: dict[str, Bundle]) -> list[Sharer]:
    named = {rule.accept for rule in policy.rules}
    sharers = []
    for contestant in task.contestants:
        if contestant.name in bundles:
            key = base_key(bundles[contestant.name].config)
            base = None if key is None else (key, msgspec.json.encode(contestant.runtime_settings, order="sorted"))
            sharers.append(Sharer(contestant.name, contestant.role == "answer" or contestant.name in named, base))
    return sharers


def _open_bundles(name: str, task: TaskConfig) -> tuple[dict[str, Bundle], dict[str, ErrorInfo]]:
    bundles: dict[str, Bundle] = {}
    refused: dict[str, ErrorInfo] = {}
    for contestant in task.contestants:
        if contestant.bundle is None:
            continue  # a cloud contestant
        try:
            bundles[contestant.name] = open_bundle(contestant.bundle)
        except RoostError as error:
            refused[contestant.name] = ErrorInfo(error.code, str(error))
            log.warning("%s/%s takes no part: %s: %s", name, contestant.name, error.code, error)
    return bundles, refused


def _without_confidence(bundles: dict[str, Bundle]) -> frozenset[str]:
    return frozenset(
        contestant for contestant, bundle in bundles.items() if isinstance(bundle.config.confidence, NoConfidence)
    )


def _labels(bundles: dict[str, Bundle]) -> frozenset[str] | None:
    """The task's label space, as far as its bundles here tell."""
    kinds = {bundle.config.output.kind for bundle in bundles.values()}
    if kinds != {"classification"}:
        return None
    return frozenset(label for bundle in bundles.values() for label in bundle.config.labels)


def _tolerance(task: TaskConfig, bundles: dict[str, Bundle]) -> float | None:
    """What agreement means for the task: what its first answering bundle says."""
    for contestant in task.contestants:
        if contestant.role == "answer" and contestant.name in bundles:
            agreement = bundles[contestant.name].config.agreement
            return agreement.tolerance if isinstance(agreement, ToleranceAgreement) else None
    return None
