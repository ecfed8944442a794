"""A live agent keeps inputs: as received, with what was said of them, acknowledged once they are durable."""

import random
from pathlib import Path

import pytest

from roost_edge.spool.interface import SealLimits
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_shared.records import PolicyRecord, SampleRecord, decode_record
from tests.support.agent import TOKEN, AgentProcess, Caller, task_toml, until
from tests.support.bundles import Bundles, picture
from tests.support.mosquitto import Mosquitto
from tests.support.spool_reading import inputs_in

RANDOM = random.Random(7)


def capturing(bundles: Bundles, capture: str, *, limits: str = "") -> tuple[str, str]:
    """A task with two contestants that captures, and lines of `[limits]`."""
    tasks = task_toml("light", {"primary": bundles.sure, "backup": bundles.contrary})
    return f"{tasks}\n[tasks.light.capture]\n{capture}\n", f"free_disk_bytes = 0\n{limits}"


def photo(number: int) -> bytes:
    """A picture like no other."""
    return picture(number % 256, (40 + number % 64, 40 + number // 64), "PNG")


def records_in(state_dir: Path) -> list[SampleRecord | PolicyRecord]:
    spool = Spool(state_dir / "spool", "reader", SpoolLimits(reserve_bytes=0), now_ns=0)
    try:
        spool.link_up(0)
        found = []
        while (batch := spool.next_batch(0)) is not None:
            found += [decode_record(record) for record in batch.records]
            spool.watermark(batch.boot, batch.first + len(batch.records) - 1, 0)
    finally:
        spool.close()
    return [one for one in found if isinstance(one, SampleRecord | PolicyRecord)]


def test_inputs_are_kept_as_received_with_what_was_said_of_them(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles
) -> None:
    tasks, limits = capturing(bundles, "base_rate = 1.0")
    with AgentProcess(tmp_path, mosquitto.url, tasks, limits=limits) as agent, Caller(mosquitto.port) as caller:
        agent.start()
        sent = [photo(number) for number in range(5)]
        answers = [caller.ask(payload) for payload in sent]
        until(lambda: agent.status["capture"].get("durable") == 5, "all are durable")
        assert agent.status["capture"]["unsettled"] == 0
        assert agent.stop() == 0
    kept = inputs_in(agent.state_dir)
    assert sorted(kept.values()) == sorted(sent)
    records = records_in(agent.state_dir)
    (policy,) = [one for one in records if isinstance(one, PolicyRecord)]
    told = {one.answer.id: one for one in records if isinstance(one, SampleRecord)}
    for answer in answers:
        record = told[answer["id"]]
        assert (record.answer.label, record.policy) == (answer["label"], policy.digest)
        assert {one.contestant for one in record.answer.candidates} >= {answer["contestant"]}
        assert record.input is not None
        assert record.input.size_bytes == len(kept[record.sample])


@pytest.mark.timeout(240)
def test_killed_at_random_moments_it_keeps_every_input_once_that_it_acknowledged(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles
) -> None:
    tasks, limits = capturing(bundles, "base_rate = 1.0")
    sent: list[bytes] = []
    with AgentProcess(tmp_path, mosquitto.url, tasks, limits=limits) as agent, Caller(mosquitto.port) as caller:
        agent.start()
        for _ in range(3):  # tests/faults/capture does it oftener, with a cloud
            before = len(sent)
            for number in range(before, before + 30):
                sent.append(photo(number))
                caller.publish(sent[-1])
            caller.answers(RANDOM.randint(1, 25))
            agent.kill()
            caller.taken()
            agent.start()
        last = photo(len(sent))
        sent.append(last)
        caller.publish(last, CorrelationData=b"last")
        caller.peer.wait(lambda: "last" in caller.ids(), "the broker, which keeps order, has handed out all", 60)
        until(lambda: agent.status["unanswered"] == agent.status["capture"]["unsettled"] == 0, "nothing waits")
        assert agent.stop() == 0
    assert sorted(inputs_in(agent.state_dir).values()) == sorted(sent)


def test_an_input_is_acknowledged_only_once_it_is_durable(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles
) -> None:
    """Without a disk there is no acknowledgement before the promise runs out: a kill meanwhile brings it again."""
    tasks, limits = capturing(bundles, "base_rate = 1.0")
    with AgentProcess(tmp_path, mosquitto.url, tasks, limits=limits) as agent, Caller(mosquitto.port) as caller:
        agent.state_dir.mkdir(parents=True)
        (agent.state_dir / "spool").write_text("a file where the folder should be")
        agent.start()
        caller.ask(photo(1))
        agent.kill()
        (agent.state_dir / "spool").unlink()
        agent.start()
        again = caller.answer()
        assert again["redelivered"]
        until(lambda: agent.status["capture"].get("durable") == 1, "it is kept now")


def test_a_disk_that_takes_nothing_costs_no_answer_and_is_said(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles
) -> None:
    tasks, limits = capturing(bundles, "base_rate = 1.0")
    with AgentProcess(tmp_path, mosquitto.url, tasks, limits=limits) as agent, Caller(mosquitto.port) as caller:
        agent.state_dir.mkdir(parents=True)
        (agent.state_dir / "spool").write_text("a file where the folder should be")
        agent.start()
        for number in range(60):
            caller.publish(photo(number))
        answers = caller.answers(60)
        late = [answer for answer in answers if not answer["deadline_met"]]
        assert not late, late
        until(lambda: agent.status["capture"]["unsettled"] == 0, "nothing is held up")
        until(lambda: agent.status["capture"].get("not_kept") == 60, "all are given up, and counted")
        assert agent.status["complaints"]["spool.unwritable"] >= 1
        assert agent.stop() == 0


def test_at_base_rate_nothing_is_kept_but_what_something_speaks_for(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles
) -> None:
    tasks, limits = capturing(bundles, "base_rate = 0.0\nlow_confidence = 0.0\ndisagreement = false")
    with AgentProcess(tmp_path, mosquitto.url, tasks, limits=limits) as agent, Caller(mosquitto.port) as caller:
        agent.start()
        caller.ask(photo(1))
        caller.ask(photo(2), UserProperty=[("capture", "true"), ("operator-token", TOKEN)])
        refused = caller.ask(photo(3), UserProperty=[("capture", "true"), ("operator-token", "guess")])
        assert refused["error"]["code"] == "capture.refused"
        until(lambda: agent.status["capture"].get("durable") == 1, "the operator's is kept")
        assert agent.stop() == 0
    assert list(inputs_in(agent.state_dir).values()) == [photo(2)]


def test_a_private_task_keeps_no_pixels(tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles) -> None:
    tasks, limits = capturing(bundles, "base_rate = 1.0\npixels = false\ndisagreement = false")
    with AgentProcess(tmp_path, mosquitto.url, tasks, limits=limits) as agent, Caller(mosquitto.port) as caller:
        agent.start()
        answer = caller.ask(photo(1))
        assert agent.stop() == 0
    assert inputs_in(agent.state_dir) == {}
    (record,) = [one for one in records_in(agent.state_dir) if isinstance(one, SampleRecord)]
    assert (record.answer.id, record.input, record.kept_for) == (answer["id"], None, ["base_rate"])
    assert not any(photo(1) in file.read_bytes() for file in agent.state_dir.rglob("*") if file.is_file())


def test_what_is_sealed_is_what_was_kept(tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles) -> None:
    """A folder's inputs and those by MQTT lie in one spool, each by its task."""
    tasks, limits = capturing(bundles, "base_rate = 1.0")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    tasks += f'[tasks.light.folder]\npath = "{inbox}"\nsettle_ms = 0\n'
    with AgentProcess(tmp_path, mosquitto.url, tasks, limits=limits) as agent, Caller(mosquitto.port) as caller:
        agent.start()
        caller.ask(photo(1))
        (inbox / "two.png").write_bytes(photo(2))
        until((inbox / "done" / "two.png").exists, "it is put away")
        until(lambda: agent.status["capture"].get("durable") == 2, "both are durable")
        assert agent.stop() == 0
    spool = Spool(agent.state_dir / "spool", "reader", SpoolLimits(reserve_bytes=0), now_ns=0)
    reader = spool.reader()
    shard = reader.seal(SealLimits(flush=True), lambda _task, _entries: "one")
    assert shard is not None
    assert (shard.task, len(shard.entries)) == ("light", 2)
    reader.close()
    spool.close()
