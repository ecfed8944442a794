"""Does its duties in turn, each when its time has come round.

It directs rollouts, collects what nothing refers to, keeps trust fresh, and removes samples that are older than they
may get.
Any number of directors may run: a duty that another is about does no harm done twice.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Final, NamedTuple

import prometheus_client
import structlog

from roost_cloud.guard import Guard
from roost_cloud.registry.collection import collect
from roost_cloud.rollouts.directing import Directing
from roost_cloud.samples import expiry
from roost_cloud.services import Services
from roost_cloud.shards import collection as shard_collection
from roost_cloud.trust.online_keys import OnlineKeys
from roost_cloud.trust.refreshing import refresh_all
from roost_shared.chance import CHANCE

__all__ = ["Director", "Duty", "make_director"]

log = structlog.get_logger(__name__)

_COLLECT_EVERY_S: Final = 3600.0
_EXPIRE_EVERY_S: Final = 3600.0
_REFRESH_EVERY_S: Final = 3600.0  # a timestamp is good for a day, and signed anew after half of it
_DIRECT_EVERY_S: Final = 2.0
_FIRST_AFTER_S: Final = 60.0  # a start has better things to do


class Duty(NamedTuple):
    """Something to be done for ever, at intervals."""

    name: str
    every_s: float
    do: Callable[[], object]  # under a guard: whatever it raises is counted and said, and it is done again
    is_urgent: bool = False  # people wait for it: its first round comes at once


class Director:
    """The role.

    Args:
        duties: what to do.
        metrics: where its numbers are registered.
        first_after_s: from the start to the first round.
        draw: randomness for the intervals, evenly in 0…1: several directors shall not go in step.
    """

    def __init__(
        self,
        duties: tuple[Duty, ...],
        metrics: prometheus_client.CollectorRegistry,
        *,
        first_after_s: float = _FIRST_AFTER_S,
        draw: Callable[[], float] = CHANCE.random,
    ) -> None:
        self._duties = duties
        self._first_after_s = first_after_s
        self._draw = draw
        self._stopping = threading.Event()
        self._guard = Guard("director", metrics, draw=draw)
        self._threads = [threading.Thread(target=self._work, args=(duty,), name=duty.name) for duty in duties]

    @property
    def problem(self) -> str | None:
        """The duties whose last round failed, and of what."""
        return self._guard.problem

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the rounds in hand, and end."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _work(self, duty: Duty) -> None:
        wait_s = 0.0 if duty.is_urgent else self._first_after_s
        while not self._stopping.wait(wait_s):
            self._guard.run(duty.name, duty.do, otherwise=None)
            wait_s = self._guard.rest_s(duty.name, duty.every_s * (0.5 + self._draw()))


def make_director(services: Services) -> Director:
    """The director of one process."""

    def collect_all() -> None:
        collected = collect(services.database, services.objects, services.now(), actor="director")
        if any(collected):
            log.info("collected", **collected._asdict())

    def collect_shards() -> None:
        collected = shard_collection.collect(services.database, services.objects, services.now())
        if any(collected):
            log.info("shards.collected", **collected._asdict())

    def refresh_trust() -> None:
        refreshed = refresh_all(services)
        if refreshed:
            log.info("trust.refreshed", tenants=refreshed)

    def expire_samples() -> None:
        now = services.now()
        before = now - timedelta(days=services.settings.sample_retention_days)
        expired = expiry.expire(services.database, services.objects, before, now=now)
        if any(expired):
            log.info("samples.expired", **expired._asdict())

    duties = [
        Duty("direct-rollouts", _DIRECT_EVERY_S, _directing(services), is_urgent=True),
        Duty("collect", _COLLECT_EVERY_S, collect_all),
        Duty("collect-shards", _COLLECT_EVERY_S, collect_shards),
        Duty("refresh-trust", _REFRESH_EVERY_S, refresh_trust),
    ]
    if services.settings.sample_retention_days:
        duties.append(Duty("expire-samples", _EXPIRE_EVERY_S, expire_samples))
    return Director(tuple(duties), services.metrics)


def _directing(services: Services) -> Callable[[], None]:
    directing = Directing(
        services.database,
        services.objects,
        lambda tenant: OnlineKeys(services.settings.secrets_path, tenant),
        services.now,
    )
    looks = prometheus_client.Counter(
        "roost_rollout_looks", "Looks at rollouts, by the state they were in.", ["state"], registry=services.metrics
    )
    assigned = prometheus_client.Counter(
        "roost_rollout_assignments", "Assignments that rollouts wrote.", registry=services.metrics
    )

    def direct_rollouts() -> None:
        for done in directing.round():
            looks.labels(done.state).inc()
            assigned.inc(done.assigned)
            if done.changed or done.problem:
                log.info("rollout.looked_at", **done._asdict())

    return direct_rollouts
