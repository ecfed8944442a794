"""What systemd hears of the agent, on a socket as it has it."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost_edge.loop.reactor import Reactor
from roost_edge.watchdog import Watchdog
from roost_shared.clock import MS, SystemClock
from tests.support.agent import AgentProcess, Caller, task_toml, until
from tests.support.bundles import Bundles, picture
from tests.support.mosquitto import Mosquitto
from tests.support.service_manager import ServiceManager

FED_EVERY_MS = 100
SILENCE_S = 10 * FED_EVERY_MS / 1000  # ten meals missed: nobody feeds


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[ServiceManager]:
    manager = ServiceManager(tmp_path / "notify")
    yield manager
    manager.close()


@pytest.fixture
def agent(
    systemd: ServiceManager,
    mosquitto: Mosquitto,
    bundles: Bundles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[AgentProcess]:
    """An agent as systemd would start it; not started."""
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
    monkeypatch.setenv("WATCHDOG_USEC", str(2 * FED_EVERY_MS * 1000))
    with AgentProcess(tmp_path / "agent", mosquitto.url, task_toml("light", {"primary": bundles.sure})) as agent:
        yield agent


def test_ready_is_said_when_the_workers_are_and_stopping_at_the_end(
    agent: AgentProcess, systemd: ServiceManager
) -> None:
    agent.start(wait=False)
    assert systemd.hear() == {"READY": "1"}, "the first word"
    assert agent.contestant("light", "primary")["state"] == "ready"
    until(lambda: agent.connected, "the agent is connected")
    until(lambda: systemd.await_word("STATUS") == "connected, 0 answered", "how it fares")
    agent.terminate()
    assert systemd.await_word("STOPPING") == "1"
    assert agent.wait() == 0


def test_the_watchdog_is_fed_as_long_as_the_agent_runs_and_not_while_it_stands_still(
    agent: AgentProcess, systemd: ServiceManager
) -> None:
    agent.start()
    for _ in range(5):
        assert systemd.await_word("WATCHDOG") == "1"
    os.kill(agent.pid, signal.SIGSTOP)
    systemd.forget()
    assert systemd.hear(SILENCE_S) is None
    os.kill(agent.pid, signal.SIGCONT)
    assert systemd.await_word("WATCHDOG") == "1"


def test_workers_cannot_speak_for_the_agent(agent: AgentProcess) -> None:
    agent.start()
    worker = agent.contestant("light", "primary")["pid"]
    inherited = Path(f"/proc/{worker}/environ").read_bytes()
    assert b"OMP_NUM_THREADS" in inherited
    assert b"NOTIFY_SOCKET" not in inherited
    assert b"WATCHDOG" not in inherited


def test_a_service_manager_that_is_gone_costs_a_line_in_the_log_and_no_answer(
    agent: AgentProcess, mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = ServiceManager(tmp_path / "gone")
    monkeypatch.setenv("NOTIFY_SOCKET", gone.address)
    agent.start()
    gone.close()
    until(lambda: "systemd does not hear us" in agent.log, "noticed")
    with Caller(mosquitto.port) as caller:
        assert caller.ask(picture(255))["label"] == "bright"
    back = ServiceManager(tmp_path / "gone")
    for _ in range(3):
        back.await_word("WATCHDOG")
    assert agent.log.count("systemd does not hear us") == 1
    back.close()


def test_a_callback_that_hangs_starves_the_watchdog(systemd: ServiceManager) -> None:
    hanging, release = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        release.wait(60)

    reactor = Reactor(SystemClock())
    watchdog = Watchdog(systemd.address, 2 * FED_EVERY_MS * MS)
    watchdog.start(reactor, lambda: "well")
    loop = threading.Thread(target=reactor.run)
    loop.start()
    try:
        assert systemd.hear() == {"READY": "1"}
        assert systemd.hear() == {"WATCHDOG": "1", "STATUS": "well"}
        systemd.await_word("WATCHDOG")
        reactor.call_soon_threadsafe(hang)
        assert hanging.wait(15)
        systemd.forget()
        assert systemd.hear(SILENCE_S) is None
        release.set()
        systemd.await_word("WATCHDOG")
    finally:
        release.set()
        reactor.call_soon_threadsafe(reactor.stop)
        loop.join()
        watchdog.close()
        reactor.close()


def test_an_abstract_socket_is_spoken_to_and_no_watchdog_not_fed() -> None:
    systemd = ServiceManager(f"@roost-test-{os.getpid()}")
    reactor = Reactor(SystemClock())
    watchdog = Watchdog(systemd.address)
    watchdog.start(reactor, lambda: "well")
    watchdog.stopping()
    assert [systemd.hear(), systemd.hear(), systemd.hear()] == [{"READY": "1"}, {"STATUS": "well"}, {"STOPPING": "1"}]
    watchdog.close()
    reactor.close()
    systemd.close()


def test_a_manager_that_reads_nothing_holds_nobody_up(tmp_path: Path) -> None:
    systemd = ServiceManager(tmp_path / "notify")
    watchdog, reactor = Watchdog(systemd.address), Reactor(SystemClock())
    watchdog.start(reactor, lambda: "well")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as filler,
        contextlib.suppress(BlockingIOError),
    ):
        while True:
            filler.sendto(b"x", systemd.address)
    watchdog.stopping()
    watchdog.close()
    reactor.close()
    systemd.close()
