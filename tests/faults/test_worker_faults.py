"""Workers that die, hang, lie, or cannot start: real processes, real signals."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from textwrap import dedent

import numpy as np
import psutil
import pytest

from roost_edge.subprocesses import offspring
from roost_edge.workers import child, protocol, supervision
from roost_edge.workers.crew import Crew
from roost_shared.bundle.build import build_bundle
from roost_shared.clock import SECOND
from roost_shared.limits import InputLimits
from roost_shared.messages import ErrorInfo
from roost_shared.tflite.dense import DenseLayer, write_dense
from tests.support.fake_crew import FakeBase, FakeMark
from tests.support.waiting import until
from tests.support.worker_rig import WorkerRig, argmax_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return argmax_bundle(tmp_path_factory.mktemp("bundles") / "argmax-1")


@pytest.fixture
def rig(bundle: Path) -> Iterator[WorkerRig]:
    with WorkerRig(bundle) as rig:
        rig.until_ready()
        yield rig


def last_error(rig: WorkerRig) -> ErrorInfo:
    error = rig.stats().last_error
    assert error is not None
    return error


# ---- death


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_killed_worker_fails_its_jobs_says_of_what_it_died_and_is_back_soon(
    rig: WorkerRig, how: signal.Signals
) -> None:
    first = rig.pid
    os.kill(first, signal.SIGSTOP)
    rig.submit("running", "ahead", "waiting")
    rig.submit("backlog", backlog=True)
    os.kill(first, how)
    if how is not signal.SIGKILL:
        os.kill(first, signal.SIGCONT)
    killed_ns = time.monotonic_ns()
    rig.until_ended("running", "ahead", "waiting", "backlog")
    rig.until(lambda: rig.state == "ready", "ready again", 60)
    back_s = (time.monotonic_ns() - killed_ns) / 1e9
    assert set(rig.codes().values()) == {"worker.crashed"} or how is not signal.SIGKILL
    assert how.name in last_error(rig).message
    assert [state for state, _ in rig.states] == ["ready", "restarting", "ready"]
    assert rig.pid != first
    assert rig.stats().restarts == 1
    # Generous: a worker gives way to everybody, so that beside other tests its start, of 0.2 s, was seen to take 7 s.
    # The bench holds it to 1 s.
    assert back_s < 30
    rig.submit("after")
    rig.until_ended("after")
    assert rig.labels()["after"] == "two"


def test_while_it_restarts_jobs_fail_at_once(rig: WorkerRig) -> None:
    os.kill(rig.pid, signal.SIGKILL)
    rig.until(lambda: rig.state == "restarting", "lost")
    assert rig.worker.unavailable("primary") is not None
    rig.submit("meanwhile")
    rig.until_ended("meanwhile")
    assert rig.codes() == {"meanwhile": "worker.restarting"}
    rig.until_ready()


def test_killed_at_any_moment_every_job_still_ends_exactly_once(rig: WorkerRig) -> None:
    key = 0
    for delay_us in (0, 50, 100, 200, 400, 800):
        rig.until_ready()
        pid = rig.pid
        for _ in range(30):
            rig.submit(key)
            key += 1
        rig.reactor.call_after(delay_us * 1000, partial(os.kill, pid, signal.SIGKILL))
        rig.until(lambda: rig.state == "restarting", "lost")
    rig.until_ended(*range(key))
    assert set(rig.codes().values()) <= {"worker.crashed"}
    assert set(rig.labels().values()) <= {"two"}


def test_a_worker_killed_while_it_loads_is_started_again(bundle: Path) -> None:
    with WorkerRig(bundle) as rig:
        rig.until(lambda: rig.stats().pid, "spawned")
        os.kill(rig.pid, signal.SIGKILL)
        rig.until_ready()
        assert [state for state, _ in rig.states] == ["restarting", "ready"]


def test_service_managers_and_terminals_do_not_end_it(rig: WorkerRig) -> None:
    os.kill(rig.pid, signal.SIGTERM)
    os.kill(rig.pid, signal.SIGINT)
    rig.submit("still here")
    rig.until_ended("still here")
    assert rig.labels() == {"still here": "two"}
    assert os.getsid(rig.pid) != os.getsid(0)


@pytest.mark.parametrize("stuck", [False, True])
def test_workers_die_with_the_agent(bundle: Path, *, stuck: bool) -> None:
    agent_code = """
        import sys
        from pathlib import Path
        from tests.support.worker_rig import WorkerRig
        rig = WorkerRig(Path(sys.argv[1]))
        rig.worker.start()
        rig.until_ready()
        print(rig.pid, flush=True)
        rig.reactor.run()
    """
    agent = subprocess.Popen(
        [sys.executable, "-c", dedent(agent_code), str(bundle)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert agent.stdout is not None
    worker = psutil.Process(int(agent.stdout.readline()))
    if stuck:
        worker.suspend()
    agent.kill()
    agent.wait()
    agent.stdout.close()
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "it ends with its agent", 10)


# ---- hanging


def test_a_hung_worker_is_killed_its_jobs_fail_and_none_of_its_scores_arrives(rig: WorkerRig) -> None:
    first = rig.pid
    rig.submit("before")
    rig.until_ended("before")
    os.kill(first, signal.SIGSTOP)
    stopped_ns = time.monotonic_ns()
    rig.submit("running", "ahead", "waiting")
    rig.until_ended("running", "ahead", "waiting")
    assert time.monotonic_ns() - stopped_ns >= 500e6
    assert set(rig.codes().values()) == {"worker.hung"}
    rig.until_ready()
    assert rig.pid != first
    assert not psutil.pid_exists(first)
    rig.submit("after")
    rig.until_ended("after")
    assert list(rig.labels()) == ["before", "after"]


def test_a_pause_shorter_than_the_limit_costs_nothing(rig: WorkerRig) -> None:
    pid = rig.pid
    os.kill(pid, signal.SIGSTOP)
    rig.submit("patient")
    rig.reactor.call_after(200_000_000, partial(os.kill, pid, signal.SIGCONT))
    rig.until_ended("patient")
    assert rig.labels() == {"patient": "two"}
    assert rig.stats().restarts == 0


def test_an_idle_worker_never_hangs(rig: WorkerRig) -> None:
    rig.submit("a")
    rig.until_ended("a")
    waited: list[bool] = []
    rig.reactor.call_after(800_000_000, lambda: waited.append(True))
    rig.until(lambda: waited, "longer than the limit")
    assert rig.stats().restarts == 0


def test_a_loop_that_stood_still_does_not_blame_the_worker(rig: WorkerRig) -> None:
    pid = rig.pid
    os.kill(pid, signal.SIGSTOP)
    rig.submit("frozen")
    time.sleep(0.7)  # this thread is the loop: the whole machine stood still
    rig.reactor.call_after(50_000_000, partial(os.kill, pid, signal.SIGCONT))
    rig.until_ended("frozen")
    assert rig.labels() == {"frozen": "two"}


def test_stopping_does_not_wait_for_a_hung_worker_beyond_its_deadline(rig: WorkerRig) -> None:
    os.kill(rig.pid, signal.SIGSTOP)
    rig.submit("stuck")
    rig.worker.stop(rig.reactor.now_ns() + 100_000_000)
    rig.until(lambda: rig.state == "stopped", "stopped")
    assert rig.codes() == {"stuck": "worker.stopped"}


# ---- workers that break the protocol


ROGUES = {
    "garbage": "agent.send(b'garbage'); time.sleep(60)",
    "garbage once ready": "say(READY); agent.recv(99999); agent.send(b'\\xc1' * 100); time.sleep(60)",
    "too long": "agent.setsockopt(1, 7, 1 << 20); agent.send(b'x' * 100000); time.sleep(60)",
    "too long, and right where it is cut": "agent.send(FULL + b'x'); time.sleep(60)",
    "empty packets": "say(READY); agent.send(b''); time.sleep(60)",
    "unasked score": "say(READY); say(p.Done(7, 'primary', Scored('two', 1.0, []), 1)); time.sleep(60)",
    "score of another": "say(READY); work(); say(p.Done(0, 'shadow', Scored('two', 1.0, []), 1)); time.sleep(60)",
    "score of another job": "say(READY); work(); say(p.Done(1, 'primary', Scored('two', 1.0, []), 1)); time.sleep(60)",
    "score before ready": "say(p.Done(0, 'primary', Scored('two', 1.0, []), 1)); time.sleep(60)",
    "ready twice": "say(READY); say(READY); time.sleep(60)",
    "another protocol": "say(p.Ready(99, READY.contestants)); time.sleep(60)",
    "flood": "say(READY)\nwhile True: say(p.Failed(7, 'primary', ErrorInfo('x', 'y')))",
    "closed socket": "say(READY); os.close(0); agent.close(); time.sleep(60)",
    "quick exit": "sys.exit(3)",
    "exit once ready": "say(READY); sys.exit(0)",
    "descriptors": "say(READY); socket.send_fds(agent, [b'x'], [1, 2]); time.sleep(60)",
}
PREAMBLE = """
import os, socket, sys, time
from roost_edge.workers import protocol as p
from roost_shared.messages import ErrorInfo
from roost_shared.scored import Scored
agent = socket.socket(fileno=os.dup(0))
say = lambda message: agent.send(p.encode(message))
work = lambda: socket.recv_fds(agent, 99999, 1)
ready = lambda bundle: p.Ready(p.PROTOCOL, [p.Loaded("primary", bundle, 1, 1, 1, "ab", "x86_64")])
READY = ready("rogue:1@sha256:00")
FULL = p.encode(ready("x" * (1000 + p.MESSAGE_LIMIT_BYTES - len(p.encode(ready("x" * 1000))))))
assert len(FULL) == p.MESSAGE_LIMIT_BYTES
agent.recv(99999)
"""


@pytest.mark.parametrize("behaviour", ROGUES.values(), ids=ROGUES.keys())
def test_a_worker_that_breaks_the_protocol_is_killed_and_replaced(
    bundle: Path, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = offspring.spawn
    pids: list[int] = []

    def rogue_first(_module: str, title: str, theirs: socket.socket) -> subprocess.Popen[bytes]:
        if pids:
            return honest(_module, title, theirs)
        rogue = subprocess.Popen([sys.executable, "-c", PREAMBLE + behaviour], stdin=theirs.fileno())
        pids.append(rogue.pid)
        return rogue

    monkeypatch.setattr(child, "spawn", rogue_first)
    monkeypatch.setattr(supervision, "_HANG_FLOOR_NS", 30 * SECOND)  # on a busy machine it is slow, too
    with WorkerRig(bundle) as rig:
        rig.until(lambda: rig.states, "the rogue has been heard of")
        rig.submit("asked")
        rig.until_ended("asked")
        rig.until(lambda: "restarting" in [state for state, _ in rig.states], "found out")
        rig.until_ready()
        assert not psutil.pid_exists(pids[0])
        assert rig.scores == []
        assert set(rig.codes().values()) <= {"worker.crashed", "worker.restarting"}
        assert last_error(rig).code == "worker.crashed"
        rig.submit("honest")
        rig.until_ended("honest")
        assert rig.labels() == {"honest": "two"}


def test_what_a_worker_said_before_it_died_still_counts(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores_two_of_three = """
say(READY)
for sequence in range(2):
    work()
    say(p.Done(sequence, "primary", Scored("two", 1.0, []), 1))
