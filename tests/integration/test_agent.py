"""A whole agent against a real broker: what a caller sends, and what it gets."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests.support.agent import (
    DEVICE,
    TENANT,
    TOKEN,
    TOPICS,
    AgentProcess,
    Caller,
    boot_of,
    run_command,
    task_toml,
    until,
)
from tests.support.bundles import Bundles, picture
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.mqtt_peer import MqttPeer

WEATHER = "site/weather"
BRIGHT, DARK, DIM = picture(255), picture(0), picture(120)


class Site(NamedTuple):
    """A broker and an agent that all tests of this file share."""

    broker: Mosquitto
    agent: AgentProcess


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, bundles: Bundles) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with Mosquitto(folder) as broker:
        light = {
            "primary": bundles.sure,
            "backup": bundles.unrated,
            "baseline": bundles.contrary,
            "shadow": bundles.contrary,
        }
        rules = 'accept = "primary", min_confidence = 0.9; accept = "backup", after_ms = 80'
        tasks = task_toml("light", light, rules=rules, max_deadline_ms=6000)
        tasks += task_toml("mean", {"only": bundles.mean})
        tasks += task_toml("season", {"only": bundles.seasonal}, inject={"season": WEATHER})
        with AgentProcess(folder / "agent", broker.url, tasks) as agent:
            yield Site(broker, agent.start())


@pytest.fixture(params=[5, 4], ids=["mqtt5", "mqtt3.1.1"])
def caller(site: Site, request: pytest.FixtureRequest) -> Iterator[Caller]:
    with Caller(site.broker.port, version=request.param) as caller:
        yield caller


@pytest.fixture
def five(site: Site) -> Iterator[Caller]:
    with Caller(site.broker.port) as caller:
        yield caller


# ---- the answer


def test_an_image_is_answered_with_every_field_of_the_wire(caller: Caller) -> None:
    answer = caller.ask(BRIGHT)
    bundle = answer["bundle"]
    assert bundle.startswith("sure:1@sha256:")
    assert answer["elapsed_ms"] > 0
    assert datetime.fromisoformat(answer["received_at"]).utcoffset() is not None
    (candidate,) = [one for one in answer["candidates"] if one["contestant"] == "primary"]
    said = {"contestant": "primary", "bundle": bundle, "label": "bright", "confidence": 1.0, "error": None}
    assert candidate == said | {"elapsed_ms": candidate["elapsed_ms"]}
    assert 0 < candidate["elapsed_ms"] <= answer["elapsed_ms"]
    expected = {
        "schema_version": 1,
        "task": "light",
        "label": "bright",
        "confidence": 1.0,
        "top": [["bright", 1.0], ["dark", 0.0]],
        "output": None,
        "contestant": "primary",
        "reason": "preferred",
        "deadline_met": True,
        "error": None,
        "inject": None,
        "redelivered": False,
        "unsigned": True,
    }
    varying = ("id", "bundle", "elapsed_ms", "received_at", "candidates")
    assert answer == expected | {key: answer[key] for key in varying}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP"])
def test_the_kind_of_image_is_told_by_its_bytes(five: Caller, kind: str) -> None:
    answer = five.ask(picture(255, (64, 48), kind), ContentType="text/plain")
    assert (answer["label"], answer["contestant"]) == ("bright", "primary")


def test_a_regression_answers_with_a_number(caller: Caller) -> None:
    answer = caller.ask(DIM, "mean")
    assert answer["output"] == pytest.approx(120)
    assert (answer["label"], answer["confidence"], answer["top"]) == (None, None, [])


def test_an_unsure_primary_leaves_the_answer_to_the_backup_and_tells_what_it_said(five: Caller) -> None:
    answer = five.ask(DIM)
    assert (answer["contestant"], answer["confidence"], answer["reason"]) == ("backup", None, "fallback")
    assert ("primary", 0.8176) in [
        (one["contestant"], one["confidence"] and round(one["confidence"], 4)) for one in answer["candidates"]
    ]


def test_baseline_and_shadow_score_and_never_answer(site: Site, five: Caller) -> None:
    before = {name: site.agent.contestant("light", name)["served"] for name in ("baseline", "shadow")}
    answers = [five.ask(image) for image in (BRIGHT, DARK, DIM) * 3]
    assert {answer["contestant"] for answer in answers} == {"primary", "backup"}
    assert [answer["label"] for answer in answers] == ["bright", "dark", "dark"] * 3
    for name, served in before.items():
        five.peer.wait(lambda: site.agent.contestant("light", name)["served"] >= served + 9, f"{name} scored")  # noqa: B023 - called before the next turn


def test_two_tasks_at_once_do_not_mix(caller: Caller) -> None:
    for grey in (0, 255) * 5:
        caller.publish(picture(grey), "light", wait=False)
        caller.publish(picture(grey), "mean", wait=False)
    answers = caller.answers(20)
    light = [answer["label"] for answer in answers if answer["task"] == "light"]
    mean = [answer["output"] for answer in answers if answer["task"] == "mean"]
    assert sorted(light) == ["bright"] * 5 + ["dark"] * 5
    assert sorted(mean) == [0.0] * 5 + [255.0] * 5
    assert len({answer["id"] for answer in answers}) == 20


def test_more_qos_1_inputs_than_the_broker_has_under_way_all_get_their_answer(caller: Caller) -> None:
    for _ in range(60):  # the window is 20
        caller.publish(BRIGHT, wait=False)
    answers = caller.answers(60)
    assert len({answer["id"] for answer in answers}) == 60
    assert [answer for answer in answers if answer["label"] != "bright"] == []


def test_a_sensor_that_only_knows_how_to_publish_is_answered(site: Site, caller: Caller, tmp_path: Path) -> None:
    program = shutil.which("mosquitto_pub")
    if program is None:
        pytest.skip("mosquitto_pub is not installed")
    image = tmp_path / "photo.png"
    image.write_bytes(BRIGHT)
    command = [program, "-p", str(site.broker.port), "-t", TOPICS.input("light"), "-f", str(image)]
    subprocess.run(command, check=True, timeout=20)
    assert caller.answer()["label"] == "bright"


# ---- what a caller may ask beside


def test_the_answer_goes_to_the_response_topic_with_correlation_data_and_content_type(five: Caller) -> None:
    five.publish(BRIGHT, ResponseTopic=five.replies, CorrelationData=b"photo 7")
    (message,) = five.peer.next()
    assert message.topic == five.replies
    assert json.loads(message.payload)["id"] == "photo 7"
    properties: Any = message.properties
    assert (properties.CorrelationData, properties.ContentType) == (b"photo 7", "application/json")
    assert message.qos == 1


def test_an_answer_to_qos_0_is_qos_0_and_goes_to_the_task_s_topic(caller: Caller) -> None:
    caller.peer.publish(TOPICS.input("light"), BRIGHT, qos=0)
    (message,) = caller.peer.next()
    assert (message.topic, message.qos, message.retain) == (TOPICS.output("light"), 0, False)


def test_a_caller_s_deadline_is_kept_and_a_senseless_one_is_named(five: Caller) -> None:
    answer = five.ask(DIM, UserProperty=[("deadline-ms", "0.001")])
    assert (answer["reason"], answer["label"], answer["deadline_met"]) == ("default", "unknown", False)
    answer = five.ask(BRIGHT, UserProperty=[("deadline-ms", "60000")])
    assert answer["label"] == "bright"
    answer = five.ask(BRIGHT, UserProperty=[("deadline-ms", "soon")])
    assert (answer["error"]["code"], answer["label"]) == ("deadline.invalid", "unknown")


def test_a_repeated_id_gets_the_answer_it_already_got(site: Site, five: Caller) -> None:
    repeated = site.agent.status["tasks"]["light"]["repeated"]
    first = five.ask(BRIGHT, CorrelationData=b"twice")
    again = five.ask(DARK, CorrelationData=b"twice")
    assert (first["label"], again["label"]) == ("bright", "bright")
    assert first["id"] == again["id"] == "twice"
    assert site.agent.status["tasks"]["light"]["repeated"] == repeated + 1
    elsewhere = five.ask(DARK, CorrelationData=b"twice", ResponseTopic=five.replies)
    assert elsewhere["label"] == "dark", "an id counts for its own input and response topic"


def test_force_takes_the_operator_s_token(site: Site, five: Caller) -> None:
    token = ("operator-token", TOKEN)
    forced = five.ask(BRIGHT, UserProperty=[("force", "backup"), token])
    assert (forced["contestant"], forced["reason"]) == ("backup", "forced")
    assert five.ask(BRIGHT, UserProperty=[("force", "baseline"), token])["label"] == "dark"
    for properties in ([("force", "backup")], [("force", "backup"), ("operator-token", "gu\u00e9ss")]):
        answer = five.ask(BRIGHT, UserProperty=properties)
        assert (answer["error"]["code"], answer["contestant"]) == ("force.refused", None)
    assert five.ask(BRIGHT, UserProperty=[("force", "nobody"), token])["error"]["code"] == "force.refused"
    assert five.ask(BRIGHT, UserProperty=[("force", "shadow"), token])["error"]["code"] == "force.refused"
    assert site.agent.status["complaints"]["force.refused"] >= 4


@pytest.mark.parametrize(
    "topic",
    [
        pytest.param(TOPICS.state, id="state"),
        pytest.param(TOPICS.input("light"), id="input"),
        pytest.param("roost/1/acme/d/cam-02/desired", id="desired"),
        pytest.param("/" * 250, id="too-deep"),
    ],
)
def test_a_response_topic_that_is_not_a_caller_s_is_refused_and_harms_nobody(
    site: Site, five: Caller, topic: str
) -> None:
    five.peer.subscribe(TOPICS.state)
    five.peer.next()  # the retained birth
    connections = site.agent.status["broker"]["connections"]
    answer = five.ask(BRIGHT, ResponseTopic=topic)
    assert answer["error"]["code"] == "reply.refused"
    assert five.ask(BRIGHT)["label"] == "bright"
    assert not five.peer.messages, "nothing was written elsewhere"
    assert site.agent.status["broker"]["connections"] == connections


def test_a_retained_input_is_answered_when_it_is_sent_and_ignored_when_it_is_stored(
    site: Site, five: Caller, bundles: Bundles, tmp_path: Path
) -> None:
    topic = "roost/1/acme/d/cam-02/in/light"
    five.peer.publish(topic, BRIGHT, retain=True)
    five.peer.subscribe("roost/1/acme/d/cam-02/out/+")
    with AgentProcess(tmp_path, site.broker.url, task_toml("light", {"only": bundles.sure}), device="cam-02") as agent:
        agent.start()
        five.peer.publish(topic, DARK)
        assert five.answer()["label"] == "dark"
        assert agent.status["ignored_retained"] == 1
        five.peer.publish(topic, b"", retain=True)
        assert five.answer()["error"]["code"] == "input.empty"


def test_external_state_feeds_the_model_and_is_stamped_on_the_answer(site: Site, caller: Caller) -> None:
    if caller.version == 5 and site.agent.status["tasks"]["season"]["answers"] == 0:
        answer = caller.ask(DIM, "season")
        assert answer["error"]["code"] == "input.missing_state"
    for value, label in ((-3, "dark"), (3.5, "bright")):
        caller.peer.publish(WEATHER, json.dumps(value).encode())
        answer = caller.ask(DIM, "season")
        assert (answer["label"], answer["inject"]) == (label, {"season": value})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"[" * 8000 + b"]" * 8000, id="deep"),
        pytest.param(b"[" * 900 + b"]" * 900, id="less-deep"),
        pytest.param(b"9" * 40, id="long-integer"),
        pytest.param(b"\xff", id="no-text"),
        pytest.param(bytes(20_000), id="large"),
    ],
)
def test_external_state_that_cannot_be_carried_is_passed_over_and_counted(
    site: Site, five: Caller, value: bytes
) -> None:
    five.peer.publish(WEATHER, b"1")
    five.peer.publish(WEATHER, value)
    assert five.ask(DIM, "season")["inject"] == {"season": 1}
    assert sum(site.agent.status["complaints"][code] for code in site.agent.status["complaints"] if "inject" in code)


# ---- the operator's view


def test_status_tells_all_as_json_and_the_gist_as_text(site: Site, five: Caller) -> None:
    five.ask(BRIGHT)
    document = json.loads(run_command("status", "--config", site.agent.config, "--json").stdout)
    assert (document["tenant"], document["device"], document["pid"]) == (TENANT, DEVICE, site.agent.pid)
    assert document["broker"]["connected"]
    light = document["tasks"]["light"]
    assert light["answers"] >= light["by_deadline"] > 0
    assert sum(light["by_reason"].values()) == light["answers"]
    assert {name: one["role"] for name, one in light["contestants"].items()} == {
        "primary": "answer",
        "backup": "answer",
        "baseline": "baseline",
        "shadow": "shadow",
    }
    assert all(one["state"] == "ready" and one["pid"] for one in light["contestants"].values())
    text = run_command("status", "--config", site.agent.config)
    assert text.returncode == 0
    assert text.stdout.startswith("acme/cam-01: up ")
    assert "primary (answer): ready, sure:1@sha256:" in text.stdout


def test_status_without_an_agent_says_so(tmp_path: Path) -> None:
    agent = AgentProcess(tmp_path, "mqtt://127.0.0.1:1", "")
    result = run_command("status", "--config", agent.config)
    assert result.returncode == 1
    assert result.stderr.startswith("roost-agent: agent.not_running: no agent answers in ")


def test_a_second_agent_in_the_same_state_folder_is_refused(site: Site, five: Caller) -> None:
    result = run_command("run", "--config", site.agent.config)
    assert result.returncode == 1
    assert "state_dir.unusable" in result.stderr
    assert "another agent runs here" in result.stderr
    assert five.ask(BRIGHT)["label"] == "bright"


def test_check_names_each_bundle_and_says_ok(site: Site) -> None:
    result = run_command("check", "--config", site.agent.config)
    assert result.returncode == 0, result.stderr
    assert "light/primary: ok: sure:1@sha256:" in result.stdout
    assert "3 golden vectors" in result.stdout
    assert result.stdout.endswith("agent.toml: ok\n")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        pytest.param(["broker.password_file=none"], "config.invalid", id="password-file"),
        pytest.param(["broker.url=mqtts://127.0.0.1", "broker.cafile=none"], "broker.file", id="cafile"),
        pytest.param(["broker.url=mqtt://127.0.0.1/path"], "config.invalid", id="path"),
    ],
)
def test_check_looks_at_what_the_connection_needs(tmp_path: Path, settings: list[str], code: str) -> None:
    agent = AgentProcess(tmp_path, "mqtt://127.0.0.1", "")
    result = run_command("check", "--config", agent.config, *(f"--set={setting}" for setting in settings))
    assert result.returncode == 1
    assert result.stderr.startswith(f"roost-agent: {code}: ")


@pytest.mark.parametrize("command", ["run", "check", "status"])
def test_a_config_error_ends_every_command_with_file_key_and_remedy(tmp_path: Path, command: str) -> None:
    agent = AgentProcess(tmp_path, "mqtt://127.0.0.1", "", limits="in_fligth = 5")
    result = run_command(command, "--config", agent.config)
    assert result.returncode == 1
    problem = "limits.in_fligth: unknown setting. Did you mean 'in_flight'?"
    assert result.stderr == f"roost-agent: config.invalid: {agent.config}: {problem}\n"


def test_check_refuses_to_call_nothing_ok(tmp_path: Path) -> None:
    agent = AgentProcess(tmp_path, "mqtt://127.0.0.1", "")
    result = run_command("check", "--config", agent.config)
    assert result.returncode == 1
    assert "tasks: there are none" in result.stderr


def test_a_wrong_command_line_ends_with_2() -> None:
    assert run_command("dance").returncode == 2


# ---- life


@pytest.fixture
def lone(mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path) -> Iterator[AgentProcess]:
    """An agent with one contestant, for tests that end it."""
    with AgentProcess(tmp_path / "agent", mosquitto.url, task_toml("light", {"only": bundles.sure})) as agent:
        yield agent


def retained_state(port: int) -> dict[str, Any]:
    """The device's state as a newcomer sees it."""
    with MqttPeer(port) as peer:
        peer.subscribe(TOPICS.state)
        (message,) = peer.next()
        assert message.retain
        state: dict[str, Any] = json.loads(message.payload)
        return state


