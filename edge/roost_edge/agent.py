"""The agent: puts the parts together, routes messages between them, starts and stops them. It decides nothing.

    broker ─▶ site connection ─▶ intake ─▶ desk ─▶ workers
      ▲            folder, HTTP ─▶ intake ─▶ │  ▲       │
      └───────────────── answers ───────────┘  ├ scores┘
                                            └▶ decoy ─▶ spooler ─▶ (records, inputs) ─▶ cloud
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
from typing import Any, Final

from roost_edge.asking.asker import make_asker
from roost_edge.changeover.assignments import make_assignments
from roost_edge.decoy.capture import make_capture
from roost_edge.desk import Desk
from roost_edge.identity import Identity, IdentityUnreadableError
from roost_edge.intake.intakes import Intakes
from roost_edge.intake.mqtt import MqttIntake
from roost_edge.intake.site_connection import SiteConnection
from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.mqtt import BrokerConnection
from roost_edge.settings.config import AgentConfig
from roost_edge.settings.unsigned import refuse_unsigned
from roost_edge.state_folder import StateFolder
from roost_edge.status.server import StatusServer
from roost_edge.status.task import describe_task
from roost_edge.tasks.board import TaskBoard
from roost_edge.tasks.injection import Injection
from roost_edge.uplink.broker_settings import own_identity, site_settings
from roost_edge.uplink.traffic import Riders
from roost_edge.uplink.uplink import Uplink
from roost_edge.watchdog import Watchdog
from roost_edge.workers import ContestantState
from roost_shared import __version__
from roost_shared.clock import SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import SCHEMA_VERSION, ErrorInfo
from roost_shared.topics import DeviceTopics

__all__ = ["Agent", "run_agent"]

log = logging.getLogger(__name__)

START_PATIENCE_NS: Final = 5 * SECOND  # then inputs are taken even if a worker is not ready
KEEPING_NS: Final = 3 * SECOND  # for what is to be kept and is not durable yet
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


class Agent:
    """One device's agent.

    Args:
        config: checked and complete.
        watchdog: told when we take inputs, that we turn, when we stop.

    Raises:
        ContentError: the broker's address or certificates cannot be used, the rules do not fit, or unsigned bundles
            are allowed where signed ones are to be had.
    """

    def __init__(self, config: AgentConfig, watchdog: Watchdog) -> None:
        clock = SystemClock()
        self._clock = clock
        self._config = config
        self._complaints = Complaints(clock)
        identity = self._read_identity()
        refuse_unsigned(config, identity)
        self._watchdog = watchdog
        self._started_ns = clock.now_ns()
        self._boot = secrets.token_hex(8)
        self._reactor = Reactor(clock)
        self._topics = DeviceTopics(config.tenant, config.device)
        self._desk = Desk(
            self._reactor,
            self._complaints,
            in_flight=config.limits.in_flight,
            payload_limit_bytes=config.limits.payload_bytes,
        )
        self._downscaler, self._link = make_asker(
            config, self._topics, self._boot, self._desk, self._reactor, self._complaints
        )
        self._capture = make_capture(
            config, self._topics, self._boot, self._reactor, clock, self._complaints, self._link.describe
        )
        if self._capture is not None:
            self._desk.decoy = self._capture.decoy
            self._desk.monitor = self._capture.monitor
        self._injection = Injection(self._complaints)
        self._board = TaskBoard(
            config, self._desk, self._link, self._injection, self._capture, self._reactor, self._worker_heard
        )
        self._assignments = make_assignments(
            config,
            self._board,
            self._desk.tasks,
            lambda: self._link.state,
            self._topics,
            self._boot,
            self._reactor,
            self._complaints,
        )
        self._site = SiteConnection(
            lambda shown: site_settings(config, shown, self._injection.topics),
            identity,
            self._reactor,
            self._complaints,
            topics=self._topics,
            injection=self._injection,
            intake=self._make_intake,
        )
        self._uplink = Uplink(
            config,
            identity,
            self._site,
            Riders(
                self._link,
                None if self._capture is None else self._capture.telemetry,
                None if self._assignments is None else self._assignments.traffic,
            ),
            self._reactor,
            clock,
            self._complaints,
            topics=self._topics,
            boot=self._boot,
        )
        self._intakes = Intakes(config, self._desk, self._reactor, clock, self._complaints, boot=self._boot)
        self._patience: Timer | None = None
        self._stopping = False
        self._leaving = False
        self._connections_left = 2

    def _make_intake(self, connection: BrokerConnection) -> MqttIntake:
        return MqttIntake(
            self._topics,
            connection,
            self._clock,
            boot=self._boot,
            operator_token_sha256=self._config.operator_token_sha256,
            take=self._desk.take,
            refuse=self._desk.refuse,
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
        self._board.start()
        if self._capture is not None:
            self._capture.start(self._worker_changed)
        self._intakes.listen()
        self._patience = self._reactor.call_after(START_PATIENCE_NS, self._take_inputs)
        self._worker_changed()
        gc.freeze()  # what lives as long as the agent need not be looked through again
        try:
            self._reactor.run()
        finally:
            self._watchdog.close()
            status.close()
            self._link.close()
            self._downscaler.close()
            if self._assignments is not None:
                self._assignments.follower.close()
            if self._capture is not None:
                self._capture.close()
            self._intakes.close()
            self._reactor.close()

    def _worker_heard(self, task: str, seat: str, state: ContestantState, detail: ErrorInfo | None) -> None:
        if self._assignments is not None:
            self._assignments.follower.worker_state(task, seat, state, detail)
        self._worker_changed()

    def _worker_changed(self) -> None:
        """Take inputs once everything is ready or known to fail: an input that comes earlier would only wait."""
        if not self._board.is_starting and not (self._capture is not None and self._capture.is_starting):
            self._take_inputs()
        installer_ended = self._assignments is None or self._assignments.follower.is_stopped
        if not self._connections_left and self._board.is_stopped and installer_ended:
            self._reactor.stop()

    def stop_soon(self) -> None:
        """Stop gracefully; may be called from a signal handler. A second call does not wait for answers."""
        self._reactor.call_soon_threadsafe(self._say_goodbye if self._stopping else self._stop)

    def _take_inputs(self) -> None:
        if self._patience is None or self._stopping:
            return
        self._patience.cancel()
        self._patience = None
        log.info("%s/%s boot %s: taking inputs", self._config.tenant, self._config.device, self._boot)
        self._site.start()
        self._uplink.start()
        self._intakes.begin()
        if self._assignments is not None:
            self._assignments.follower.begin()
        self._watchdog.start(self._reactor, self._in_one_line)

    def _stop(self) -> None:
        """Take no more inputs, answer those in flight, then say goodbye."""
        if self._stopping:
            return
        log.info("stopping: %d to answer", self._desk.unanswered)
        self._stopping = True
        self._site.take_no_more()
        self._watchdog.stopping()
        self._intakes.stop()
        if self._assignments is not None:
            self._assignments.follower.stop(self._worker_changed)
        self._desk.on_idle = self._say_goodbye
        longest_ns = max((task.policy.max_deadline_ns for task in self._desk.tasks.values()), default=0)
        self._reactor.call_after(longest_ns, self._say_goodbye)
        if not self._desk.unanswered:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        self._desk.on_idle = None
        if self._leaving:
            return
        self._leaving = True
        if self._capture is None:
            self._leave_brokers()
        else:
            self._capture.finish(KEEPING_NS, self._leave_brokers)  # its inputs may be acknowledged then

    def _leave_brokers(self) -> None:
        self._uplink.stop(self._one_left)
        self._site.connection.stop(GOODBYE_NS, self._one_left)

    def _one_left(self) -> None:
        """One of the two connections is closed; when both are, the workers stop."""
        self._connections_left -= 1
        if self._connections_left:
            return
        self._board.stop(self._reactor.now_ns() + WORKER_GOODBYE_NS)
        self._worker_changed()

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
            "broker": self._site.connection.describe(),
            "cloud": {
                **self._uplink.describe(),
                "link": self._link.describe(),
                "shrinking": self._downscaler.describe(),
            },
            "unanswered": self._desk.unanswered,
            "ignored_retained": self._site.intake.ignored_retained,
            "ignored_settled": self._site.intake.ignored_settled,
            "ignored_waiting": self._site.intake.ignored_waiting,
            "ignored": dict(self._desk.ignored),
            "assignment": None if self._assignments is None else self._assignments.describe(),
            "capture": None if self._capture is None else self._capture.describe(),
            "complaints": dict(self._complaints.counts),
            **self._intakes.describe(),
            "tasks": {name: describe_task(task, self._link) for name, task in self._desk.tasks.items()},
        }

    def _in_one_line(self) -> str:
        answers = sum(task.tally.answers for task in self._desk.tasks.values())
        return f"{'connected' if self._site.connection.connected else 'broker away'}, {answers} answered"
