"""Follows assignments with real workers: a desk that answers inputs, and an installer that a test drives.

The installer keeps what is in force where the real one does, so that a rig of the same folder goes on as an agent
that was started again would.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

import numpy as np
from onnx import TensorProto, helper

from roost_edge.asking.ledger import Ledger
from roost_edge.asking.link import CloudLink
from roost_edge.changeover.follower import Follower
from roost_edge.desk import Desk
from roost_edge.installer import pointer, protocol
from roost_edge.installer.installer import Installer
from roost_edge.installer.plan import Plan
from roost_edge.installer.standing import believe, confirm, put_in_force, take_back
from roost_edge.intake.inputs import Delivery, Input
from roost_edge.loop.reactor import Reactor
from roost_edge.settings.config import AgentConfig, CloudConfig, TaskConfig
from roost_edge.tasks.board import TaskBoard
from roost_edge.tasks.injection import Injection
from roost_edge.workers import ContestantState
from roost_shared.assignment import AssignedContestant, AssignedTask, Assignment, BundlePin, Trial
from roost_shared.bundle import Bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.spec import BuildSpec
from roost_shared.clock import MS, SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import Answer, ErrorInfo
from roost_shared.tflite.dense import DenseLayer, write_dense
from roost_shared.topics import DeviceTopics
from tests.support.bundles import with_another_model
from tests.support.driven import run_until
from tests.support.worker_rig import ARRAY, LABELS

__all__ = ["ChangeoverRig", "Given", "altered", "fast", "plan_of", "slow"]


def fast(folder: Path, version: str, *, turned: bool = False, document: Mapping[str, Any] | None = None) -> Bundle:
    """A bundle that says which of three numbers is the largest; `turned`: it says the next one."""
    weights = np.roll(np.eye(3), 1, axis=1) if turned else np.eye(3)
    model = write_dense([DenseLayer(weights, np.zeros(3), "softmax")], input_shape=(1, 3))
    spec = BuildSpec(document=dict(document or {}))
    return build_bundle({"model": model}, folder, name="argmax", version=version, labels=LABELS, spec=spec).bundle


def slow(folder: Path, version: str, turns: int = 40_000) -> Bundle:
    """The same, and it takes its time: some 2 µs for each turn of a loop."""
    one = helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])
    true = helper.make_tensor("true", TensorProto.BOOL, [], [1])
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Mul", ["before", "one"], ["after"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, [1, 3]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, [1, 3]),
        ],
    )
    turning = helper.make_tensor("turns", TensorProto.INT64, [], [turns])
    graph = helper.make_graph(
        [
            helper.make_node("Loop", ["turns", "true", "x"], ["y"], body=body),
            helper.make_node("Softmax", ["y"], ["p"], axis=1),
        ],
        "slow",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, [1, 3])],
        [one, true, turning],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    data: bytes = model.SerializeToString()
    return build_bundle({}, folder, onnx={"model": data}, name="argmax", version=version, labels=LABELS).bundle


def altered(folder: Path, of: Bundle) -> Bundle:
    """A bundle whose digests are all right, and whose model does not give its golden outputs."""
    model = write_dense([DenseLayer(-np.eye(3), np.zeros(3), "softmax")], input_shape=(1, 3))
    return with_another_model(of, model, folder)


def plan_of(
    version: int, bundles: Mapping[str, Bundle], *, task: str = "meter", trial: Trial | None = None, **more: Any
) -> Plan:
    """An assignment of one task; `bundles` by contestant."""
    assigned = AssignedTask(
        deadline_ms=more.pop("deadline_ms", 5000),
        default="unknown",
        contestants=tuple(
            AssignedContestant(
                name=name,
                bundle=BundlePin(name=one.config.name, version=one.config.version, digest=one.digest),
                role="shadow" if name == "shadow" else "answer",
            )
            for name, one in bundles.items()
        ),
        trial=trial or Trial(shadow_inputs=10, watch_inputs=20, shadow_s=30, watch_s=30),
        **more,
    )
    assignment = Assignment(
        tenant="acme", device="cam-01", version=version, issued_at="2026-11-30T00:00:00Z", tasks={task: assigned}
    )
    return Plan(assignment=assignment, folders={one.digest: str(one.folder) for one in bundles.values()})


class Given(NamedTuple):
    """An answer, with what it took."""

    answer: Answer
    elapsed_ms: float


class _Installer:
    """Does what it is told, durably, and says so in the loop's next turn, unless it is `deaf`."""

    def __init__(self, state_dir: Path, reactor: Reactor, follower: Follower) -> None:
        self.told: list[protocol.FromAgent] = []
        self.deaf = False
        self._state_dir = state_dir
        self._reactor = reactor
        self._follower = follower

    def stage(self, plan: Plan) -> None:
        version = plan.assignment.version
        pointer.write_plan(self._state_dir, plan)
        pointer.change_standing(self._state_dir, lambda standing: believe(standing, version, str(version), "us"))
        self._follower.installer_said(protocol.Staged(plan))

    def tell(self, message: protocol.PutInForce | protocol.Confirm | protocol.TakeBack) -> None:
        self.told.append(message)
        if not self.deaf:
            self._reactor.call_soon(lambda: self._do(message))

    def _do(self, message: protocol.FromAgent) -> None:
        said: protocol.FromInstaller
        match message:
            case protocol.PutInForce(version):
                pointer.change_standing(self._state_dir, lambda standing: put_in_force(standing, version))
                said = protocol.IsInForce(version)
            case protocol.Confirm(version):
                pointer.change_standing(self._state_dir, lambda standing: confirm(standing, version))
                said = protocol.Confirmed(version)
            case protocol.TakeBack(version, error):
                standing = pointer.change_standing(
                    self._state_dir, lambda standing: take_back(standing, version, error)
                )
                said = protocol.TakenBack(version, standing.current)
            case _:
                raise AssertionError(message)
        self._follower.installer_said(said)

    def come_back(self) -> None:
        """Another process is there, that hears."""
        self.deaf = False
        self._follower.installer_ready()

    def need(self) -> None:
        """It is always there."""

    def stop(self, _: int, on_stopped: Callable[[], object]) -> None:
        self.deaf = True
        self._reactor.call_soon(on_stopped)


