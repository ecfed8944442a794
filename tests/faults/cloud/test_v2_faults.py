"""Callers of /v2 are answered by the deadline, whatever happens to broker, scorers, other callers and the process."""

import contextlib
import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from roost_cloud.transfer import Registry
from roost_cloud.transfer.push import push_bundle
from roost_shared.bundle import open_bundle
from tests.support.agent import until
from tests.support.asked_cloud import TASK, AskedCloud, Said, bytes_request
from tests.support.bundles import Bundles
from tests.support.fake_scorer import Asked, FakeScorer, score_of
from tests.support.mosquitto import Mosquitto
from tests.support.proxy import Proxy
from tests.support.served_cloud import bundle_like
from tests.support.unreadable import NO_MESSAGEPACK

DEADLINE_S = TASK["deadline_ms"] / 1000
SLACK_S = 5.0  # this machine may be busy; what the answer itself says of its time is exact


IN_FLIGHT = 60


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture(scope="module")
def network(broker: Mosquitto) -> Iterator[Proxy]:
    """Between cloud and broker; scorers are at the broker."""
    with Proxy(broker.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def standing(network: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskedCloud]:
    folder = tmp_path_factory.mktemp("cloud")
    with AskedCloud(folder, network.url, "--infer-in-flight", str(IN_FLIGHT)) as cloud:
        cloud.put_task("patient", {**TASK, "deadline_ms": 60_000})
        yield cloud


@pytest.fixture
def cloud(standing: AskedCloud) -> AskedCloud:
    """One for all: whatever a test breaks, it mends."""
    standing.until_ready()
    return standing


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(200) as threads:
        yield threads


def assert_default(said: Said, code: str) -> None:
    assert (said.status, said.label, said.reason) == (200, "unknown", "default")
    assert said.body["parameters"]["error_code"] == code
    assert said.took_s < DEADLINE_S + SLACK_S


def questions(scorer: FakeScorer) -> int:
    """How many it was asked; one that is asked again is the same."""
    return len({asked.question.id for asked in scorer.asked})


def metric(cloud: AskedCloud, line: str) -> float:
    text: str = cloud.process.ask("/metrics").data.decode()
    return next((float(row.split()[-1]) for row in text.splitlines() if row.startswith(line)), 0.0)


def test_a_broker_that_was_never_there(tmp_path: Path) -> None:
    with AskedCloud(tmp_path / "cloud", "mqtt://127.0.0.1:1") as cloud:
        assert_default(cloud.infer(), "link.down")
        assert cloud.call("GET", "/v2/health/ready").status == 400
        ready = cloud.call("GET", "/readyz")
        assert ready.status == 503
        assert ready.body["parts"]["database"] == "ok"


def test_a_broker_that_dies_with_questions_in_hand_and_comes_back(
    cloud: AskedCloud, broker: Mosquitto, threads: ThreadPoolExecutor
) -> None:
    with FakeScorer(broker.port) as scorer:
        scorer.silent = True
        waiting = [threads.submit(cloud.infer, bytes_request(str(n)), "patient") for n in range(20)]
        until(lambda: questions(scorer) == 20, "all are asked")
        broker.kill()
        for answer in waiting:
            said = answer.result(30)
            assert said.body["parameters"]["error_code"] == "link.lost"
            assert said.took_s < 30, "nobody waits for a connection that has ended"
        assert_default(cloud.infer(), "link.down")
        broker.start()
        cloud.until_ready()
        scorer.silent = False
        until(lambda: cloud.infer().label == "bright", "it is asked again")


def test_a_broker_that_stops_reading(cloud: AskedCloud, broker: Mosquitto, threads: ThreadPoolExecutor) -> None:
    with FakeScorer(broker.port):
        assert cloud.infer().label == "bright"
        broker.pause()
        try:
            large = bytes_request(400_000 * "x")
            for answer in [threads.submit(cloud.infer, large) for _ in range(20)]:
                assert_default(answer.result(30), "deadline.no_score")
        finally:
            broker.resume()
        until(lambda: cloud.infer().label == "bright", "it goes on")


def test_a_network_that_swallows_everything(
    cloud: AskedCloud, broker: Mosquitto, network: Proxy, threads: ThreadPoolExecutor
) -> None:
    with FakeScorer(broker.port):
        assert cloud.infer().label == "bright"
        network.black_hole()
        try:
            for answer in [threads.submit(cloud.infer) for _ in range(50)]:
                said = answer.result(30)
                assert (said.label, said.took_s < DEADLINE_S + SLACK_S) == ("unknown", True)
        finally:
            network.restore()
        until(lambda: cloud.infer().label == "bright", "it goes on")


def test_nobody_scores(cloud: AskedCloud) -> None:
    said = cloud.infer()
    assert_default(said, "deadline.no_score")
    assert said.body["parameters"]["elapsed_ms"] < TASK["deadline_ms"] + 1000 * SLACK_S


def test_a_scorer_that_dies_with_a_question_in_hand_is_replaced_by_another(
    cloud: AskedCloud, broker: Mosquitto
) -> None:
    in_hand: list[str] = []

    def reply(asked: Asked) -> Iterator[Any]:
        """Who is asked first dies; who is asked again answers."""
        if asked.question.payload == b"in hand":
            in_hand.append(asked.question.id)
        if len(in_hand) != 1:
            yield score_of(asked, "big")

    with FakeScorer(broker.port, reply):
        for _ in range(10):
            assert cloud.infer(task="patient").label == "bright"
        assert cloud.infer(bytes_request("in hand"), "patient").label == "bright"
    first, again = in_hand
    assert first == again


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"confidence": float("nan")}, "score.bad_confidence"),
        ({"label": None}, "score.empty"),
        ({"label": 300 * "x"}, "score.bad_label"),
        ({"output": ["text"]}, "score.bad_output"),
    ],
)
def test_nonsense_is_answered_by_the_default(
    cloud: AskedCloud, broker: Mosquitto, wrong: dict[str, Any], code: str
) -> None:
    with FakeScorer(broker.port, lambda asked: [score_of(asked, "big", **wrong)]):
        assert_default(cloud.infer(), code)