def until_offline(port: int) -> dict[str, Any]:
    until(lambda: retained_state(port)["state"] == "offline", "offline")
    return retained_state(port)


def test_a_graceful_stop_answers_what_is_in_flight_and_says_offline(lone: AgentProcess, mosquitto: Mosquitto) -> None:
    lone.start()
    online = retained_state(mosquitto.port)
    assert (online["state"], online["boot"]) == ("online", lone.status["boot"])
    with Caller(mosquitto.port) as caller:
        pid = lone.signal_worker("light", "only", signal.SIGSTOP)
        assert pid is not None
        for _ in range(3):
            caller.publish(BRIGHT)
        until(lambda: lone.status["unanswered"] == 3, "three in flight")
        lone.terminate()
        until(lambda: "stopping: 3 to answer" in lone.log or lone.ended, "it begins to stop")
        assert not caller.peer.messages
        with contextlib.suppress(ProcessLookupError):  # it hung too long for a busy machine: killed, which is fine too
            os.kill(pid, signal.SIGCONT)
        assert len(caller.answers(3)) == 3
        assert lone.wait() == 0
    assert retained_state(mosquitto.port) == online | {"state": "offline", "reason": "stopped"}
    assert not psutil.pid_exists(pid)


def test_an_idle_agent_stops_at_once(lone: AgentProcess, mosquitto: Mosquitto) -> None:
    lone.start()
    assert lone.stop() == 0
    assert retained_state(mosquitto.port)["reason"] == "stopped"
    assert "Traceback" not in lone.log


