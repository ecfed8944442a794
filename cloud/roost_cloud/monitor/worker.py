"""The role: rounds of work in a thread, beside the thread that tells hooks of events. Any number may run."""

import secrets
import threading
from datetime import datetime, timedelta
from typing import Final

import prometheus_client
import structlog

from roost_cloud.activity.expiry import expire_hours
from roost_cloud.alarms.store import count_open
from roost_cloud.broker.link import BrokerLink
from roost_cloud.db import Database
from roost_cloud.drift.budget import SHARES
from roost_cloud.events.addresses import parse_networks
from roost_cloud.events.deliverer import Deliverer
from roost_cloud.events.webhook import Webhook
from roost_cloud.guard import Guard, Pieces
from roost_cloud.monitor.expiry import expire
from roost_cloud.monitor.merging import StreamKey
from roost_cloud.monitor.references import References
from roost_cloud.monitor.work import Done, work_round
from roost_cloud.services import Services
from roost_shared.clock import Clock
from roost_shared.complaints import Complaints
from roost_shared.errors import ConfigError

__all__ = ["Monitor", "make_monitor"]

log = structlog.get_logger(__name__)

_EVERY_S: Final = 10.0
_EXPIRE_EVERY: Final = timedelta(hours=1)
_LAGS_S: Final = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)


class Monitor:
    """The role.

    Args:
        database: where windows are, and alarms go.
        clock: tells the time.
        metrics: where its numbers are registered.
        deliverer: tells hooks; None: another process does.
        every_s: from one round's end to the next's beginning.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: prometheus_client.CollectorRegistry,
        deliverer: Deliverer | None,
        *,
        every_s: float = _EVERY_S,
    ) -> None:
        self._database = database
        self._clock = clock
        self._deliverer = deliverer
        self._every_s = every_s
        self._references = References()
        self._pieces = Pieces()
        self._complaints = Complaints(clock)
        self._stopping = threading.Event()
        self._expire_at: datetime | None = None  # None: at once
        self._thread = threading.Thread(target=self._run, name="monitor")
        self._guard = Guard("monitor", metrics)
        self._verdicts = prometheus_client.Counter(
            "roost_monitor_verdicts", "What decisions said.", ["kind", "outcome"], registry=metrics
        )
        self._decided = prometheus_client.Counter("roost_monitor_decided", "Decision windows made.", registry=metrics)
        self._lag = prometheus_client.Histogram(
            "roost_monitor_lag_seconds",
            "From the receipt of a decision's last window until it is made.",
            buckets=_LAGS_S,
            registry=metrics,
        )
        self._raised = prometheus_client.Counter("roost_alarms_raised", "Alarms raised.", ["kind"], registry=metrics)
        self._unreadable = prometheus_client.Counter(
            "roost_monitor_unreadable", "Sketches of windows that could not be read.", registry=metrics
        )
        self._expired = prometheus_client.Counter(
            "roost_monitor_expired",
            "Windows, decisions and hours of activity removed for their age.",
            ["what"],
            registry=metrics,
        )
        self._open = prometheus_client.Gauge(
            "roost_alarms_open", "Alarms that nobody has seen to, without muted ones.", ["kind"], registry=metrics
        )

    @property
    def problem(self) -> str | None:
        """Why it cannot work just now, in a line; None if it can."""
        return self._guard.problem or (None if self._deliverer is None else self._deliverer.problem)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        if self._deliverer is not None:
            self._deliverer.start()

    def stop(self) -> None:
        """Finish what is in hand, and end."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._deliverer is not None:
            self._deliverer.stop()

    def _run(self) -> None:
        while True:
            self._guard.run("monitor", self.work, otherwise=0)
            if self._stopping.wait(self._guard.rest_s("monitor", self._every_s)):
                return

    def work(self) -> int:
        """A round.

        Returns:
            How many decisions were made.

        Raises:
            DatabaseUnavailableError: the database is away.
            RoostError: a task of a device could not be decided on; the others were.
        """
        decided = 0
        now, stopping = self._clock.wall, self._stopping.is_set
        for stream, done in work_round(self._database, self._references, self._pieces, now, stopping):
            decided += len(done.lags_s)
            self._note(stream, done)
        with self._database.read() as session:
            counts = count_open(session, self._clock.wall())
        for kind in SHARES:
            self._open.labels(kind).set(counts.get(kind, 0))
        self._expire()
        return decided

    def _expire(self) -> None:
        now = self._clock.wall()
        if self._expire_at is not None and now < self._expire_at:
            return
        self._expire_at = now + _EXPIRE_EVERY
        for what, count in expire(self._database, now, self._stopping.is_set)._asdict().items():
            self._expired.labels(what).inc(count)
        self._expired.labels("hours").inc(expire_hours(self._database, now, self._stopping.is_set))

    def _note(self, stream: StreamKey, done: Done) -> None:
        self._decided.inc(len(done.lags_s))
        for lag_s in done.lags_s:
            self._lag.observe(max(lag_s, 0.0))
        for (kind, outcome), count in done.verdicts.items():
            self._verdicts.labels(kind, outcome).inc(count)
        for kind in done.alarms:
            self._raised.labels(kind).inc()
            log.warning("alarm.opened", tenant=stream.tenant, device=stream.device, task=stream.task, kind=kind)
        self._unreadable.inc(len(done.problems))
        for problem in done.problems:
            self._complaints.note("sketch.invalid", f"a window of {'/'.join(stream)}: {problem}")


def make_monitor(services: Services) -> Monitor:
    """The role of a deployment.

    Raises:
        ConfigError: what webhooks shall trust cannot be read.
        ContentError: the broker's address or certificates cannot be used.
    """
    settings = services.settings
    link = None
    if settings.broker_url is not None:
        link = BrokerLink(services.link_settings(f"roost-cloud-monitor-{secrets.token_hex(4)}"), clock=services.clock)
    try:
        webhook = Webhook(parse_networks(settings.hook_networks), settings.hook_cafile)
    except OSError as error:
        problem = f"{settings.hook_cafile}: {error}"
        raise ConfigError(
            where="settings", key="hook_cafile", problem=problem, remedy="Name a file of certificates (PEM)"
        ) from error
    clock, metrics = services.clock, services.metrics
    deliverer = Deliverer(services.database, webhook, link, key=services.token_key, clock=clock, metrics=metrics)
    return Monitor(services.database, clock, metrics, deliverer)
