"""The role `scorer`, asked by devices through real brokers, over both databases."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roost_cloud.scorer.role import ASK_TOPICS, subscription
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.questions import CloudScore, InputSize
from tests.support.bundles import SIDE, Bundles, picture
from tests.support.cloud import Cloud
from tests.support.embedded_fleet_broker import FleetBroker
from tests.support.fenced_broker import FencedBroker
from tests.support.mosquitto import Mosquitto
from tests.support.scoring import AskingDevice, ScoringSite
from tests.support.served_cloud import bundle_like
from tests.support.unreadable import NO_MESSAGEPACK
from tests.support.waiting import until

BRIGHT, DARK = picture(255), picture(0)


@pytest.fixture
def sure(bundles: Bundles) -> Bundle:
    return open_bundle(bundles.sure)


@pytest.fixture
def site(cloud: Cloud, mosquitto: Mosquitto) -> Iterator[ScoringSite]:
    with ScoringSite(cloud, mosquitto.url) as site:
        yield site


@pytest.fixture
def device(mosquitto: Mosquitto) -> Iterator[AskingDevice]:
    with AskingDevice(mosquitto.port) as device:
        yield device


@pytest.mark.one_database
def test_each_contestant_scores_for_itself(site: ScoringSite, device: AskingDevice, bundles: Bundles) -> None:
    for folder in (bundles.sure, bundles.contrary, bundles.mean):
        site.push(open_bundle(folder))
    site.set_task({"big": "sure@stable", "odd": "contrary:1", "level": "mean@stable"})
    scorer = site.start()
    name = device.ask(BRIGHT, "big", "odd", "level")
    scores = {one.contestant: one for one in device.until_scores(3)}
    assert {one.id for one in scores.values()} == {name}
    assert scores["big"].label == "bright"
    assert scores["odd"].label == "dark"
    assert scores["level"].output == pytest.approx(255)
    assert scores["big"].bundle == open_bundle(bundles.sure).reference
    assert scores["big"].confidence == pytest.approx(1)
    assert 0 < scores["big"].scorer_ms < 10_000
    assert scores["big"].input == InputSize(width=SIDE, height=SIDE, colour="L")
    until(lambda: scorer.figures.outcomes == {"scored": 3}, "counted")


@pytest.mark.one_database
def test_a_probe_comes_back(site: ScoringSite, device: AskingDevice) -> None:
    site.start()
    score = device.score(b"", task="whatever", remaining_ms=0)
    assert (score.contestant, score.error) == (None, None)


@pytest.mark.one_database
def test_who_cannot_score_says_so_at_once(site: ScoringSite, device: AskingDevice, sure: Bundle) -> None:
    site.push(sure)
    site.set_task({"big": "sure@stable"})
    scorer = site.start()
    expected = {
        "contestant.unknown": device.ask(BRIGHT, "nobody"),
        "question.expired": device.ask(BRIGHT, "big", remaining_ms=-5),
        "input.unknown_type": device.ask(b"no picture at all", "big"),
        "input.empty": device.ask(b"", "big"),
    }
    foreign = device.ask(BRIGHT, "big", task="other")
    scores = {one.id: one for one in device.until_scores(5)}
    for code, name in {**expected, "contestant.unknown": foreign}.items():
        assert (error := scores[name].error) is not None
        assert error.code == code, error.message
    assert scorer.problem is None


@pytest.mark.one_database
def test_what_makes_no_sense_is_counted_and_answered_by_nobody(
    site: ScoringSite, device: AskingDevice, sure: Bundle
) -> None:
    site.push(sure)
    site.set_task({"big": "sure@stable"})
    scorer = site.start()
    for message in NO_MESSAGEPACK.values():
        device.send(message)
    device.ask(BRIGHT, *(f"c{number}" for number in range(10_000)))
    device.ask(BRIGHT, "big", "big")
    device.ask(BRIGHT, "No Name!")
    device.ask(BRIGHT, "big", id="x" * 1000)
    device.ask(BRIGHT, "big", remaining_ms=float("nan"))
    device.ask(BRIGHT, "big", content_type="x" * 1000)
    assert device.score(BRIGHT, "big").label == "bright"
    assert len(device.scores) == 1
    expected = {"message.invalid": len(NO_MESSAGEPACK), "question.invalid": 6, "scored": 1}
    until(lambda: scorer.figures.outcomes == expected, "counted")


@pytest.mark.one_database
def test_a_device_of_another_version_is_told_which_side_to_upgrade(
    site: ScoringSite, device: AskingDevice, sure: Bundle
) -> None:
    site.push(sure)
    site.set_task({"big": "sure@stable"})
    scorer = site.start()
    device.ask(BRIGHT, "big", schema_version=2)
    device.ask(b"", schema_version=2)
    device.peer.wait(lambda: len(device.peer.messages) == 2, "both are answered", 60)
    told = [msgspec.msgpack.decode(bytes(one.payload), type=CloudScore) for one in device.peer.messages]
    assert [(one.schema_version, one.contestant) for one in told] == [(2, "big"), (2, None)]
    assert all(one.error is not None and "upgrade the scorers" in one.error.message for one in told)
    until(lambda: scorer.figures.outcomes == {"message.version": 2}, "counted")


def test_another_tenants_task_is_not_there(site: ScoringSite, mosquitto: Mosquitto, sure: Bundle) -> None:
    site.push(sure)
    site.set_task({"big": "sure@stable"})
    site.start()
    with AskingDevice(mosquitto.port, tenant="beta") as stranger:
        score = stranger.score(BRIGHT, "big")
    assert score.error is not None
    assert score.error.code == "contestant.unknown"


def test_an_alias_is_followed_and_what_cannot_be_loaded_leaves_the_old_in_place(
    site: ScoringSite, device: AskingDevice, sure: Bundle, tmp_path: Path
) -> None:
    site.push(sure)
    site.set_task({"big": "sure@stable"})
    scorer = site.start()
    second, broken = (
        bundle_like(sure, tmp_path / "second", version="2"),
        bundle_like(sure, tmp_path / "broken", version="3", model=b"no model"),
    )
    site.push(second)
    until(lambda: device.score(BRIGHT, "big").bundle == second.reference, "the second one answers")
    site.push(broken)
    attempts = "roost_scorer_loads_total"
    metrics = scorer.figures.metrics
    until(lambda: metrics.get_sample_value(attempts, {"outcome": "model.unloadable"}), "tried")
    assert device.score(BRIGHT, "big").bundle == second.reference
    assert scorer.problem is None
    site.point(sure)
    until(lambda: device.score(BRIGHT, "big").bundle == sure.reference, "the first one again")


def test_a_deleted_task_is_answered_no_more(site: ScoringSite, device: AskingDevice, sure: Bundle) -> None:
    site.push(sure)
    site.set_task({"big": "sure@stable"})
    site.start()
    assert device.score(BRIGHT, "big").error is None
    assert site.registry().ask("DELETE", "/tasks/light").status_code == 204
    until(lambda: device.score(BRIGHT, "big").error is not None, "gone")


@pytest.mark.one_database
def test_several_share_the_questions(site: ScoringSite, device: AskingDevice, sure: Bundle) -> None:
    site.push(sure)
    site.set_task({"big": "sure@stable"})
    scorers = [site.start() for _ in range(3)]
    for _ in range(300):
        device.ask(BRIGHT, "big")
    scores = device.until_scores(300)
    assert len({one.id for one in scores}) == 300
    assert all(scorer.figures.outcomes["scored"] >= 50 for scorer in scorers)


@pytest.mark.one_database
def test_a_stopped_one_answers_what_it_has_in_hand(site: ScoringSite, device: AskingDevice, sure: Bundle) -> None:
    site.push(sure)
    site.set_task({"big": "sure@stable"})
    scorers = [site.start() for _ in range(2)]
    for number in range(400):
        device.ask(BRIGHT, "big")
        if number == 200:
            site.stop(scorers[0])
    device.until_scores(400)


@pytest.mark.one_database
def test_the_group_is_the_deployments_secret(site: ScoringSite) -> None:
    topic = subscription(site.cloud.services)
    assert topic.endswith(ASK_TOPICS)
    assert len(topic.split("/")[1]) > 24
    assert subscription(site.cloud.services) == topic


@pytest.mark.one_database("sqlite")  # with which the embedded broker comes
def test_the_embedded_broker_carries_questions_too(cloud: Cloud, sure: Bundle) -> None:
    user = "acme/d/cam-01"
    login: dict[str, Any] = {"version": 4, "client_id": user, "username": user, "password": FleetBroker.password(user)}
    with FleetBroker() as fleet, ScoringSite(cloud, fleet.cloud_url, embedded=True) as site:
        site.push(sure)
        site.set_task({"big": "sure@stable"})
        site.start()
        with AskingDevice(fleet.port, **login) as device:
            assert device.score(DARK, "big").label == "dark"
            assert device.score(b"", task="light").error is None


@pytest.mark.one_database
def test_behind_the_fence_of_a_deployments_broker(cloud: Cloud, sure: Bundle, tmp_path: Path) -> None:
    fence = tmp_path / "fence"
    fence.mkdir()
    files = {
        "broker_cafile": fence / "ca.crt",
        "broker_certfile": fence / "roost-cloud.crt",
        "broker_keyfile": fence / "roost-cloud.key",
    }
    with FencedBroker(fence) as broker:
        cam = broker.device()
        with ScoringSite(cloud, broker.cloud_url, **files) as site:
            site.push(sure)
            site.set_task({"big": "sure@stable"})
            site.start()
            with AskingDevice(broker.port, tls=broker._context(cam.shown)) as device:
                assert device.score(DARK, "big").label == "dark"
                assert device.score(b"", task="light").error is None