def test_an_agent_told_to_stop_while_it_starts_never_comes_online(lone: AgentProcess, mosquitto: Mosquitto) -> None:
    with MqttPeer(mosquitto.port) as peer:
        peer.subscribe(TOPICS.state)
        lone.start(wait=False)
        until(lambda: lone.running, "it answers for its status")
        assert lone.stop() == 0
        peer.subscribe("another")  # what came before has been delivered
        assert not peer.messages


def test_an_agent_without_a_broker_starts_waits_and_stops(bundles: Bundles, tmp_path: Path) -> None:
    tasks = task_toml("light", {"only": bundles.sure})
    with AgentProcess(tmp_path, f"mqtt://127.0.0.1:{free_port()}", tasks) as agent:
        agent.start(wait=False)
        until(lambda: agent.running and "broker.unreachable" in agent.status["complaints"], "it tries")
        assert not agent.status["broker"]["connected"]
        assert agent.stop() == 0


def test_a_killed_agent_is_said_to_be_lost_and_takes_its_workers_along(
    lone: AgentProcess, mosquitto: Mosquitto
) -> None:
    lone.start()
    boot, worker = lone.status["boot"], lone.contestant("light", "only")["pid"]
    lone.kill()
    state = until_offline(mosquitto.port)
    assert (state["boot"], state["reason"]) == (boot, "lost")
    # Whoever adopts it may be long about burying it.
    until(
        lambda: not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE,
        "the worker is gone",
    )


