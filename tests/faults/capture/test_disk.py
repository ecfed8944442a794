"""The disk is full or read-only, or its keeper stands still: answers go on in time, and what is lost is said."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.agent import AgentProcess, Caller, run_command
from tests.support.bundles import Bundles
from tests.support.capture_cloud import CaptureCloud
from tests.support.capturing import capturing, noise, photo, spool, spooler_pid, stopped, until_all_arrived
from tests.support.mosquitto import Mosquitto
from tests.support.mounts import remount, small_tmpfs
from tests.support.waiting import until

MIB = 1 << 20
LIMITS = "free_disk_bytes = 0\n"
DEADLINE_MS = 2000


def test_a_full_disk_costs_no_answer_is_said_and_forgotten_once_there_is_room(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles, capture_cloud: CaptureCloud
) -> None:
    device = "full"
    with (
        small_tmpfs(tmp_path / "state", 4 * MIB) as state,
        keeping(tmp_path, mosquitto, bundles, capture_cloud, device) as (agent, caller),
    ):
        first = [photo(number) for number in range(5)]
        ask_all(caller, first)
        until(lambda: agent.status["capture"].get("durable") == 5, "these are kept")
        fill(state / "filler")
        lost = [noise(number, 300) for number in range(20)]
        ask_all(caller, lost)
        until(lambda: accounted(agent) == 25, "each is kept, or said not to be")
        status = agent.status
        assert status["capture"]["not_kept"] >= 15
        assert sum(count for code, count in status["complaints"].items() if code.startswith("spool.")) >= 15
        (state / "filler").unlink()
        durable = status["capture"]["durable"]
        ask_all(caller, [photo(number) for number in range(5, 10)])
        until(lambda: agent.status["capture"]["durable"] == durable + 5, "keeping goes on")
        dropped = sum(spool(agent)["dropped"].values())
        assert agent.stop() == 0
        hurry(agent)
        agent.start()
        until_all_arrived(agent, capture_cloud, device, durable + 5 - dropped)
        assert agent.stop() == 0
    stored = [one.payload for one in capture_cloud.stored(device)]
    assert len(stored) == len(set(stored)) == durable + 5 - dropped
    assert set(stored) >= {photo(number) for number in range(5, 10)}
    told = capture_cloud.samples(device)
    was_kept = [one for one in told if one["sha256"] is not None]
    assert len(was_kept) == durable + 5
    assert sum(one["dropped"] is not None for one in was_kept) == dropped
    assert len(told) <= 30, "what was said of the others, as far as there was room for that"


def test_a_disk_that_turns_read_only_costs_no_answer_and_is_used_again_once_it_is_writable(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles, capture_cloud: CaptureCloud
) -> None:
    device = "read-only"
    with (
        small_tmpfs(tmp_path / "state" / "spool", 16 * MIB) as disk,
        keeping(tmp_path, mosquitto, bundles, capture_cloud, device) as (agent, caller),
    ):
        kept = [photo(number) for number in range(5)]
        ask_all(caller, kept)
        until(lambda: agent.status["capture"].get("durable") == 5, "these are kept")
        with stopped(agent.pid):  # a disk in use cannot be made read-only but by its own failure
            pid = spooler_pid(agent)
            os.kill(pid, signal.SIGKILL)
            until(lambda: is_dead(pid), "nobody writes there")
            remount(disk, "ro")
        until(lambda: agent.status["complaints"].get("spool.unwritable"), "it is said")
        ask_all(caller, [photo(number) for number in range(5, 25)])
        remount(disk, "rw")
        until(lambda: accounted(agent) == 25, "what waited is kept, or said to be lost")
        until(lambda: keeps(agent, caller, photo(accounted(agent))), "keeping goes on")
        durable = agent.status["capture"]["durable"]
        assert agent.stop() == 0
        hurry(agent)
        agent.start()
        until_all_arrived(agent, capture_cloud, device, durable)
        assert agent.stop() == 0
    stored = [one.payload for one in capture_cloud.stored(device)]
    assert len(stored) == len(set(stored)) == durable
    assert set(stored) >= set(kept)


def test_a_keeper_that_stands_still_delays_no_answer_and_loses_nothing(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles, capture_cloud: CaptureCloud
) -> None:
    device, sent = "still", [photo(number) for number in range(60)]
    with keeping(tmp_path, mosquitto, bundles, capture_cloud, device, upload_after_s=0.2) as (agent, caller):
        caller.ask(photo(1000))
        with stopped(spooler_pid(agent)):
            ask_all(caller, sent)
            capture = agent.status["capture"]
            assert capture.get("durable", 0) <= 1
            assert capture["acknowledged_early"] >= 40, "what waits keeps nobody else from being heard"
        until_all_arrived(agent, capture_cloud, device, 61)
        assert agent.status["capture"]["durable"] == 61
        assert agent.stop() == 0
    capture_cloud.has_once(device, [photo(1000), *sent])


def test_a_second_agent_on_a_state_folder_is_refused_and_harms_nothing(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles, capture_cloud: CaptureCloud
) -> None:
    device = "twice"
    with keeping(tmp_path, mosquitto, bundles, capture_cloud, device, upload_after_s=0.2) as (agent, caller):
        caller.ask(photo(1))
        second = run_command("run", "--config", agent.config)
        assert second.returncode == 1
        assert "state_dir.unusable" in second.stderr
        assert "another agent runs here" in second.stderr
        caller.ask(photo(2))
        until_all_arrived(agent, capture_cloud, device, 2)
        assert agent.stop() == 0
    capture_cloud.has_once(device, [photo(1), photo(2)])


@contextmanager
def keeping(
    folder: Path,
    mosquitto: Mosquitto,
    bundles: Bundles,
    cloud: CaptureCloud,
    device: str,
    *,
    upload_after_s: float = 3600,
) -> Iterator[tuple[AgentProcess, Caller]]:
    """An agent at work that keeps all its inputs, and somebody who asks it."""
    tasks = cloud.toml(capturing(bundles, deadline_ms=DEADLINE_MS), upload_after_s=upload_after_s)
    with (
        AgentProcess(folder, mosquitto.url, tasks, device=device, limits=LIMITS) as agent,
        Caller(mosquitto.port, device=device) as caller,
    ):
        cloud.enrol(agent, device)
        agent.start()
        yield agent, caller


def ask_all(caller: Caller, payloads: list[bytes]) -> list[dict[str, Any]]:
    """Publish them, and see that each is answered in time."""
    for payload in payloads:
        caller.publish(payload)
    answers = caller.answers(len(payloads))
    assert all(answer["deadline_met"] for answer in answers)
    return answers


def fill(file: Path) -> None:
    """Leave the disk no room at all."""
    with file.open("wb", buffering=0) as filler:
        try:
            while filler.write(bytes(64 << 10)):
                pass
        except OSError:
            return


def hurry(agent: AgentProcess) -> None:
    """Have what is kept brought to the cloud from the next start on."""
    text = agent.config.read_text()
    assert "upload_after_s = 3600" in text
    agent.config.write_text(text.replace("upload_after_s = 3600", "upload_after_s = 0.2"))


def accounted(agent: AgentProcess) -> int:
    """Inputs that are kept, or said not to be."""
    capture: dict[str, int] = agent.status["capture"]
    return capture.get("durable", 0) + capture.get("not_kept", 0)


def keeps(agent: AgentProcess, caller: Caller, payload: bytes) -> bool:
    """Whether one more input is kept."""
    before, durable = accounted(agent), agent.status["capture"]["durable"]
    caller.ask(payload)
    until(lambda: accounted(agent) > before, "it is settled")
    return bool(agent.status["capture"]["durable"] > durable)


def is_dead(pid: int) -> bool:
    """Whether a killed process has let go of its files: its first thread may be gone before the others are."""
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    return len(threads) == 1 and Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
