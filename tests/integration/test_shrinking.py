"""A device sends pictures no larger than its cloud contestants look at: real broker, agent and shrinker's process."""

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roost_shared.questions import CloudScore, InputSize
from tests.support.agent import AgentProcess, Caller, until
from tests.support.asking import asking_toml, until_link
from tests.support.bundles import SIDE, Bundles
from tests.support.fake_scorer import Asked, FakeScorer, score_of
from tests.support.mosquitto import Mosquitto

SIZE = InputSize(SIDE, SIDE, "L")


def photo() -> bytes:
    """Noise that is neither dark nor bright."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(3).integers(0, 255, (200, 200), np.uint8)).save(file, "JPEG")
    return file.getvalue()


def telling_its_size(asked: Asked) -> Iterator[CloudScore]:
    yield score_of(asked, "big", input=SIZE)


@pytest.fixture
def scorer(mosquitto: Mosquitto) -> Iterator[FakeScorer]:
    with FakeScorer(mosquitto.port, telling_its_size) as scorer:
        yield scorer


@pytest.fixture
def device(mosquitto: Mosquitto, bundles: Bundles, scorer: FakeScorer, tmp_path: Path) -> Iterator[AgentProcess]:
    del scorer
    tasks = asking_toml(bundles.sure).rstrip() + "\ndownscale = true\n"
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent:
        agent.start()
        until_link(agent, "good")
        yield agent


def child_of(agent: AgentProcess) -> int:
    """The shrinker's process."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        words = path.read_bytes().split(b"\0")
        parent = (path.parent / "stat").read_text().rpartition(")")[2].split()[1]
        if b"roost_edge.shrinking.process" in words and int(parent) == agent.pid:
            return int(path.parent.name)
    raise LookupError("there is none")


def test_photos_are_shrunken_once_the_size_is_known_and_sent_whole_otherwise(
    device: AgentProcess, scorer: FakeScorer, mosquitto: Mosquitto
) -> None:
    whole = photo()

    def answered_by_the_cloud() -> bool:
        answer = caller.ask(whole)
        assert answer["deadline_met"]
        return bool(answer["contestant"] == "big")

    def sent_small() -> bool:
        until(answered_by_the_cloud, "this machine is not so busy that a question is given up")
        return scorer.asked[-1].question.payload != whole

    with Caller(mosquitto.port) as caller:
        assert not sent_small()
        until(sent_small, "the picture is shrunken")
        question = scorer.asked[-1].question
        picture = Image.open(io.BytesIO(question.payload))
        assert (question.content_type, picture.format, picture.size, picture.mode) == ("image/png", "PNG", (8, 8), "L")
        told = device.status["cloud"]["shrinking"]
        small = {asked.question.id for asked in scorer.asked if asked.question.payload != whole}
        assert told["shrunken"] == len(small) > 0
        assert told["saved_bytes"] == len(small) * (len(whole) - len(question.payload))

        os.kill(child_of(device), signal.SIGSTOP)  # it hangs: what it has goes whole, and in time
        assert not sent_small()
        until(lambda: device.status["complaints"].get("shrink.crashed"), "it is killed")
        assert not sent_small()
        until(sent_small, "there is another")

        scorer.reply = lambda asked: [score_of(asked, "big", bundle="big:2@sha256:11")]
        answer = caller.ask(whole)  # shrunken for the bundle that was: its score does not count
        assert (answer["contestant"], answer["deadline_met"]) == ("primary", True)
        assert device.status["complaints"]["score.other_size"] == 1
        assert not sent_small()