@pytest.mark.parametrize("version", [5, 4])
def test_an_input_sent_while_the_agent_is_down_is_answered_once_it_is_up(
    lone: AgentProcess, mosquitto: Mosquitto, version: int
) -> None:
    lone.start().stop()
    with Caller(mosquitto.port, version=version) as caller:
        caller.publish(DARK)
        caller.publish(BRIGHT)
        lone.start()
        answers = caller.answers(2)
    assert [answer["label"] for answer in answers] == ["dark", "bright"]
    assert not any(answer["redelivered"] for answer in answers)


def test_an_input_a_killed_agent_had_not_acknowledged_is_answered_by_the_next_as_redelivered(
    lone: AgentProcess, mosquitto: Mosquitto
) -> None:
    lone.start()
    first_boot = lone.status["boot"]
    with Caller(mosquitto.port) as caller:
        lone.signal_worker("light", "only", signal.SIGSTOP)
        caller.publish(BRIGHT)
        until(lambda: lone.status["unanswered"] == 1, "it is in flight")
        lone.kill()
        lone.start()
        answer = caller.answer()
        assert (answer["label"], answer["redelivered"]) == ("bright", True)
        assert boot_of(answer) == lone.status["boot"] != first_boot
        assert not caller.ask(BRIGHT)["redelivered"]


def test_an_input_that_expires_before_its_turn_is_not_answered(lone: AgentProcess, mosquitto: Mosquitto) -> None:
    lone.start().stop()
    with Caller(mosquitto.port) as caller:
        caller.publish(DARK, MessageExpiryInterval=1)
        caller.publish(DARK, MessageExpiryInterval=600)
        expires = time.monotonic() + 1.5
        until(lambda: time.monotonic() > expires, "the first has expired at the broker")
        caller.publish(BRIGHT)
        lone.start()
        assert [answer["label"] for answer in caller.answers(2)] == ["dark", "bright"]
        assert caller.ask(DARK, MessageExpiryInterval=1)["label"] == "dark", "one that comes in time is answered"
