"""A whole agent that watches a folder, with its broker away: files in, answers beside them."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import AgentProcess, Caller, run_command, task_toml, until
from tests.support.bundles import Bundles, npy, picture
from tests.support.mosquitto import Mosquitto, free_port

BRIGHT, DARK = picture(255), picture(0)


def folder_toml(bundles: Bundles, spool: Path, **settings: Any) -> str:
    fields = {"path": str(spool), "settle_ms": 50, "poll_ms": 20} | settings
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    return "\n".join([task_toml("light", {"only": bundles.sure}), "[tasks.light.folder]", *lines])


class Spool:
    """A watched folder as its users see it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()

    def put(self, name: str, content: bytes = BRIGHT) -> None:
        """Rename a whole file into place, as a careful writer does."""
        unfinished = self.path / f".{name}"
        unfinished.write_bytes(content)
        unfinished.rename(self.path / name)

    def answer(self, name: str, folder: str = "done") -> dict[str, Any]:
        path = self.path / folder / f"{name}.json"
        until(path.exists, f"an answer to {name} in {folder}")
        until(lambda: not os.path.lexists(self.path / name), f"{name} put away")
        document: dict[str, Any] = json.loads(path.read_bytes())
        return document

    def waiting(self) -> set[str]:
        return {path.name for path in self.path.iterdir()} - {"done", "failed"}


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def alone(tmp_path: Path, bundles: Bundles, spool: Spool) -> Iterator[AgentProcess]:
    """An agent whose broker is away."""
    with AgentProcess(
        tmp_path / "agent",
        f"mqtt://127.0.0.1:{free_port()}",
        folder_toml(bundles, spool.path),
        limits="payload_bytes = 100_000",
    ) as agent:
        yield agent


def test_files_are_answered_without_a_broker_and_put_away(alone: AgentProcess, spool: Spool) -> None:
    alone.start(wait=False)
    for number in range(60):  # more than may be in flight
        spool.put(f"{number}.png", BRIGHT if number % 2 else DARK)
    labels = [spool.answer(f"{number}.png")["label"] for number in range(60)]
    assert labels == ["dark", "bright"] * 30
    answer = spool.answer("1.png")
    assert (answer["deadline_met"], answer["contestant"], answer["redelivered"]) == (True, "only", False)
    assert (spool.path / "done" / "1.png").read_bytes() == BRIGHT
    status = alone.status
    assert not status["broker"]["connected"]
    assert (status["folders"]["light"]["taken"], status["folders"]["light"]["put_away"]) == (60, 60)
    assert status["tasks"]["light"]["by_deadline"] == 60
    text = run_command("status", "--config", alone.config).stdout
    assert f"light: 60 inputs from {spool.path}" in text
    assert alone.stop() == 0


def test_a_tensor_may_come_as_a_file(alone: AgentProcess, spool: Spool) -> None:
    import numpy as np  # noqa: PLC0415 - only this test needs it

    alone.start(wait=False)
    spool.put("a.npy", npy(np.full((8, 8, 1), 255, np.uint8)))
    spool.put("b.json", json.dumps([[[0]] * 8] * 8).encode())
    assert (spool.answer("a.npy")["label"], spool.answer("b.json")["label"]) == ("bright", "dark")


def test_what_is_no_input_is_answered_with_the_default_and_kept_apart(alone: AgentProcess, spool: Spool) -> None:
    alone.start(wait=False)
    spool.put("empty.png", b"")
    spool.put("broken.png", BRIGHT[:40])
    with (spool.path / "large.png").open("wb") as file:
        file.truncate(64 << 20)
    (spool.path / "link.png").symlink_to("/etc/hostname")
    os.mkfifo(spool.path / "pipe")
    (spool.path / "sub").mkdir()
    names = ["empty.png", "large.png", "link.png", "pipe"]
    codes = [spool.answer(name, "failed")["error"]["code"] for name in names]
    assert codes == ["input.empty", "input.too_large", "input.symlink", "input.not_a_file"]
    assert spool.answer("broken.png", "failed")["error"]["code"].startswith("input.")
    spool.put("good.png")
    assert spool.answer("good.png")["label"] == "bright"
    assert spool.waiting() == {"sub"}
    complaints = alone.status["complaints"]
    assert all(complaints[code] == 1 for code in [*codes, "folder.subfolder"])


def test_an_agent_killed_before_its_answer_loses_no_file(alone: AgentProcess, spool: Spool) -> None:
    spool.put("first.png", DARK)
    alone.start(wait=False)
    spool.answer("first.png")
    alone.signal_worker("light", "only", signal.SIGSTOP)
    spool.put("second.png")
    until(lambda: alone.status["unanswered"] == 1, "it is in flight")
    alone.kill()
    assert spool.waiting() == {"second.png"}
    shutil.move(spool.path / "done" / "first.png", spool.path / "first.png")  # answered, and not put away
    alone.start(wait=False)
    until(lambda: spool.waiting() == set(), "both put away")
    assert spool.answer("first.png")["redelivered"]
    assert not spool.answer("second.png")["redelivered"]
    assert spool.answer("second.png")["label"] == "bright"


def test_a_disk_that_refuses_answers_keeps_inputs_and_is_tried_again(alone: AgentProcess, spool: Spool) -> None:
    (spool.path / "done").write_bytes(b"in the way")
    alone.start(wait=False)
    spool.put("a.png")
    until(lambda: alone.running and "folder.unwritable" in alone.status["complaints"], "it is refused")
    assert spool.waiting() == {"a.png"}
    assert alone.status["folders"]["light"]["unwritten"] == 1
    (spool.path / "done").unlink()
    assert not spool.answer("a.png")["deadline_met"]
    spool.put("b.png")
    assert spool.answer("b.png")["deadline_met"]
    assert alone.status["folders"]["light"]["unwritten"] == 0


def test_a_stop_answers_what_was_taken_and_leaves_the_rest(alone: AgentProcess, spool: Spool) -> None:
    for number in range(30):
        spool.put(f"{number}.png")
    alone.start(wait=False)
    until((spool.path / "done").exists, "it has begun")
    assert alone.stop() == 0
    for number in range(30):
        inputs = {folder for folder in ("", "done") if (spool.path / folder / f"{number}.png").exists()}
        assert len(inputs) == 1
        assert (spool.path / "done" / f"{number}.png.json").exists() == ("done" in inputs)


def test_folder_and_broker_feed_one_task(mosquitto: Mosquitto, bundles: Bundles, spool: Spool, tmp_path: Path) -> None:
    tasks = folder_toml(bundles, spool.path, done="delete")
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent, Caller(mosquitto.port) as caller:
        agent.start()
        for number in range(40):
            spool.put(f"{number}.png", DARK)
        for _ in range(20):
            answer = caller.ask(BRIGHT)
            assert (answer["label"], answer["deadline_met"]) == ("bright", True)
        assert {spool.answer(f"{number}.png")["label"] for number in range(40)} == {"dark"}
        assert not list((spool.path / "done").glob("*.png")), "answered inputs are deleted"
        assert agent.status["tasks"]["light"]["by_deadline"] == 60