class _Reply:
    def __init__(self, rig: "ChangeoverRig") -> None:
        self._rig = rig
        self._given_ns = rig.reactor.now_ns()

    def answered(self) -> bool:
        return False

    def can_deliver(self) -> bool:
        return True

    def deliver(self, answer: Answer) -> Delivery:
        elapsed_ms = (self._rig.reactor.now_ns() - self._given_ns) / MS
        self._rig.given.append(Given(answer, elapsed_ms))
        return Delivery.HANDED

    def settled(self) -> None:
        """Nobody waits."""


class ChangeoverRig:
    """An agent's desk, board and follower. Use as a context manager.

    Args:
        state_dir: the agent's.
        tasks: of agent.toml.
    """

    def __init__(self, state_dir: Path, tasks: dict[str, TaskConfig] | None = None) -> None:
        state_dir.mkdir(exist_ok=True)
        self.reactor = Reactor(SystemClock())
        self.complaints = Complaints(SystemClock())
        self.config = AgentConfig(
            tenant="acme", device="cam-01", state_dir=state_dir, cloud=CloudConfig(), tasks=tasks or {}
        )
        self.desk = Desk(self.reactor, self.complaints, in_flight=20, payload_limit_bytes=1000)
        topics = DeviceTopics("acme", "cam-01")
        ledger = Ledger(state_dir, 0, self.reactor, self.complaints)
        link = CloudLink(topics, "boot", ledger, self.reactor, self.complaints, self.desk)
        self.board = TaskBoard(
            self.config, self.desk, link, Injection(self.complaints), None, self.reactor, self._heard
        )
        self.start_error = pointer.count_boot(state_dir)
        self.follower = Follower(
            self.config, self.board, self.reactor, self.complaints, pointer.read_in_force(state_dir)
        )
        self.installer = _Installer(state_dir, self.reactor, self.follower)
        self.follower.installer = _as_installer(self.installer)
        self.given: list[Given] = []
        self.asked = 0
        self._keys = count()
        self._feeding = False

    def __enter__(self) -> Self:
        self.board.start()
        self.until(lambda: not self.board.is_starting, "what is in force is ready or known to fail")
        self.follower.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._feeding = False
        self.follower.stop()
        self.board.stop(self.reactor.now_ns() + SECOND)
        self.until(lambda: self.board.is_stopped, "all workers are stopped")
        self.reactor.close()

    def until(self, condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
        run_until(self.reactor, condition, what, timeout_s)

    def pass_time(self, span_s: float) -> None:
        end_ns = self.reactor.now_ns() + round(span_s * SECOND)
        self.until(lambda: self.reactor.now_ns() >= end_ns, "time passes")

    # ---- inputs

    def ask(self, payload: bytes = ARRAY, task: str = "meter") -> None:
        self.asked += 1
        key = f"r{next(self._keys)}"
        now_ns = self.reactor.now_ns()
        self.desk.take(
            Input(
                key=key,
                id=key,
                task=task,
                payload=payload,
                content_type="application/json",
                received_ns=now_ns,
                received_at="2026-11-30T00:00:00+00:00",
                reply=_Reply(self),
            )
        )

    def answer(self, payload: bytes = ARRAY, task: str = "meter") -> Answer:
        """Ask, and wait for the answer."""
        before = len(self.given)
        self.ask(payload, task)
        self.until(lambda: len(self.given) > before, "an answer")
        return self.given[-1].answer

    def feed(self, every_ms: float) -> None:
        """Ask now and then, until `starve`."""
        self._feeding = True

        def again() -> None:
            if self._feeding:
                self.ask()
                self.reactor.call_after(round(every_ms * MS), again)

        again()

    def starve(self) -> None:
        """Ask no more, and wait for the last answer."""
        self._feeding = False
        self.until(lambda: len(self.given) == self.asked, "every input is answered")

    @property
    def lost(self) -> int:
        """Inputs that got a default, or nothing."""
        return self.asked - sum(one.answer.reason in ("preferred", "fallback") for one in self.given)

    @property
    def late(self) -> int:
        return sum(not one.answer.deadline_met for one in self.given)

    @property
    def versions(self) -> Counter[str]:
        """How many answers each version of the bundle gave."""
        return Counter((one.answer.bundle or "none").split("@")[0].rpartition(":")[2] for one in self.given)

    # ---- assignments

    @property
    def phase(self) -> str:
        return self.follower.changeover.phase

    def stage(self, plan: Plan) -> None:
        self.installer.stage(plan)

    def until_phase(self, phase: str) -> None:
        self.until(lambda: self.phase == phase, f"the phase is {phase}, not {self.phase}")

    def until_settled(self, version: int) -> None:
        """Wait until a version is confirmed or taken back."""
        change = self.follower.changeover
        self.until(lambda: change.phase == "idle" and self.follower.progress.version >= version, "the trial is over")

    def settle(self, plan: Plan) -> None:
        """Have a plan proven under traffic."""
        self.stage(plan)
        self.until_settled(plan.assignment.version)
        assert self.follower.changeover.in_force == plan.assignment.version, self.follower.progress.problem

    @property
    def problem(self) -> ErrorInfo | None:
        return self.follower.progress.problem

    def pid(self, contestant: str = "primary", task: str = "meter") -> int | None:
        running = self.desk.tasks[task]
        return running.workers[contestant].stats(running.seat_of(contestant)).pid

    def _heard(self, task: str, seat: str, state: ContestantState, detail: ErrorInfo | None) -> None:
        self.follower.worker_state(task, seat, state, detail)


def _as_installer(fake: _Installer) -> Installer:
    return cast("Installer", fake)
