"""A cloud that fails, refuses, resets half-way or says nothing, and a link that is cut: each input arrives once."""

import functools
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.agent import AgentProcess, Caller
from tests.support.bundles import Bundles
from tests.support.capture_cloud import CaptureCloud
from tests.support.capturing import AT_LEISURE, Sensor, capturing, noise, spool, until_all_arrived
from tests.support.http_relay import Trouble
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import until

OPEN = r"^POST .*/device/shards$"
PART = r"^PUT .*/objects/"
COMMIT = r"^POST .*/commit$"
UPLOAD_AFTER_S = 1  # all go up together


@functools.cache  # each process that looks for tests reads this file, and it takes seconds to make these
def parts() -> list[bytes]:
    """More than a part has, which is 8 MiB."""
    return [noise(number, 1024) for number in range(9)]


@pytest.mark.parametrize(
    "troubles",
    [
        pytest.param(
            [Trouble(OPEN, 500), Trouble(PART, "cut"), Trouble(PART, "lost"), Trouble(PART, 403)], id="parts"
        ),
        pytest.param([Trouble(OPEN, "lost"), Trouble(COMMIT, 503), Trouble(COMMIT, "half")], id="answers"),
    ],
)
def test_what_goes_wrong_on_the_way_costs_time_alone(
    tmp_path: Path,
    mosquitto: Mosquitto,
    bundles: Bundles,
    capture_cloud: CaptureCloud,
    troubles: list[Trouble],
    request: pytest.FixtureRequest,
) -> None:
    device = f"troubled-{request.node.callspec.id}"
    tasks = capture_cloud.toml(capturing(bundles), upload_after_s=UPLOAD_AFTER_S)
    with (
        AgentProcess(tmp_path, mosquitto.url, tasks, device=device, limits=AT_LEISURE) as agent,
        Caller(mosquitto.port, device=device) as caller,
    ):
        capture_cloud.enrol(agent, device)
        agent.start()
        capture_cloud.web.troubles = [replace(trouble) for trouble in troubles]
        for payload in parts():
            caller.publish(payload)
        until_all_arrived(agent, capture_cloud, device, len(parts()))
        assert capture_cloud.web.still_to_come == [], capture_cloud.web.seen
        assert spool(agent)["dropped"] == {}
        assert agent.stop() == 0
    capture_cloud.has_once(device, parts())


def test_a_refusal_is_said_nothing_is_deleted_and_all_is_brought_by_the_next_start(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles, capture_cloud: CaptureCloud
) -> None:
    device, sent = "refused", parts()[:3]
    tasks = capture_cloud.toml(capturing(bundles))
    with (
        AgentProcess(tmp_path, mosquitto.url, tasks, device=device, limits=AT_LEISURE) as agent,
        Caller(mosquitto.port, device=device) as caller,
    ):
        capture_cloud.enrol(agent, device)
        capture_cloud.web.troubles = [Trouble(OPEN, 403, times=100)]
        agent.start()
        for payload in sent:
            caller.ask(payload)
        until(lambda: spool(agent).get("upload", {}).get("refused"), "it is refused")
        upload = spool(agent)["upload"]
        assert (upload["problem"]["code"], upload["sent_bytes"]) == ("upload.refused", 0)
        assert sum(spool(agent)["entries"].values()) == len(sent)
        capture_cloud.web.troubles = []
        assert agent.stop() == 0
        agent.start()
        until_all_arrived(agent, capture_cloud, device, len(sent))
        assert agent.stop() == 0
    capture_cloud.has_once(device, sent)


def test_a_link_cut_again_and_again_costs_no_record_and_no_answer(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles, capture_cloud: CaptureCloud
) -> None:
    device = "cut"
    tasks = capture_cloud.toml(capturing(bundles))
    with (
        AgentProcess(tmp_path, mosquitto.url, tasks, device=device, limits=AT_LEISURE) as agent,
        Sensor(mosquitto.port, device) as sensor,
    ):
        capture_cloud.enrol(agent, device)
        agent.start()
        sensor.start()
        for trouble in (capture_cloud.link.cut, capture_cloud.link.refuse, capture_cloud.link.black_hole):
            trouble()
            sensor.until_more(10)
            capture_cloud.link.restore()
        sensor.stop()
        until_all_arrived(agent, capture_cloud, device, len(sensor.sent))
        answers = sensor.answers()
        assert agent.stop() == 0
    assert len(answers) == len(sensor.sent)
    assert all(answer["deadline_met"] for answer in answers)
    capture_cloud.has_once(device, sensor.sent)
