"""Links that swallow, flap, are cut and restart: every input still gets its one answer, by its deadline."""

import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import AgentProcess, Caller, answers_by_id, until
from tests.support.asking import SURE, UNSURE, asking_toml, link_of, until_link
from tests.support.bundles import Bundles
from tests.support.fake_scorer import FakeScorer, twice
from tests.support.mosquitto import Mosquitto
from tests.support.proxy import Proxy

DEADLINE_MS = 1000
PATIENCE_MS = 800


class Site:
    """A site's broker, and the cloud's behind a network that can fail."""

    def __init__(self, mosquitto: Mosquitto, cloud: Mosquitto, bundles: Bundles, folder: Path, **agent: Any) -> None:
        self.cloud = cloud
        self.scorer = FakeScorer(cloud.port)
        self.network = Proxy(cloud.port)
        head = f'[cloud]\nbroker = "{self.network.url}"'
        tasks = asking_toml(bundles.sure, head=head, deadline_ms=DEADLINE_MS, patience_ms=PATIENCE_MS)
        self.agent = AgentProcess(folder / "agent", mosquitto.url, tasks, **agent)
        self.caller = Caller(mosquitto.port)
        self._numbers = count()

    def start(self) -> None:
        self.agent.start()
        until_link(self.agent, "good")

    def ask(self, inputs: int, *, every_s: float = 0.02) -> list[dict[str, Any]]:
        """Inputs the device is unsure of, at a steady rate; their answers, each of which there is once and in time."""
        for _ in range(inputs):
            self.caller.publish(UNSURE, CorrelationData=b"%d" % next(self._numbers), wait=False)
            time.sleep(every_s)  # the load's own rhythm, not a wait for anything
        answers = self.caller.answers(inputs)
        assert {len(group) for group in answers_by_id(answers).values()} == {1}
        assert not self.caller.peer.messages
        late = [answer for answer in answers if not answer["deadline_met"]]
        assert not late, late[0]
        return answers

    def ask_cloud(self, inputs: int) -> list[dict[str, Any]]:
        """The same, all answered by the cloud."""
        answers = self.ask(inputs)
        assert of_cloud(answers) == inputs
        return answers

    def until_asked_again(self) -> None:
        """The link is called good until somebody has seen that it was cut, so that its state says too little."""
        until(lambda: of_cloud(self.ask(1)) == 1, "the cloud answers again")

    def until_given_up(self) -> None:
        """On a machine that is late with everything, it takes more questions to see that nobody answers them."""
        until(lambda: link_of(self.agent)["state"] == "bad" or not self.ask(1), "the link is bad")

    def close(self) -> None:
        self.caller.peer.close()
        self.agent.__exit__(*sys.exc_info())
        self.scorer.close()
        self.network.close()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "cloud") as broker:
        yield broker


@pytest.fixture
def site(mosquitto: Mosquitto, cloud: Mosquitto, bundles: Bundles, tmp_path: Path) -> Iterator[Site]:
    site = Site(mosquitto, cloud, bundles, tmp_path)
    site.start()
    yield site
    site.close()


@contextmanager
def meanwhile(act: Any) -> Iterator[None]:
    """Call `act(done)` in a thread beside the test; it ends soon after `done` is set."""
    done = threading.Event()
    thread = threading.Thread(target=act, args=[done])
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def of_cloud(answers: list[dict[str, Any]]) -> int:
    return sum(answer["contestant"] == "big" for answer in answers)


def test_a_link_that_swallows_every_byte_is_known_bad_and_not_waited_for(site: Site) -> None:
    site.ask_cloud(20)
    site.network.black_hole()
    site.ask(20)
    site.until_given_up()
    answers = site.ask(20)
    assert of_cloud(answers) == 0
    assert max(answer["elapsed_ms"] for answer in answers) < PATIENCE_MS / 2, "nobody waits any more"
    site.network.restore()  # cuts what lost bytes, as its ends would sooner or later
    until_link(site.agent, "good")
    site.ask_cloud(5)


def test_with_the_hole_there_from_the_start_the_link_never_counts_as_good(
    mosquitto: Mosquitto, cloud: Mosquitto, bundles: Bundles, tmp_path: Path
) -> None:
    site = Site(mosquitto, cloud, bundles, tmp_path)
    try:
        site.network.black_hole()
        site.agent.start()
        assert of_cloud(site.ask(10)) == 0
        assert link_of(site.agent)["state"] == "down"
    finally:
        site.close()


