"""Inputs on their whole way: published at QoS 1, answered, kept on the device, and in the end samples in the cloud.

Once on what one machine has embedded, and once on Mosquitto with certificates, PostgreSQL and S3.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import MQTTMessage
from PIL import Image

from tests.support.agent import AgentProcess, Caller
from tests.support.bundles import Bundles, picture
from tests.support.capture_cloud import CaptureCloud
from tests.support.capturing import AT_LEISURE, capturing, noise, spool, until_all_arrived
from tests.support.embedded_broker import EmbeddedBroker
from tests.support.fenced_broker import FencedBroker
from tests.support.http_relay import Trouble
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import until

DEVICE = "cam-07"
COMMIT = r"^POST .*/commit$"
ASKED = '[[tasks.{}.contestants]]\nname = "cloud"\nwhere = "cloud"\nask = "always"\n'
KEPT = [noise(number, 200) for number in range(5)]  # large enough to have blocks of the disk of their own
UNSURE = picture(127, (50, 50))
SELDOM = [picture(number, (60, 60)) for number in range(24)]  # dark, and surely so
SECRET = [noise(number, 60) for number in range(100, 104)]
_Made = tuple[CaptureCloud, int, list[MQTTMessage]]  # with the site's broker's port, and what passes the cloud's
INPUTS = {"light": KEPT, "seldom": [UNSURE, *SELDOM], "private": SECRET}


@dataclass
class Way:
    """What was published, and what was seen of it on its way.

    Attributes:
        cloud: where it is now.
        agent: still at work.
        heard: every message that passed the cloud's broker; empty where nobody may listen to that.
        answers: by task, in the order of `INPUTS`.
        before: whether the device had each input of `KEPT` while the cloud did not say that it has them.
    """

    cloud: CaptureCloud
    agent: AgentProcess
    heard: list[MQTTMessage]
    answers: dict[str, list[dict[str, Any]]]
    before: list[bool]


@pytest.fixture(scope="module", params=["embedded", "servers"])
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, bundles: Bundles) -> Iterator[Way]:
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as exits:
        make = _embedded if request.param == "embedded" else _servers
        cloud, port, heard = make(exits, folder, request)
        tasks = capturing(bundles) + ASKED.format("light")
        tasks += capturing(bundles, "base_rate = 0.25\nlow_confidence = 0.8", "seldom")
        tasks += capturing(bundles, "base_rate = 1.0\npixels = false", "private") + ASKED.format("private")
        url = f"mqtt://127.0.0.1:{port}"
        agent = AgentProcess(folder / "device", url, cloud.toml(tasks), device=DEVICE, limits=AT_LEISURE)
        caller = Caller(port, version=4, device=DEVICE)
        exits.enter_context(agent)
        exits.enter_context(caller)
        cloud.enrol(agent, DEVICE)
        cloud.web.troubles = [Trouble(COMMIT, 503, times=1_000_000)]
        agent.start()
        until(lambda: agent.status["cloud"]["link"]["state"] == "good", "the cloud can be asked")
        answers = {task: [caller.ask(payload, task) for payload in inputs] for task, inputs in INPUTS.items()}
        until(lambda: cloud.web.count(COMMIT), "all but the cloud's word is there")
        before = [on_disk(agent, payload) for payload in KEPT]
        cloud.web.troubles = []
        cloud.link.cut()  # one that is back wakes the upload
        until_all_arrived(agent, cloud, DEVICE, agent.status["capture"]["durable"])
        yield Way(cloud, agent, heard, answers, before)
        assert agent.stop() == 0


def _embedded(exits: ExitStack, folder: Path, _: pytest.FixtureRequest) -> _Made:
    site = EmbeddedBroker()
    exits.callback(site.stop)
    return exits.enter_context(CaptureCloud(folder / "cloud")), site.port, []


def _servers(exits: ExitStack, folder: Path, request: pytest.FixtureRequest) -> _Made:
    for name in ("site", "fence"):
        (folder / name).mkdir()
    site = Mosquitto(folder / "site")
    exits.callback(site.kill)
    site.start()
    fence = FencedBroker(folder / "fence")
    exits.callback(fence.close)
    postgres, s3 = request.getfixturevalue("postgres"), request.getfixturevalue("s3_server")
    database = postgres.new_database()
    exits.callback(postgres.drop_database, database)
    s3.empty()
    ours = (
        ("--broker-cafile", "ca.crt"),
        ("--broker-certfile", "roost-cloud.crt"),
        ("--broker-keyfile", "roost-cloud.key"),
    )
    flags = [flag for name, file in (*ours, ("--secrets-dir", "secrets")) for flag in (name, str(fence.folder / file))]
    flags += ["--broker-url", fence.cloud_url, "--database-url", postgres.url(database)]
    cloud = CaptureCloud(folder / "cloud", *flags, broker_port=fence.port, objects_url=s3.url())
    listener = fence.enter_openly()
    listener.subscribe("roost/#")
    exits.enter_context(cloud)
    return cloud, site.port, listener.messages


def on_disk(agent: AgentProcess, payload: bytes) -> bool:
    """Whether these bytes lie in an agent's folder."""
    return any(payload in file.read_bytes() for file in agent.state_dir.rglob("*") if file.is_file())


