"""The agent: puts the parts together, routes messages between them, starts and stops them. It decides nothing.

    broker ─▶ site connection ─▶ intake ─▶ desk ─▶ workers
      ▲                 folder ─▶ intake ─▶ │  ▲       │
      └───────────────── answers ───────────┘  ├ scores┘
    cloud ◀─▶ uplink ◀─▶ cloud link ◀─ asks ───┘   (pictures shrunken on the way, where that pays)

Everything here runs in one thread, the reactor's. Models run in the workers' processes; connecting, in a thread of
its own. So nothing the network or a model does can keep an answer from leaving.
"""

import contextlib
import gc
import logging
import os
import secrets
import signal
from typing import TYPE_CHECKING, Any, Final

from roost_edge.broker_settings import own_identity, site_settings
from roost_edge.cloud_link.ledger import Ledger
from roost_edge.cloud_link.link import CloudLink
from roost_edge.cloud_link.sizes import Sizes
from roost_edge.config import AgentConfig
from roost_edge.desk import Desk
from roost_edge.identity import Identity, IdentityUnreadableError
from roost_edge.injection import Injection
from roost_edge.intake.folder import FolderIntake
from roost_edge.intake.mqtt import MqttIntake
from roost_edge.lineup import line_up
from roost_edge.mqtt import BrokerConnection
from roost_edge.reactor import Reactor, Timer
from roost_edge.shrinking.downscaler import Downscaler
from roost_edge.shrinking.shrinker import Shrinker
from roost_edge.site_connection import SiteConnection, describe_connection
from roost_edge.state_folder import StateFolder
from roost_edge.status import StatusServer
from roost_edge.task_status import describe_task
from roost_edge.uplink import Uplink
from roost_edge.watchdog import Watchdog
from roost_edge.workers import ContestantState, Key, Worker
from roost_shared import __version__
from roost_shared.clock import SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.limits import InputLimits
from roost_shared.messages import SCHEMA_VERSION, ErrorInfo
from roost_shared.scored import Scored
from roost_shared.topics import DeviceTopics

if TYPE_CHECKING:
    from roost_edge.intake.http import HttpIntake

__all__ = ["Agent", "run_agent"]

log = logging.getLogger(__name__)

START_PATIENCE_NS: Final = 5 * SECOND  # then inputs are taken even if a worker is not ready
GOODBYE_NS: Final = 2 * SECOND
WORKER_GOODBYE_NS: Final = 1 * SECOND
PRIORITY: Final = -10  # nice value; the workers' is 5


def run_agent(config: AgentConfig, watchdog: Watchdog) -> None:
    """Answer inputs until SIGTERM or SIGINT.

    Args:
        config: checked and complete.
        watchdog: of the service manager that started us.

    Raises:
        StateFolderError: the state folder cannot be used.
        ContentError: the broker's address or certificates cannot be used, or the rules do not fit.
    """
    folder = StateFolder(config.state_dir)
    _take_first_place()
    try:
        agent = Agent(config, watchdog)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: agent.stop_soon())
        agent.run()
    finally:
        folder.close()


def _take_first_place() -> None:
    """Run before other programs where we may: answers wait for the guard, and the guard is 5 ms."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)


class _Ear:
    """Hears one task's workers."""

    def __init__(self, agent: "Agent", task: str) -> None:
        self._agent = agent
        self._task = task

    def on_score(self, key: Key, contestant: str, scored: Scored) -> None:
        self._agent.desk.on_score(key, contestant, scored)

    def on_failure(self, key: Key, contestant: str, error: ErrorInfo) -> None:
        self._agent.desk.on_failure(key, contestant, error)

    def on_contestant_state(self, contestant: str, state: ContestantState, detail: ErrorInfo | None) -> None:
        why = f": {detail.code}: {detail.message}" if detail else ""
        log.log(logging.WARNING if detail else logging.INFO, "%s/%s is %s%s", self._task, contestant, state, why)
        self._agent.worker_changed()