sys.exit(0)
"""

    def rogue(_module: str, _: str, theirs: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", PREAMBLE + scores_two_of_three], stdin=theirs.fileno())

    monkeypatch.setattr(child, "spawn", rogue)
    with WorkerRig(bundle) as rig:
        rig.until_ready()
        dying = psutil.Process(rig.pid)
        rig.submit("first", "second", "waits")
        while dying.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)  # this thread is the loop: it learns of the scores and of the death at once
        rig.until_ended("first", "second", "waits")
        assert rig.labels() == {"first": "two", "second": "two"}
        assert rig.codes() == {"waits": "worker.crashed"}


def test_a_crash_loop_backs_off(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spawned: list[float] = []

    def quitter(_module: str, _: str, theirs: socket.socket) -> subprocess.Popen[bytes]:
        spawned.append(time.monotonic())
        return subprocess.Popen(["/bin/false"], stdin=theirs.fileno())

    monkeypatch.setattr(child, "spawn", quitter)
    with WorkerRig(bundle) as rig:
        waited: list[bool] = []
        rig.reactor.call_after(2_000_000_000, lambda: waited.append(True))
        rig.until(lambda: waited, "two seconds")
        assert 2 <= len(spawned) <= 40
        assert "status 1" in last_error(rig).message


def test_a_machine_that_cannot_spawn_is_tried_again(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = offspring.spawn
    failures = [OSError(11, "Resource temporarily unavailable"), OSError(12, "Cannot allocate memory")]

    def poor(_module: str, title: str, theirs: socket.socket) -> subprocess.Popen[bytes]:
        if failures:
            raise failures.pop()
        return honest(_module, title, theirs)

    monkeypatch.setattr(child, "spawn", poor)
    with WorkerRig(bundle) as rig:
        rig.until_ready()
        assert [state for state, _ in rig.states] == ["restarting", "restarting", "ready"]
        assert last_error(rig).code == "worker.crashed"


# ---- content that cannot be served


def test_a_bundle_that_is_not_there_fails_by_name_and_is_not_tried_again_soon(tmp_path: Path) -> None:
    with WorkerRig(tmp_path / "nothing") as rig:
        rig.until(lambda: rig.state == "failed", "failed")
        rig.submit("job")
        rig.until_ended("job")
        assert rig.codes() == {"job": "worker.failed"}
        assert "nothing" in dict(rig.failures)["job"].message
        assert last_error(rig).code.startswith("bundle.")
        assert rig.stats().pid is None
        assert rig.stats().restarts == 1


def test_an_altered_bundle_fails_by_its_code(tmp_path: Path) -> None:
    folder = argmax_bundle(tmp_path / "b")
    largest = max((folder / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.chmod(0o644)
    largest.write_bytes(data)
    with WorkerRig(folder) as rig:
        rig.until(lambda: rig.state == "failed", "failed")
        assert last_error(rig).code == "bundle.altered_blob"


def test_a_model_that_gives_nonsense_costs_that_score_only(tmp_path: Path) -> None:
    model = write_dense([DenseLayer(np.full((1, 1), 1e30), np.zeros(1))], input_shape=(1, 1))
    build_bundle({"model": model}, tmp_path / "b", name="vast", version="1")
    with WorkerRig(tmp_path / "b") as rig:
        rig.until_ready()
        rig.submit("vast", payload=b"[1e30]")
        rig.submit("small", payload=b"[1e-30]")
        rig.until_ended("vast", "small")
        assert rig.codes() == {"vast": "model.bad_output"}
        assert rig.stats().restarts == 0


def test_a_fault_of_ours_fails_the_job_by_name_and_place() -> None:
    crew = Crew(FakeBase(), {}, FakeMark(), InputLimits())
    (packet,) = crew.take(protocol.Work(0, ["not served here"], None, {}), memoryview(b"[1]"))
    reply = protocol.decode_from_worker(packet)
    assert isinstance(reply, protocol.Failed)
    assert reply.error.code == "worker.fault"
    assert "KeyError in crew.py" in reply.error.message
