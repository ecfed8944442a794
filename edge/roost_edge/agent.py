"""The agent: puts the parts together, routes messages between them, starts and stops them. It decides nothing.

    broker ─▶ connection ─▶ intake ─▶ desk ─▶ workers
      ▲            folder ─▶ intake ─▶ │  ▲       │
      └──────────── answers ───────────┘  └ scores┘

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

import msgspec

from roost_edge.broker_settings import broker_settings
from roost_edge.config import AgentConfig
from roost_edge.desk import Desk, Task
from roost_edge.injection import Injection
from roost_edge.intake.folder import FolderIntake
from roost_edge.intake.mqtt import MqttIntake
from roost_edge.lineup import line_up
from roost_edge.mqtt import BrokerConnection, Received, Will
from roost_edge.mqtt.announcer import Announcer
from roost_edge.presence import Presence
from roost_edge.reactor import Reactor, Timer
from roost_edge.state_folder import StateFolder
from roost_edge.status import StatusServer
from roost_edge.watchdog import Watchdog
from roost_edge.workers import ContestantState, Key, Worker
from roost_shared import __version__
from roost_shared.clock import SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.errors import TransportError
from roost_shared.messages import SCHEMA_VERSION, ErrorInfo
from roost_shared.mqtt.faults import SubscriptionRefusedError
from roost_shared.rendezvous import Contestant
from roost_shared.scored import Scored
from roost_shared.topics import DeviceTopics

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
        self._config = config
        self._watchdog = watchdog
        self._started_ns = clock.now_ns()
        self._boot = secrets.token_hex(8)
        self._reactor = Reactor(clock)
        self._complaints = Complaints(clock)
        self._topics = DeviceTopics(config.tenant, config.device)
        self._injection = Injection(self._complaints)
        self.desk = Desk(
            self._reactor,
            self._complaints,
            in_flight=config.limits.in_flight,
            payload_limit_bytes=config.limits.payload_bytes,
        )
        for name, task in config.tasks.items():
            lined_up = line_up(name, config, self._reactor, _Ear(self, name))
            self.desk.tasks[name] = lined_up
            for inject, topic in task.inject.items():
                self._injection.want(lined_up, inject, topic)
        topics = [self._topics.state, self._topics.all_inputs, *self._injection.topics]
        self._connection = BrokerConnection(broker_settings(config, topics), self._reactor, self)
        self._announcer = Announcer(
            self._topics.state, Presence(boot=self._boot, version=__version__), self._connection, self._reactor
        )
        self._intake = MqttIntake(
            self._topics,
            self._connection,
            clock,
            boot=self._boot,
            operator_token_sha256=config.operator_token_sha256,
            take=self.desk.take,
            refuse=self.desk.refuse,
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
        self._patience: Timer | None = None
        self._stopping = False
        self._connection_stopped = False

    # ---- life

    def run(self) -> None:
        """Serve until stopped."""
        status = StatusServer(self._reactor, self._config.state_dir, self.describe)
        for worker in self._workers():
            worker.start()
        self._patience = self._reactor.call_after(START_PATIENCE_NS, self._connect)
        self.worker_changed()
        gc.freeze()  # what lives as long as the agent need not be looked through again
        try:
            self._reactor.run()
        finally:
            self._watchdog.close()
            status.close()
            for folder in self._folders.values():
                folder.close()
            self._reactor.close()

    def worker_changed(self) -> None:
        """Go online once every worker is ready or known to fail: an input that comes earlier would only wait."""
        states = {worker.state for worker in self._workers()}
        if "starting" not in states:
            self._connect()
        if self._connection_stopped and states <= {"stopped"}:
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
        self._connection.start()
        for folder in self._folders.values():
            folder.start()
        self._watchdog.start(self._reactor, self._in_one_line)

    def _stop(self) -> None:
        """Take no more inputs, answer those in flight, then say goodbye."""
        if self._stopping:
            return
        log.info("stopping: %d to answer", self.desk.unanswered)
        self._stopping = True
        self._watchdog.stopping()
        for folder in self._folders.values():
            folder.stop()
        self.desk.on_idle = self._say_goodbye
        longest_ns = max((task.policy.max_deadline_ns for task in self.desk.tasks.values()), default=0)
        self._reactor.call_after(longest_ns, self._say_goodbye)
        if not self.desk.unanswered:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        self.desk.on_idle = None
        if self._connection_stopped:
            return
        self._connection_stopped = True
        self._announcer.say_stopped()
        self._connection.stop(GOODBYE_NS, self._stop_workers)

    def _stop_workers(self) -> None:
        deadline_ns = self._reactor.now_ns() + WORKER_GOODBYE_NS
        for worker in self._workers():
            worker.stop(deadline_ns)
        self.worker_changed()

    def _workers(self) -> list[Worker]:
        return [worker for task in self.desk.tasks.values() for worker in task.crews]

    # ---- what the connection tells

    def connecting(self, number: int) -> Will | None:  # noqa: ARG002 - the presence counts sessions itself
        """Say what the broker shall publish if it loses us."""
        return self._announcer.will()

    def connected(self, *, session_present: bool) -> None:
        """The broker took us."""
        log.info("connected%s", "; the broker kept our session" if session_present else "")
        self._announcer.connected()

    def received(self, message: Received) -> None:
        """Hand a message to whom its topic names."""
        if message.topic == self._announcer.topic:
            self._announcer.seen(message)
            self._let_go(message)
            return
        if self._injection.receive(message.topic, message.payload):
            self._let_go(message)
            return
        task = self._topics.task_of_input(message.topic)
        if task is None:
            self._complaints.note("topic.unexpected", f"a message on {message.topic!r}")
            self._let_go(message)
        elif self._stopping:
            self._complaints.note("input.stopping", f"{task}: the agent is stopping")  # unsettled: it will come again
        else:
            self._intake.receive(message, task)

    def confirmed(self, mid: int) -> None:
        """A QoS 1 message of ours is the broker's."""
        self._intake.confirmed(mid)

    def dropped(self, mid: int) -> None:
        """A QoS 1 message of ours went with the link that kept it."""
        self._intake.dropped(mid)

    def disconnected(self, error: TransportError) -> None:
        """The connection ended; it comes back by itself."""
        log.info("disconnected: %s: %s", error.code, error)
        self._complaints.note(error.code, str(error))
        self._announcer.disconnected(error)
        if self._announcer.problem is not None:
            self._complaints.note(self._announcer.problem, "another device uses our name; we stand down for a while")

    def subscription_refused(self, error: SubscriptionRefusedError) -> None:
        """The broker does not let us read a topic."""
        self._complaints.note(error.code, str(error))

    def _let_go(self, message: Received) -> None:
        if message.receipt is not None:
            self._connection.settle(message.receipt)

    # ---- what status tells

    def describe(self) -> dict[str, Any]:
        """The document of `roost-agent status --json`."""
        counters = self._connection.counters
        return {
            "schema_version": SCHEMA_VERSION,
            "tenant": self._config.tenant,
            "device": self._config.device,
            "version": __version__,
            "boot": self._boot,
            "pid": os.getpid(),
            "uptime_s": (self._reactor.now_ns() - self._started_ns) / SECOND,
            "problem": self._announcer.problem,
            "broker": {
                "connected": self._connection.connected,
                "version": self._connection.version,
                "connections": counters.connections,
                "losses": counters.losses,
            },
            "unanswered": self.desk.unanswered,
            "ignored_retained": self._intake.ignored_retained,
            "ignored_settled": self._intake.ignored_settled,
            "ignored_waiting": self._intake.ignored_waiting,
            "ignored": dict(self.desk.ignored),
            "complaints": dict(self._complaints.counts),
            "folders": {name: folder.describe() for name, folder in self._folders.items()},
            "tasks": {name: describe_task(task) for name, task in self.desk.tasks.items()},
        }

    def _in_one_line(self) -> str:
        answers = sum(task.tally.answers for task in self.desk.tasks.values())
        return f"{'connected' if self._connection.connected else 'broker away'}, {answers} answered"