class Agent:
    """One device's agent.

    Args:
        config: checked and complete.
        watchdog: told when we take inputs, that we turn, when we stop.

    Raises:
        ContentError: the broker's address or certificates cannot be used, or the rules do not fit.
    """

    def __init__(self, config: AgentConfig, watchdog: Watchdog) -> None:
        clock = SystemClock()
        self._clock = clock
        self._config = config
        self._watchdog = watchdog
        self._started_ns = clock.now_ns()
        self._boot = secrets.token_hex(8)
        self._reactor = Reactor(clock)
        self._complaints = Complaints(clock)
        topics = DeviceTopics(config.tenant, config.device)
        self._injection = Injection(self._complaints)
        self.desk = Desk(
            self._reactor,
            self._complaints,
            in_flight=config.limits.in_flight,
            payload_limit_bytes=config.limits.payload_bytes,
        )
        budget = 0 if config.cloud is None else config.cloud.ask_bytes_per_day
        ledger = Ledger(config.state_dir, budget, self._reactor, self._complaints)
        limits = InputLimits(payload_bytes=config.limits.payload_bytes, image_pixels=config.limits.image_pixels)
        shrinker = Shrinker(self._reactor, self._complaints, limits)
        self._downscaler = Downscaler(shrinker, self._reactor, self.desk)
        self._link = CloudLink(topics, self._boot, ledger, self._reactor, self._complaints, self._downscaler)
        self._downscaler.asker = self._link
        self.desk.asker = self._downscaler
        for name, task in config.tasks.items():
            lined_up = line_up(name, config, self._reactor, _Ear(self, name))
            self.desk.tasks[name] = lined_up
            if lined_up.cloud:
                downscaled = [one.name for one in task.contestants if one.downscale]
                sizes = Sizes(downscaled, max_pixels=config.limits.image_pixels)
                self._link.serve(name, lined_up.cloud, lined_up.labels, sizes)
            for inject, topic in task.inject.items():
                self._injection.want(lined_up, inject, topic)
        identity = self._read_identity()
        self._site = SiteConnection(
            lambda shown: site_settings(config, shown, self._injection.topics),
            identity,
            self._reactor,
            self._complaints,
            topics=topics,
            injection=self._injection,
            intake=self._make_intake,
        )
        self._uplink = Uplink(
            config,
            identity,
            self._site,
            self._link,
            self._reactor,
            clock,
            self._complaints,
            topics=topics,
            boot=self._boot,
        )
        self._folders = {
            name: FolderIntake(
                name,
                task.folder,
                self._reactor,
                clock,
                self._complaints,
                limit_bytes=config.limits.payload_bytes,
                room=lambda: self.desk.room,
                take=self.desk.take,
                refuse=self.desk.refuse,
            )
            for name, task in config.tasks.items()
            if task.folder is not None
        }
        self._http = self._make_http_intake()
        self._patience: Timer | None = None
        self._stopping = False
        self._leaving = False
        self._connections_left = 2

    def _make_intake(self, connection: BrokerConnection) -> MqttIntake:
        return MqttIntake(
            DeviceTopics(self._config.tenant, self._config.device),
            connection,
            self._clock,
            boot=self._boot,
            operator_token_sha256=self._config.operator_token_sha256,
            take=self.desk.take,
            refuse=self.desk.refuse,
        )

    def _make_http_intake(self) -> "HttpIntake | None":
        if self._config.http is None:
            return None
        from roost_edge.intake.http import HttpIntake  # noqa: PLC0415 - a device without [http] need not hold it

        return HttpIntake(
            self._config,
            self._config.http,
            self.desk.tasks,
            self._reactor,
            self._clock,
            self._complaints,
            boot=self._boot,
            take=self.desk.take,
        )

    def _read_identity(self) -> Identity | None:
        """Ours. One that cannot be read keeps us from the cloud, and not from answering."""
        try:
            return own_identity(self._config)
        except IdentityUnreadableError as error:
            self._complaints.note(error.code, str(error))
            return None

    # ---- life

    def run(self) -> None:
        """Serve until stopped."""
        status = StatusServer(self._reactor, self._config.state_dir, self.describe)
        for worker in self._workers():
            worker.start()
        if self._http is not None:
            self._http.start()
        self._patience = self._reactor.call_after(START_PATIENCE_NS, self._connect)
        self.worker_changed()
        gc.freeze()  # what lives as long as the agent need not be looked through again
        try:
            self._reactor.run()
        finally:
            self._watchdog.close()
            status.close()
            self._link.close()
            self._downscaler.close()
            for folder in self._folders.values():
                folder.close()
            if self._http is not None:
                self._http.close()
            self._reactor.close()

    def worker_changed(self) -> None:
        """Go online once every worker is ready or known to fail: an input that comes earlier would only wait."""
        states = {worker.state for worker in self._workers()}
        if "starting" not in states:
            self._connect()
        if not self._connections_left and states <= {"stopped"}:
            self._reactor.stop()

    def stop_soon(self) -> None:
        """Stop gracefully; may be called from a signal handler. A second call does not wait for answers."""
        self._reactor.call_soon_threadsafe(self._say_goodbye if self._stopping else self._stop)

    def _connect(self) -> None:
        if self._patience is None or self._stopping:
            return
        self._patience.cancel()
        self._patience = None
        log.info("%s/%s boot %s: taking inputs", self._config.tenant, self._config.device, self._boot)
        self._site.start()
        self._uplink.start()
        for folder in self._folders.values():
            folder.start()
        if self._http is not None:
            self._http.begin()
        self._watchdog.start(self._reactor, self._in_one_line)

    def _stop(self) -> None:
        """Take no more inputs, answer those in flight, then say goodbye."""
        if self._stopping:
            return
        log.info("stopping: %d to answer", self.desk.unanswered)
        self._stopping = True
        self._site.take_no_more()
        self._watchdog.stopping()
        for folder in self._folders.values():
            folder.stop()
        if self._http is not None:
            self._http.stop()
        self.desk.on_idle = self._say_goodbye
        longest_ns = max((task.policy.max_deadline_ns for task in self.desk.tasks.values()), default=0)
        self._reactor.call_after(longest_ns, self._say_goodbye)
        if not self.desk.unanswered:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        self.desk.on_idle = None
        if self._leaving:
            return
        self._leaving = True
        self._uplink.stop(self._one_left)
        self._site.connection.stop(GOODBYE_NS, self._one_left)

    def _one_left(self) -> None:
        """One of the two connections is closed; when both are, the workers stop."""
        self._connections_left -= 1
        if self._connections_left:
            return
        deadline_ns = self._reactor.now_ns() + WORKER_GOODBYE_NS
        for worker in self._workers():
            worker.stop(deadline_ns)
        self.worker_changed()

    def _workers(self) -> list[Worker]:
        return [worker for task in self.desk.tasks.values() for worker in task.crews]

    # ---- what status tells

    def describe(self) -> dict[str, Any]:
        """The document of `roost-agent status --json`."""
        return {
            "schema_version": SCHEMA_VERSION,
            "tenant": self._config.tenant,
            "device": self._config.device,
            "version": __version__,
            "boot": self._boot,
            "pid": os.getpid(),
            "uptime_s": (self._reactor.now_ns() - self._started_ns) / SECOND,
            "problem": self._uplink.problem,
            "broker": describe_connection(self._site.connection),
            "cloud": {
                **self._uplink.describe(),
                "link": self._link.describe(),
                "shrinking": self._downscaler.describe(),
            },
            "unanswered": self.desk.unanswered,
            "ignored_retained": self._site.intake.ignored_retained,
            "ignored_settled": self._site.intake.ignored_settled,
            "ignored_waiting": self._site.intake.ignored_waiting,
            "ignored": dict(self.desk.ignored),
            "complaints": dict(self._complaints.counts),
            "http": None if self._http is None else self._http.describe(),
            "folders": {name: folder.describe() for name, folder in self._folders.items()},
            "tasks": {name: describe_task(task, self._link) for name, task in self.desk.tasks.items()},
        }

    def _in_one_line(self) -> str:
        answers = sum(task.tally.answers for task in self.desk.tasks.values())
        return f"{'connected' if self._site.connection.connected else 'broker away'}, {answers} answered"