def test_the_cloud_s_broker_restarted_under_load_costs_no_answer(site: Site) -> None:
    def restart(done: threading.Event) -> None:
        while not done.wait(0.5):
            site.cloud.kill()
            site.cloud.start()

    with meanwhile(restart):
        site.ask(100)
    until_link(site.agent, "good")
    until(lambda: link_of(site.agent)["waiting"] == 0, "no question waits")
    site.until_asked_again()  # the scorer is back too
    told = site.agent.contestant("light", "big")
    assert told["lost"] + told["declined"].get("link.down", 0) > 0, "what it cost is counted"
    assert site.agent.status["complaints"]["cloud.broker.lost"] > 0, "and named"


def test_a_flapping_link_costs_no_answer(site: Site) -> None:
    def flap(done: threading.Event) -> None:
        while not done.wait(0.1):
            site.network.cut()

    with meanwhile(flap):
        site.ask(100)
    site.until_asked_again()
    site.ask_cloud(5)


@pytest.mark.parametrize("stage", ["before-the-question", "while-it-is-scored", "before-the-next"])
def test_a_cut_at_any_stage_costs_no_answer(site: Site, stage: str) -> None:
    site.ask(10)
    if stage == "before-the-question":
        site.network.refuse()
        assert of_cloud(site.ask(1)) == 0
    elif stage == "while-it-is-scored":
        site.scorer.delay_s = 0.3
        asked = len(site.scorer.asked)

        def cut(_: threading.Event) -> None:
            until(lambda: len(site.scorer.asked) > asked, "the question is with the scorer")
            site.network.cut()

        with meanwhile(cut):
            assert of_cloud(site.ask(1)) == 0
        site.scorer.delay_s = 0
    else:
        site.ask(1)
        site.network.cut()
    site.network.restore()
    site.until_asked_again()
    site.ask_cloud(3)


def test_a_scorer_that_dies_and_one_that_babbles_cost_no_answer(site: Site) -> None:
    site.scorer.reply = twice
    site.ask_cloud(10)
    site.scorer.reply = lambda asked: [b"", bytes(asked.question.payload), b"\x93\x01"]
    site.ask(10)
    site.scorer.silent = True
    site.ask(10)
    site.until_given_up()
    assert max(answer["elapsed_ms"] for answer in site.ask(5)) < PATIENCE_MS / 2
    told = site.agent.contestant("light", "big")
    assert told["asked"] == told["answered"] + told["lost"] + sum(told["declined"].values()) - told["declined"].get(
        "link.down", 0
    )


def test_a_slow_link_is_learned_and_left_alone(site: Site) -> None:
    site.ask(20)
    site.network.delay_s = DEADLINE_MS / 1000  # each way: no score can be back in time
    site.ask(12, every_s=0.2)
    until(lambda: site.agent.contestant("light", "big")["late"] > 0, "what comes late teaches")
    answers = site.ask(5)
    assert of_cloud(answers) == 0


@pytest.mark.parametrize("year", [1970, 2071])
def test_a_device_whose_clock_is_off_by_years_asks_as_well(
    mosquitto: Mosquitto, cloud: Mosquitto, bundles: Bundles, tmp_path: Path, year: int
) -> None:
    python = tmp_path / "python"
    python.write_text(
        f"#!{sys.executable}\n"
        + textwrap.dedent(f"""
            import runpy, sys, time
            from datetime import UTC, datetime
            from roost_shared.clock import SystemClock
            SystemClock.wall = lambda self: datetime({year}, 1, 1, tzinfo=UTC)
            time.time = lambda: SystemClock.wall(None).timestamp()
            del sys.argv[:2]
            runpy.run_module("roost_edge", run_name="__main__", alter_sys=True)
        """)
    )
    python.chmod(0o755)
    site = Site(mosquitto, cloud, bundles, tmp_path, python=python)
    try:
        site.start()
        answers = site.ask_cloud(10)
        assert {answer["received_at"][:4] for answer in answers} == {str(year)}
        assert site.caller.ask(SURE)["contestant"] == "primary"
    finally:
        site.close()
