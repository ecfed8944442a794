"""A device asks cloud contestants: real broker, real agent, and a scorer that says what the test wants."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from roost_shared.questions import CloudScore, encode_msgpack
from tests.support.agent import AgentProcess, Caller, run_command, until
from tests.support.asking import SURE, UNSURE, asking_toml, link_of, until_link
from tests.support.bundles import Bundles
from tests.support.fake_scorer import Asked, FakeScorer, score_of, twice, well
from tests.support.mosquitto import Mosquitto
from tests.support.unreadable import NO_MESSAGEPACK


@pytest.fixture
def scorer(mosquitto: Mosquitto) -> Iterator[FakeScorer]:
    with FakeScorer(mosquitto.port) as scorer:
        yield scorer


@pytest.fixture
def asking(mosquitto: Mosquitto, bundles: Bundles, scorer: FakeScorer, tmp_path: Path) -> Iterator[AgentProcess]:
    """An agent that knows its link to be good."""
    del scorer
    with AgentProcess(tmp_path / "agent", mosquitto.url, asking_toml(bundles.sure)) as agent:
        agent.start()
        until_link(agent, "good")
        yield agent


@pytest.fixture
def caller(mosquitto: Mosquitto) -> Iterator[Caller]:
    with Caller(mosquitto.port) as caller:
        yield caller


def test_what_the_device_is_unsure_of_the_cloud_answers(
    asking: AgentProcess, scorer: FakeScorer, caller: Caller
) -> None:
    answer = caller.ask(UNSURE)
    assert (answer["label"], answer["contestant"], answer["deadline_met"]) == ("bright", "big", True)
    assert answer["bundle"] == "big:1@sha256:00"
    ((task, device, question),) = scorer.asked
    assert (task, device, question.contestants, question.payload) == ("light", "cam-01", ["big"], UNSURE)
    assert 0 < question.remaining_ms < 3000
    assert caller.ask(SURE)["contestant"] == "primary"
    assert len(scorer.asked) == 1
    told = asking.contestant("light", "big")
    assert (told["state"], told["asked"], told["answered"], told["lost"]) == ("good", 1, 1, 0)
    assert told["p50_ms"] > 0
    text = run_command("status", "--config", asking.config).stdout
    assert "big (answer): in the cloud, link good, asked 1, answered 1, lost 0" in text


def test_however_many_contestants_the_input_crosses_once(
    mosquitto: Mosquitto, bundles: Bundles, scorer: FakeScorer, caller: Caller, tmp_path: Path
) -> None:
    tasks = asking_toml(bundles.sure, cloud={"big": '"unsure"', "other": '"unsure"'})
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent:
        agent.start()
        until_link(agent, "good")
        assert caller.ask(UNSURE)["contestant"] == "big"
        assert [asked.question.contestants for asked in scorer.asked] == [["big", "other"]]
        until(lambda: agent.contestant("light", "other")["answered"] == 1, "both have answered")


def test_an_input_crosses_once_for_each_moment_at_which_anybody_is_asked(
    mosquitto: Mosquitto, bundles: Bundles, scorer: FakeScorer, caller: Caller, tmp_path: Path
) -> None:
    cloud = {"big": '"unsure"', "huge": '"unsure"', "other": '"always"', "another": "{ sample = 1.0 }"}
    with AgentProcess(tmp_path / "agent", mosquitto.url, asking_toml(bundles.sure, cloud=cloud)) as agent:
        agent.start()
        until_link(agent, "good")
        at_once, unsure = ["another", "other"], ["big", "huge"]
        assert caller.ask(SURE)["contestant"] == "primary"
        assert caller.ask(UNSURE)["contestant"] == "big"
        assert [asked.question.contestants for asked in scorer.asked] == [at_once, at_once, unsure]
        assert len({asked.question.payload for asked in scorer.asked[1:]}) == 1


NONSENSE: dict[str, Callable[[Asked], CloudScore | bytes]] = {
    "score.bad_confidence": lambda asked: score_of(asked, "big", confidence=float("nan")),
    "score.bad_label": lambda asked: score_of(asked, "big", label="cat"),
    "score.bad_output": lambda asked: score_of(asked, "big", output=[1.0, "two"]),
    "score.empty": lambda asked: score_of(asked, "big", label=None, top=[]),
    "score.wrong_contestant": lambda asked: score_of(asked, "somebody"),
    "score.unreadable": lambda _: b"\xc1 no MessagePack",
    "score.version": lambda asked: encode_msgpack(score_of(asked, "big", schema_version=2)),
    "score.unknown": lambda asked: score_of(asked, "big", id=asked.question.id + "0"),
    "score.foreign": lambda asked: score_of(asked, "big", id="another:1"),
}


def test_nonsense_is_counted_by_name_and_answers_nothing(
    mosquitto: Mosquitto, bundles: Bundles, scorer: FakeScorer, caller: Caller, tmp_path: Path
) -> None:
    tasks = asking_toml(bundles.sure, deadline_ms=3000, patience_ms=600)
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent:
        agent.start()
        for code, reply in NONSENSE.items():
            scorer.reply = lambda asked, reply=reply: [reply(asked)]  # type: ignore[misc]  # of this turn
            until_link(agent, "good")
            answer = caller.ask(UNSURE)
            assert (answer["label"], answer["contestant"], answer["deadline_met"]) == ("dark", "primary", True), code
            until(lambda code=code: agent.status["complaints"].get(code) == 1, code)  # type: ignore[misc]
        assert "upgrade this side" in agent.log
        scorer.reply = well
        until_link(agent, "good")
        assert caller.ask(UNSURE)["contestant"] == "big"
        assert not caller.peer.messages


def test_whatever_comes_as_a_score_ends_nothing(asking: AgentProcess, scorer: FakeScorer, caller: Caller) -> None:
    for message in NO_MESSAGEPACK.values():
        scorer.say("cam-01", message)
    until(lambda: asking.status["complaints"].get("score.unreadable") == len(NO_MESSAGEPACK), "each is counted")
    assert caller.ask(UNSURE)["contestant"] == "big"


def test_a_scorer_that_answers_twice_is_heard_once(asking: AgentProcess, scorer: FakeScorer, caller: Caller) -> None:
    scorer.reply = twice
    assert caller.ask(UNSURE)["contestant"] == "big"
    until(lambda: asking.status["complaints"].get("score.duplicate") == 1, "it is counted")
    assert not caller.peer.messages


def test_a_retained_score_is_no_score(asking: AgentProcess, scorer: FakeScorer) -> None:
    scorer.say("cam-01", CloudScore(id="old:1", contestant="big"), retain=True)
    until(lambda: asking.status["complaints"].get("score.foreign") == 1, "it is told as it is said")
    asking.stop()
    asking.start()
    until(lambda: asking.status["complaints"].get("score.retained") == 1, "the broker tells it again")


def test_what_the_scorer_declines_is_not_waited_for(asking: AgentProcess, scorer: FakeScorer, caller: Caller) -> None:
    error = {"code": "contestant.unknown", "message": "no such contestant"}
    scorer.reply = lambda asked: [
        msgspec.msgpack.encode({"id": asked.question.id, "contestant": "big", "error": error})
    ]
    answer = caller.ask(UNSURE)
    assert (answer["contestant"], answer["reason"]) == ("primary", "fallback")
    assert answer["elapsed_ms"] < 2000
    assert asking.contestant("light", "big")["declined"] == {"contestant.unknown": 1}


def test_late_scores_are_recorded_and_marked_where_they_differ(
    mosquitto: Mosquitto, bundles: Bundles, scorer: FakeScorer, caller: Caller, tmp_path: Path
) -> None:
    scorer.delay_s = 0.4
    tasks = asking_toml(bundles.sure, deadline_ms=200, patience_ms=100)
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent:
        agent.start()
        until_link(agent, "good")
        assert caller.ask(UNSURE)["label"] == "dark"
        until(lambda: agent.status["tasks"]["light"]["late"] == {"big": 1}, "the score came late")
        task = agent.status["tasks"]["light"]
        assert (task["late_differing"], [one["differs"] for one in task["late_scores"]]) == ({"big": 1}, [True])
        told = agent.contestant("light", "big")
        assert (told["asked"], told["answered"], told["lost"], told["late"]) == (1, 0, 1, 1)


def test_no_descriptor_is_left_behind(asking: AgentProcess, scorer: FakeScorer, caller: Caller) -> None:
    def descriptors() -> int:
        return len(list(Path(f"/proc/{asking.pid}/fd").iterdir()))

    caller.ask(UNSURE)
    before = descriptors()
    for number in range(60):
        scorer.silent = number % 3 == 0
        caller.publish(UNSURE if number % 2 else SURE)
    caller.answers(60)
    until(lambda: link_of(asking)["waiting"] == 0, "no question waits")
    until(lambda: descriptors() <= before, "all inputs are released")


def test_the_day_s_bytes_outlive_a_crash(
    mosquitto: Mosquitto, bundles: Bundles, scorer: FakeScorer, caller: Caller, tmp_path: Path
) -> None:
    head = "[cloud]\nask_bytes_per_day = 2000"
    with AgentProcess(tmp_path / "agent", mosquitto.url, asking_toml(bundles.sure, head=head)) as agent:
        for _ in range(3):
            agent.start()
            until_link(agent, "good")
            for _ in range(6):
                caller.ask(UNSURE)
            declined = agent.contestant("light", "big")["declined"]
            agent.kill()
    assert declined == {"link.budget": 6}
    assert 0 < sum(len(asked.question.payload) for asked in scorer.asked) <= 2000


def test_questions_go_where_the_cloud_s_broker_is(mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "cloud") as cloud:
        head = f'[cloud]\nbroker = "{cloud.url}"'
        tasks = asking_toml(bundles.sure, head=head)
        with FakeScorer(cloud.port), AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent:
            agent.start()
            until_link(agent, "good")
            with Caller(mosquitto.port) as caller:
                assert caller.ask(UNSURE)["contestant"] == "big"
                cloud.kill()
                until_link(agent, "down")
                answer = caller.ask(UNSURE)
                assert (answer["contestant"], answer["deadline_met"]) == ("primary", True)
                assert agent.contestant("light", "big")["declined"] == {"link.down": 1}
                cloud.start()
                until_link(agent, "good")
                assert caller.ask(UNSURE)["contestant"] == "big"
