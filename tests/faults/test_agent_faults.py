"""Workers killed and hung, brokers gone and back, under load: every input still gets its one answer."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import AgentProcess, Caller, answers_by_id, task_toml, until, without_starved
from tests.support.bundles import Bundles, picture
from tests.support.mosquitto import Mosquitto
from tests.support.proxy import Proxy

BRIGHT, DARK = picture(255), picture(0)
QUEUED = 15  # inputs; beyond 20 a worker refuses more
STARVED = {"unknown"}  # the default: on a machine with too much to do, a worker that gets no turn is taken to hang


@pytest.fixture
def pair(mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path) -> Iterator[AgentProcess]:
    """An agent with a primary and a backup, and a deadline that tells a lost answer from a slow machine."""
    tasks = task_toml("light", {"primary": bundles.sure, "backup": bundles.unrated}, deadline_ms=3000)
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent:
        yield agent.start()


@contextmanager
def at_random_moments(act: Any, *, seed: int, between_s: tuple[float, float]) -> Iterator[list[Any]]:
    """Call `act` again and again beside the test; yields the list of what it returned."""
    chance, done, results = random.Random(seed), threading.Event(), []

    def keep_at_it() -> None:
        while not done.wait(chance.uniform(*between_s)):
            results.append(act(chance))

    thread = threading.Thread(target=keep_at_it)
    thread.start()
    try:
        yield results
    finally:
        done.set()
        thread.join()


# ---- workers


def fewer_wait(caller: Caller, published: int) -> bool:
    """Whether there are fewer inputs in flight than a worker takes that has no turn for a while."""
    return published - len(caller.peer.messages) < QUEUED


def test_workers_killed_at_random_moments_under_load_cost_no_answer(pair: AgentProcess, mosquitto: Mosquitto) -> None:
    def kill(_: random.Random) -> int | None:
        return pair.signal_worker("light", "primary", signal.SIGKILL)

    chance = random.Random(1)
    with Caller(mosquitto.port) as caller:
        published = 0
        with at_random_moments(kill, seed=2, between_s=(0.0, 0.3)) as killed:
            give_up_s = time.monotonic() + 60
            while published < 300 or len([pid for pid in killed if pid is not None]) < 5:
                assert time.monotonic() < give_up_s, "it was killed five times"
                until(partial(fewer_wait, caller, published), "an answer")
                caller.publish(BRIGHT, CorrelationData=b"%d" % published, wait=False)
                published += 1
                time.sleep(chance.uniform(0, 0.02))  # the load's own rhythm, not a wait for anything
        answers = caller.answers(published)
        assert answers_by_id(answers).keys() == {str(number) for number in range(published)}
        scored = without_starved(answers, pair, "light", "backup")
        assert all(answer["deadline_met"] for answer in scored)
        assert {answer["label"] for answer in scored} == {"bright"}, "primary or backup, never the default"
        assert {answer["contestant"] for answer in scored} == {"primary", "backup"}
        until(lambda: caller.ask(BRIGHT)["contestant"] == "primary", "the primary is back")
        assert not caller.peer.messages, "nobody was answered twice"


def test_a_hung_primary_costs_no_answer_and_is_replaced(pair: AgentProcess, mosquitto: Mosquitto) -> None:
    with Caller(mosquitto.port) as caller:
        hung = pair.signal_worker("light", "primary", signal.SIGSTOP)
        for _ in range(5):
            caller.publish(BRIGHT)
        answers = caller.answers(5)
        assert {(answer["label"], answer["contestant"]) for answer in answers} == {("bright", "backup")}
        assert all(answer["deadline_met"] for answer in answers)
        until(lambda: pair.contestant("light", "primary")["restarts"] == 1, "it is killed")
        pair.until_ready("light", "primary")
        assert pair.contestant("light", "primary")["pid"] != hung
        assert pair.contestant("light", "primary")["last_error"]["code"] == "worker.hung"
        assert caller.ask(BRIGHT)["contestant"] == "primary"


def test_with_every_worker_hung_the_default_comes_by_the_deadline(
    mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path
) -> None:
    tasks = task_toml("light", {"primary": bundles.sure, "backup": bundles.unrated}, deadline_ms=200)
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent, Caller(mosquitto.port) as caller:
        agent.start()
        for name in ("primary", "backup"):
            agent.signal_worker("light", name, signal.SIGSTOP)
        answer = caller.ask(BRIGHT)
        assert (answer["label"], answer["reason"]) == ("unknown", "default")
        assert answer["error"]["code"] == "deadline.no_score"
        assert answer["elapsed_ms"] >= 190
        assert answer["deadline_met"] == (answer["elapsed_ms"] <= 200)


def test_with_every_worker_dead_the_default_comes_and_says_why(pair: AgentProcess, mosquitto: Mosquitto) -> None:
    with Caller(mosquitto.port) as caller:
        for _ in range(20):  # until restarting takes longer than asking
            for name in ("primary", "backup"):
                pair.signal_worker("light", name, signal.SIGKILL)
            answer = caller.ask(BRIGHT)
            assert answer["deadline_met"]
            if answer["reason"] == "default":
                break
        assert (answer["label"], answer["reason"]) == ("unknown", "default")
        assert answer["error"]["code"] in ("worker.crashed", "worker.restarting")
        for name in ("primary", "backup"):
            pair.until_ready("light", name)
        assert caller.ask(BRIGHT)["label"] == "bright"


# ---- brokers


def test_a_restarted_broker_is_found_again(pair: AgentProcess, mosquitto: Mosquitto) -> None:
    with Caller(mosquitto.port) as caller:
        assert caller.ask(BRIGHT)["label"] == "bright"
    for _ in range(2):
        mosquitto.stop()
        until(lambda: not pair.connected, "noticed")
        mosquitto.start()
        until(lambda: pair.connected, "back")
        with Caller(mosquitto.port) as caller:
            assert caller.ask(DARK)["label"] == "dark"
    assert pair.status["complaints"]["broker.lost"] == 2


def test_a_link_silent_for_longer_than_the_keep_alive_is_given_up_and_what_came_meanwhile_is_answered(
    mosquitto: Mosquitto, proxy: Proxy, bundles: Bundles, tmp_path: Path
) -> None:
    tasks = task_toml("light", {"only": bundles.sure})
    with (
        AgentProcess(tmp_path / "agent", proxy.url, tasks, broker="keep_alive_s = 1") as agent,
        Caller(mosquitto.port) as caller,
    ):
        agent.start()
        assert caller.ask(BRIGHT)["label"] == "bright"
        proxy.black_hole()
        caller.publish(DARK, CorrelationData=b"meanwhile")
        until(lambda: not agent.connected, "noticed")
        proxy.restore()
        caller.peer.wait(lambda: "meanwhile" in caller.ids(), "the answer to what came meanwhile")
        labels = {answer["id"]: answer["label"] for answer in caller.taken()}  # the first answer may come again
        assert labels["meanwhile"] == "dark"
        assert caller.ask(BRIGHT)["label"] == "bright"
        assert agent.status["complaints"]["broker.silent"] >= 1


def test_answers_that_find_no_broker_are_given_once_it_is_back(
    mosquitto: Mosquitto, proxy: Proxy, bundles: Bundles, tmp_path: Path
) -> None:
    tasks = task_toml("light", {"only": bundles.sure}, deadline_ms=450)  # a stopped worker is killed after 500
    with AgentProcess(tmp_path / "agent", proxy.url, tasks) as agent, Caller(mosquitto.port) as caller:
        agent.start()
        for attempt in range(10):
            ids = {f"{attempt}-{number}" for number in range(5)}
            agent.until_ready("light", "only")
            agent.signal_worker("light", "only", signal.SIGSTOP)
            for one in sorted(ids):
                caller.publish(BRIGHT, CorrelationData=one.encode(), wait=False)
            until(lambda: agent.status["unanswered"] == 5 or caller.peer.messages, "they have come")
            proxy.refuse()
            until(lambda: agent.status["unanswered"] == 0, "they are answered")
            found_nobody = not caller.peer.messages
            proxy.restore()
            answers = caller.answers(5)
            if found_nobody and agent.status["tasks"]["light"]["unsent"] >= 5:
                break  # on a busy machine the first may be answered before the last has come
        else:
            pytest.fail("no five came together before the first of them was answered")
        assert answers_by_id(answers).keys() == ids
        assert {answer["reason"] for answer in answers} == {"default"}, "the answer it already got"
        assert not any(answer["redelivered"] for answer in answers), "no other boot can have answered"


def test_a_link_cut_again_and_again_under_load_loses_no_qos_1_input(
    mosquitto: Mosquitto, proxy: Proxy, bundles: Bundles, tmp_path: Path
) -> None:
    tasks = task_toml("light", {"only": bundles.sure})
    with AgentProcess(tmp_path / "agent", proxy.url, tasks) as agent, Caller(mosquitto.port) as caller:
        agent.start()
        with at_random_moments(lambda _: proxy.cut(), seed=3, between_s=(0.1, 0.6)) as cuts:
            for number in range(100):
                caller.publish(picture(255 * (number % 2)), CorrelationData=b"%d" % number, wait=False)
                time.sleep(0.02)  # the load's own rhythm
        assert len(cuts) >= 3
        everyone = {str(number) for number in range(100)}
        caller.peer.wait(lambda: len(caller.ids()) == len(everyone), "an answer for every input", 30)
        groups = answers_by_id(caller.answers(len(caller.peer.messages)))
        assert groups.keys() == everyone
        for name, answers in groups.items():
            assert {answer["label"] for answer in answers} <= {("dark", "bright")[int(name) % 2], *STARVED}
            assert answers == answers[:1] * len(answers), "MQTT repeats at QoS 1; it is the same answer"


def test_a_broker_that_goes_away_and_returns_under_load_loses_no_input_it_had_accepted(
    pair: AgentProcess, mosquitto: Mosquitto
) -> None:
    everyone = {f"{turn}-{number}" for turn in range(3) for number in range(30)}
    answers: list[dict[str, Any]] = []
    for turn in range(3):
        with Caller(mosquitto.port, lasting=True) as caller:
            for number in range(30):
                caller.publish(BRIGHT, CorrelationData=b"%d-%d" % (turn, number), wait=number == 29)
            mosquitto.stop()
            answers += caller.taken()
        mosquitto.start()
    with Caller(mosquitto.port, lasting=True) as caller:
        missing = everyone - answers_by_id(answers).keys()
        caller.peer.wait(lambda: caller.ids() >= missing, "an answer for every input", 30)
        answers += caller.taken()
    groups = answers_by_id(answers)
    assert groups.keys() == everyone
    assert {answer["label"] for answer in answers} <= {"bright", *STARVED}
    for copies in groups.values():
        assert copies == copies[:1] * len(copies), "MQTT repeats at QoS 1; it is the same answer"
    assert pair.status["unanswered"] == 0