def test_each_input_is_a_sample_with_its_record_and_its_bytes(way: Way) -> None:
    rows = {one["sample"]: one for one in way.cloud.samples(DEVICE) if one["task"] == "light"}
    by_id = {way.cloud.shown(DEVICE, sample)["record"]["answer"]["id"]: row for sample, row in rows.items()}
    assert len(rows) == len(by_id) == len(KEPT)
    for payload, answer in zip(KEPT, way.answers["light"], strict=True):
        row = by_id[answer["id"]]
        assert way.cloud.fetch(DEVICE, row["sample"], "input") == payload
        assert row["sha256"] == row["input"]["sha256"] == hashlib.sha256(payload).hexdigest()
        assert (row["label"], row["contestant"], row["reason"]) == tuple(
            answer[name] for name in ("label", "contestant", "reason")
        )
        assert (row["kept_for"], row["input"]["media_type"]) == (["base_rate"], "image/png")
        with Image.open(io.BytesIO(way.cloud.fetch(DEVICE, row["sample"], "thumbnail"))) as small:
            assert max(small.size) <= 160


def test_an_input_says_how_likely_it_was_to_be_kept(way: Way) -> None:
    rows = [one for one in way.cloud.samples(DEVICE) if one["task"] == "seldom"]
    stored = {one.sample: one for one in way.cloud.stored(DEVICE)}
    by_payload = {stored[row["sample"]].payload: row for row in rows}
    assert by_payload.keys() <= {UNSURE, *SELDOM}
    always = by_payload.pop(UNSURE)
    assert (always["kept_for"], always["probability"], always["input"]["probability"]) == (
        ["low_confidence"],
        1.0,
        1.0,
    )
    assert stored[always["sample"]].told["weight"] == 1.0
    for row in by_payload.values():
        assert (row["kept_for"], row["probability"], row["input"]["probability"]) == (["base_rate"], 0.25, 0.25)
        assert stored[row["sample"]].told["weight"] == 4.0


def test_the_device_lets_go_of_what_the_cloud_has_and_of_nothing_else(way: Way) -> None:
    assert way.before == [True] * len(KEPT)
    told = spool(way.agent)
    assert (told["entries"], told["outbox_bytes"], told["dropped"], told["refused"]) == ({}, 0, {}, {})
    assert way.agent.status["capture"]["durable"] == len(way.cloud.stored(DEVICE)) == told["committed"]
    until(lambda: not any(on_disk(way.agent, payload) for payload in KEPT), "its own copies are gone")


def test_a_private_task_s_pixels_leave_the_device_by_no_way(way: Way) -> None:
    rows = [one for one in way.cloud.samples(DEVICE) if one["task"] == "private"]
    assert len(rows) == len(SECRET), "what was said of them does"
    assert {(row["input"], row["sha256"], row["size_bytes"]) for row in rows} == {(None, None, None)}
    carried = [*way.cloud.web.bodies, *(message.payload for message in way.heard)]
    assert not any(payload in body for payload in SECRET for body in carried)
    assert not {one.payload for one in way.cloud.stored(DEVICE)} & set(SECRET)
    for answer in way.answers["private"]:
        (asked,) = [one for one in answer["candidates"] if one["contestant"] == "cloud"]
        assert asked["error"]["code"] == "ask.private"
    assert any(payload in body for payload in KEPT for body in carried), "another task's do, and are seen"
