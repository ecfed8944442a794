"""Snapshots: made of what is labelled, the same for ever, written out for those who learn and those who judge."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roost_cloud.datasets import store
from roost_cloud.datasets.errors import InputsGoneError, SnapshotDamagedError
from roost_cloud.datasets.judged import JudgedSet, judged_of
from roost_cloud.datasets.materialising import materialise_job, materialise_judged
from roost_cloud.labels.deciding import count_new
from roost_cloud.objects.errors import StoreUnavailableError
from roost_cloud.samples.expiry import expire
from roost_shared.bundle import Bundle
from tests.support.cloud import Cloud
from tests.support.labelled import Labelling, payload_of
from tests.support.reference_sets import reference_of
from tests.support.telling import BOOT

DEVICES = [f"cam-{number:02}" for number in range(10)]
DAY = timedelta(days=1)


@pytest.fixture
def work(cloud: Cloud, argmax: Bundle, tmp_path: Path) -> Labelling:
    """Ten devices, of whose six inputs each three are labelled."""
    made = Labelling(cloud)
    made.publish(argmax, tmp_path, reference=tuple(reference_of(*"012012")))
    for device in DEVICES:
        made.tell(device, range(6), probability=0.01 if device == "cam-00" else 0.5)
    made.say({f"{device}/{number}": str(number) for device in DEVICES for number in range(3)})
    return made


def make(work: Labelling, *, fails: str = "", **asked: Any) -> Any:
    return work.ask("POST", "/datasets", {"task": "meter", "incumbent": "meter:1", **asked}, fails=fails)


def items(work: Labelling, digest: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = work.ask("GET", f"/datasets/{digest}/items?limit=1000", role="viewer")["items"]
    return found


def materialise_both(work: Labelling, digest: str, folder: Path) -> None:
    where = work.services.database, work.services.objects, "acme", digest
    materialise_judged(*where, folder / "gate")
    materialise_job(*where, folder / "job")


def test_a_snapshot_holds_both_worlds_by_device_and_says_what_it_left_out(work: Labelling) -> None:
    made = make(work)
    assert (made["split"], made["items"]) == ("device", len(items(work, made["digest"])))
    parts: dict[str, set[str]] = {}
    for one in items(work, made["digest"]):
        if one["world"] == "new":
            parts.setdefault(one["device"], set()).add(one["part"])
            assert one["weight"] == (20 if one["device"] == "cam-00" else 2)
        if one["label"] is None:
            assert one["part"] == "train"
    assert all(len(of) == 1 for of in parts.values())
    assert set.union(*parts.values()) == {"train", "validation", "test"}
    summary = made["summary"]
    assert summary["sources"] == {"person": 30, "reference": 6}
    assert summary["labels"] == {"0": 10, "1": 10, "2": 10}
    assert summary["parts"]["old"]["test"] == 3
    held = sum("train" not in of for of in parts.values())
    assert summary["left_out"] == {"near_held_back": 3 * held}
    assert summary["unlabelled"] == 30 - 3 * held
    assert summary["weights_clipped"] == (6 if parts["cam-00"] == {"train"} else 3)
    assert work.ask("GET", f"/datasets/{made['digest']}", role="viewer") == made
    assert work.ask("GET", "/datasets?task=meter", role="viewer")["items"] == [made]


def test_a_label_that_changes_changes_no_snapshot_and_makes_another(work: Labelling) -> None:
    made = make(work)
    before = items(work, made["digest"])
    assert make(work)["digest"] == made["digest"]
    work.cloud.clock.advance(timedelta(minutes=1))
    work.say({"cam-03/0": "2"})
    assert items(work, made["digest"]) == before
    assert make(work)["digest"] != made["digest"]
    with work.services.database.read() as session:
        assert count_new(session, "acme", "meter", work.services.now()) == 1
        assert count_new(session, "acme", "meter", work.services.now() - DAY) == 30


def test_labels_that_change_while_a_snapshot_is_made_are_not_in_it(
    work: Labelling, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make(work)["digest"]
    opened = work.services.objects.open

    def open_late(key: str, **options: Any) -> Any:
        if work.take(1):  # once: the second time there is nothing to take
            work.say({f"{device}/0": "2" for device in DEVICES})
        return opened(key, **options)

    with monkeypatch.context() as patch:
        patch.setattr(work.services.objects, "open", open_late)
        assert make(work)["digest"] == before
    assert make(work)["digest"] != before


def test_the_old_world_is_what_was_labelled_before_or_elsewhere(work: Labelling) -> None:
    made = make(work, devices=DEVICES[:5], labels_min=15)
    worlds = {one["device"]: one["world"] for one in items(work, made["digest"]) if one["device"]}
    assert worlds == {device: "new" if device in DEVICES[:5] else "old" for device in DEVICES}
    make(work, devices=DEVICES[:3], fails="needs 10 samples of the changed world that people labelled, and has 9")
    work.ask("GET", "/datasets", role="viewer")
    after = (work.services.now() + DAY).isoformat()
    make(work, since=after, fails="has 0")
    make(work, incumbent="meter:2", fails="there is no bundle")


def test_inputs_go_to_the_trainer_and_those_to_judge_by_to_the_gate(work: Labelling, tmp_path: Path) -> None:
    digest = make(work)["digest"]
    services, job, gate = work.services, tmp_path / "job", tmp_path / "gate"
    told: list[tuple[int, int]] = []
    where = services.database, services.objects, "acme", digest
    examples = materialise_job(*where, job, progress=lambda *of: told.append(of))
    judged = materialise_judged(*where, gate)
    assert told[-1] == (len(examples), len(examples))
    assert msgspec.json.decode(judged_of(gate).read_bytes(), type=JudgedSet) == judged
    for folder, some in ((job, examples), (gate, judged.examples)):
        there = {path.name: path.read_bytes() for path in (folder / "inputs").iterdir()}
        assert there.keys() == {one.sha256 for one in some}
        assert all(hashlib.sha256(data).hexdigest() == name for name, data in there.items())
    assert {one.sha256 for one in examples}.isdisjoint(one.sha256 for one in judged.examples)
    assert [path.name for path in job.iterdir()] == ["inputs"], "nothing of the test part is where the trainer works"
    assert {one.world for one in judged.examples} == {one.world for one in examples} == {"new", "old"}
    assert materialise_job(*where, job) == examples


def test_what_expired_is_named_and_what_is_held_does_not_expire(work: Labelling, tmp_path: Path) -> None:
    services = work.services
    digest = make(work, held_days=7)["digest"]
    where = services.database, services.objects, "acme", digest
    work.cloud.clock.advance(5 * DAY)
    loose = expire(services.database, services.objects, services.now() - DAY, now=services.now()).samples
    assert loose == 60 - len([one for one in items(work, digest) if one["device"]])
    with services.database.begin() as session:
        store.hold(session, "acme", digest, services.now() + 7 * DAY)
    work.cloud.clock.advance(5 * DAY)
    assert expire(services.database, services.objects, services.now() - DAY, now=services.now()).samples == 0
    materialise_judged(*where, tmp_path / "gate")
    work.cloud.clock.advance(5 * DAY)
    assert expire(services.database, services.objects, services.now() - DAY, now=services.now()).samples == 60 - loose
    with pytest.raises(InputsGoneError, match=r"cam-\d\d/") as caught:
        materialise_job(*where, tmp_path / "job")
    gone = {one["sample"] for one in items(work, digest) if one["part"] != "test" and one["device"]}
    assert set(caught.value.samples) == gone
    assert work.ask("GET", "/labels", role="viewer")["items"] == [], "labels go with their sample"


def test_a_store_that_goes_away_in_the_middle_leaves_nothing_half(
    work: Labelling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailableError("the store is away")

    services = work.services
    with monkeypatch.context() as patch:
        patch.setattr(services.objects, "put", away)
        make(work, fails="cannot do that now")
    assert work.ask("GET", "/datasets", role="viewer")["items"] == []
    digest = make(work)["digest"]
    where = services.database, services.objects, "acme", digest
    opened, count = services.objects.open, 0

    def open_some(key: str, **options: Any) -> Any:
        nonlocal count
        count += "/shards/" in key
        return away() if count > 9 else opened(key, **options)

    with monkeypatch.context() as patch:
        patch.setattr(services.objects, "open", open_some)
        with pytest.raises(StoreUnavailableError):
            materialise_both(work, digest, tmp_path)
    assert not list(tmp_path.glob("*/.*.part"))
    examples = materialise_job(*where, tmp_path / "job")
    assert {path.name for path in (tmp_path / "job/inputs").iterdir()} == {one.sha256 for one in examples}


def test_other_bytes_than_were_labelled_are_found_out(work: Labelling, tmp_path: Path) -> None:
    services = work.services
    digest = make(work)["digest"]
    for info in list(services.objects.list_objects("acme/shards/cam-04/")):
        with services.objects.open(info.key) as reader:
            tar = reader.read()
        services.objects.put(info.key, tar.replace(payload_of("cam-04", 1), b"?" * len(payload_of("cam-04", 1))))
    with pytest.raises(SnapshotDamagedError, match=f"cam-04/{BOOT}-1: the store gives other bytes"):
        materialise_both(work, digest, tmp_path)
    key = store.document_key("acme", digest)
    services.objects.put(key, b"{}")
    with pytest.raises(SnapshotDamagedError, match="kept damaged"):
        store.read(services.objects, "acme", digest)


def test_a_poisoned_teacher_labels_nothing_that_people_did(work: Labelling) -> None:
    work.ask("PUT", "/labels/settings?task=meter", {"teachers": ["cloud"]})
    before = {one["sample"]: one["label"] for one in items(work, make(work)["digest"]) if one["source"] == "person"}
    for device in DEVICES:
        work.teach(device, range(6), "0", confidence=1.0)
    made = make(work)
    found = items(work, made["digest"])
    assert {one["sample"]: one["label"] for one in found if one["source"] == "person"} == before
    assert {one["part"] for one in found if one["source"] == "teacher"} == {"train"}
    held_back = {one["device"] for one in found if one["part"] != "train" and one["device"]}
    assert made["summary"]["sources"]["teacher"] == 30 - 3 * len(held_back)
    work.ask("PUT", "/labels/settings?task=meter", {"teachers": []})
    assert "teacher" not in make(work)["summary"]["sources"]