def describe_task(task: Task) -> dict[str, Any]:
    """A task's part of the status document."""
    return {
        "deadline_ms": task.policy.deadline_ms,
        "rules": msgspec.to_builtins(task.policy.rules),
        **task.tally.to_dict(),
        "contestants": {one.name: _describe_contestant(task, one) for one in task.policy.contestants},
    }


def _describe_contestant(task: Task, contestant: Contestant) -> dict[str, Any]:
    worker = task.workers.get(contestant.name)
    stats = None if worker is None else worker.stats(contestant.name)
    refused = task.refused.get(contestant.name)
    return {
        "role": contestant.role,
        "where": contestant.where,
        "bundle": task.bundles.get(contestant.name),
        "state": ("refused" if refused else "away") if stats is None else stats.state,
        "pid": None if stats is None else stats.pid,
        "shares_base_with": [] if stats is None else list(stats.shares_base_with),
        "restarts": 0 if stats is None else stats.restarts,
        "served": 0 if stats is None else stats.served,
        "waiting": 0 if stats is None else stats.waiting,
        "p50_ms": None if stats is None else stats.p50_ms,
        "p99_ms": None if stats is None else stats.p99_ms,
        "last_error": msgspec.to_builtins(refused or (stats.last_error if stats else None)),
    }