@pytest.fixture(scope="module")
def labelled(standing: AskedCloud, bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with two versions of a bundle that say other things; the task `labelled` follows an alias of it."""
    sure = open_bundle(bundles.sure)
    other = bundle_like(sure, tmp_path_factory.mktemp("other") / "sure-2", version="2", labels=("night", "day"))
    registry = Registry(standing.process.client(standing.token))
    for bundle in (sure, other):
        push_bundle(registry, bundle.folder)
    registry.move_alias("sure", "stable", "1")
    contestants = [{"name": "big", "bundle": "sure@stable"}]
    standing.put_task("labelled", {**TASK, "deadline_ms": 10_000, "contestants": contestants})
    return registry


def test_a_label_outside_the_task_s_space_is_counted_named_and_answers_nobody(
    cloud: AskedCloud, broker: Mosquitto, labelled: Registry
) -> None:
    with FakeScorer(broker.port, lambda asked: [score_of(asked, "big", label="day", top=[])]):
        refused = cloud.infer(task="labelled")
        assert (refused.label, refused.body["parameters"]["error_code"]) == ("unknown", "score.bad_label")
        assert metric(cloud, 'roost_asking_events_total{event="score.bad_label"}') >= 1
        assert "score.bad_label" in cloud.process.log
        labelled.move_alias("sure", "stable", "2")
        assert cloud.infer(task="labelled").label == "day", "of the version it has just moved to"
    with FakeScorer(broker.port):
        assert cloud.infer(task="labelled").label == "bright", "of a scorer that has not noticed yet"


def test_noise_on_the_score_topic_answers_nobody(cloud: AskedCloud, broker: Mosquitto) -> None:
    def reply(asked: Asked) -> Iterator[Any]:
        yield from NO_MESSAGEPACK.values()
        yield b"\x81\xaeschema_version\x63"
        yield score_of(asked, "stranger")
        yield score_of(asked, "big", id="cloud.another:1")
        yield score_of(asked, "big", id=asked.question.id + "0")
        yield score_of(asked, "big")
        yield score_of(asked, "big", label="dark")

    expected = {
        "score.unreadable": len(NO_MESSAGEPACK),
        "score.version": 1,
        "score.wrong_contestant": 1,
        "score.unknown": 1,
        "score.foreign": 1,
        "score.duplicate": 1,
    }

    def noise() -> dict[str, float]:
        return {code: metric(cloud, f'roost_asking_events_total{{event="{code}"}}') for code in expected}

    before = noise()
    with FakeScorer(broker.port, reply):
        assert cloud.infer().label == "bright"
        assert cloud.infer().label == "bright"
    until(lambda: noise() == {code: before[code] + 2 * count for code, count in expected.items()}, "each is counted")
    assert "upgrade this side" in cloud.process.log, "and named"


def test_callers_that_leave_cost_nobody_else_anything(cloud: AskedCloud, broker: Mosquitto) -> None:
    cloud.put_task("fresh", TASK)  # of which no other test has made anything known
    body = json.dumps(bytes_request()).encode()
    head = f"POST /v2/models/fresh/infer HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {cloud.token}\r\n"
    whole = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with FakeScorer(broker.port) as scorer:
        scorer.delay_s = 0.2
        with contextlib.ExitStack() as callers:
            for sent in (whole, whole[:-10], head.encode()) * 10:
                address = ("127.0.0.1", cloud.process.port)
                callers.enter_context(socket.create_connection(address)).sendall(sent)
            until(lambda: questions(scorer) == 10, "those that were whole are asked about")
        scorer.delay_s = 0
        assert cloud.infer().label == "bright"
        until(lambda: metric(cloud, "roost_asking_waiting") == 0, "nothing is left behind")
    assert "Traceback" not in cloud.process.log


def test_requests_in_flight_are_answered_after_sigterm(
    cloud: AskedCloud, broker: Mosquitto, threads: ThreadPoolExecutor
) -> None:
    with FakeScorer(broker.port) as scorer:
        scorer.delay_s = 1.5
        waiting = [threads.submit(cloud.infer, bytes_request(str(n)), "patient") for n in range(50)]
        until(lambda: questions(scorer) == 50, "all are asked")
        cloud.process.send(signal.SIGTERM)
        assert [answer.result(30).label for answer in waiting] == 50 * ["bright"]
        assert cloud.process.wait() == 0
        cloud.process.start()


def test_more_than_there_is_room_for_gets_the_default_at_once(
    cloud: AskedCloud, broker: Mosquitto, network: Proxy, threads: ThreadPoolExecutor
) -> None:
    with FakeScorer(broker.port) as scorer:
        scorer.silent = True
        held: list[Future[Said]] = [
            threads.submit(cloud.infer, bytes_request(str(n)), "patient") for n in range(IN_FLIGHT)
        ]
        until(lambda: metric(cloud, "roost_asking_waiting") == IN_FLIGHT, "there is no more room")
        refused = cloud.infer()
        assert (refused.label, refused.reason) == ("unknown", "overloaded")
        network.cut()
        assert {answer.result(30).reason for answer in held} == {"default"}


def test_a_process_killed_and_started_again_asks_anew(cloud: AskedCloud, broker: Mosquitto) -> None:
    with FakeScorer(broker.port):
        assert cloud.infer().label == "bright"
        cloud.process.kill()
        cloud.process.start()
        cloud.until_ready()
        assert cloud.infer().label == "bright"
