"""Labels through the API: recorded all or none, as often as they come; samples handed out to one person at a time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from random import Random
from threading import Barrier

import pytest

from roost_cloud.datasets.reading import Worlds, read_pool
from roost_cloud.labels import claims
from roost_cloud.labels.effective import NO_TEACHERS
from roost_cloud.labels.waiting import Asked
from roost_shared.bundle import Bundle
from tests.support.cloud import Cloud
from tests.support.labelled import Labelling
from tests.support.telling import BOOT


@pytest.fixture
def work(cloud: Cloud, argmax: Bundle, tmp_path: Path) -> Labelling:
    made = Labelling(cloud)
    made.publish(argmax, tmp_path)
    return made


def summary(work: Labelling) -> dict[str, object]:
    found: dict[str, object] = work.ask("GET", "/labels/summary?task=meter", role="viewer")
    return found


def test_what_was_said_stays_and_the_last_word_of_each_counts(work: Labelling) -> None:
    work.tell("cam-01", range(1, 4))
    assert work.say({"cam-01/1": "0", "cam-01/2": "1"}) == {"added": 2, "unchanged": 0, "joined": []}
    assert work.say({"cam-01/1": "0", "cam-01/2": "2"}) == {"added": 1, "unchanged": 1, "joined": []}
    work.say({"cam-01/2": "0", "cam-01/3": None}, by="ben")
    found = work.ask("GET", "/labels?device=cam-01", role="viewer")["items"]
    told = [(one["sample"][-1], one["label"], one["source"]) for one in reversed(found)]
    assert told == [("1", "0", "ann"), ("2", "1", "ann"), ("2", "2", "ann"), ("2", "0", "ben"), ("3", None, "ben")]
    assert summary(work) == {
        "task": "meter",
        "space": ["0", "1", "2"],
        "states": {"labelled": 1, "tied": 1, "cannot_tell": 1},
        "labels": {"0": 1},
        "kinds": {"person": 1},
        "sources": {"ann": 3, "ben": 2},
    }
    assert work.ask("GET", f"/samples/cam-01/{BOOT}-1", role="viewer")["truth"] == "0"
    assert work.ask("GET", f"/samples/cam-01/{BOOT}-2", role="viewer")["truth"] is None


def test_labels_come_all_or_none_and_what_is_wrong_is_named(work: Labelling) -> None:
    work.tell("cam-01", range(1, 4))
    found = work.say({"cam-01/1": "0", "cam-01/9": "0", "cam-01/2": "O"}, fails="labels[1]: there is no sample")
    assert "labels[2]: 'O' is no label of task meter: it has '0', '1', '2'." in found["error"]["message"]
    table = f"device,sample,label\ncam-01,{BOOT}-1,0\ncam-01,{BOOT}-2,\ncam-01,{BOOT}-3,00\n"
    found = work.ask("POST", "/labels/import", {"csv": table}, fails="line 4: '00' is no label of task meter")
    assert "did you mean '0'?" in found["error"]["message"]
    assert summary(work)["states"] == {}
    added = work.ask("POST", "/labels/import", {"csv": table, "new_labels": ["00"]})
    assert added == {"added": 2, "unchanged": 0, "joined": ["00"]}
    assert work.ask("POST", "/labels/import", {"csv": table}) == {"added": 0, "unchanged": 2, "joined": []}
    assert summary(work)["space"] == ["0", "1", "2", "00"]
    work.say({"cam-01/1": "0"}, teacher="big", fails="say one")
    late = (work.services.now() + timedelta(hours=1)).isoformat()
    work.ask(
        "POST", "/labels/import", {"csv": f"device,sample,label,at\ncam-01,{BOOT}-1,0,{late}"}, fails="still to come"
    )


def test_a_table_with_its_own_times_can_come_again_and_again(work: Labelling) -> None:
    work.tell("cam-01", range(1, 2))
    lines = [f"cam-01,{BOOT}-1,{label},2026-11-24T0{hour}:00Z" for hour, label in enumerate("012")]
    table = {"csv": "\n".join(["device,sample,label,at", *lines]), "by": "ann"}
    for added in (3, 0):
        assert work.ask("POST", "/labels/import", table)["added"] == added
    assert summary(work)["labels"] == {"2": 1}


def test_a_task_without_bundles_has_the_labels_that_were_given(cloud: Cloud) -> None:
    work = Labelling(cloud)
    work.tell("cam-01", range(1, 3))
    assert summary(work)["space"] == ["7"]
    work.say({"cam-01/1": "1"}, fails="is no label")


def test_a_teacher_counts_where_a_task_says_so_and_never_against_people(work: Labelling) -> None:
    work.tell("cam-01", range(1, 5))
    work.teach("cam-01", range(1, 4), "1")
    work.teach("cam-01", range(4, 5), "1", confidence=0.5)
    work.say({"cam-01/1": "0"})
    assert summary(work)["kinds"] == {"person": 1}
    work.ask("PUT", "/labels/settings?task=meter", {"teachers": ["cloud", "big"]})
    assert work.ask("GET", "/labels/settings?task=meter", role="viewer")["min_confidence"] == 0.95
    assert summary(work)["labels"] == {"0": 1, "1": 2}
    table = "device,sample,label,confidence\n" + "".join(f"cam-01,{BOOT}-{number},2,0.99\n" for number in (1, 2))
    work.ask("POST", "/labels/import", {"csv": table, "by": "ann"}, fails="only a teacher")
    assert work.ask("POST", "/labels/import", {"csv": table, "teacher": "big"})["added"] == 2
    assert summary(work)["labels"] == {"0": 1, "1": 1}, "teachers that disagree teach nothing"
    assert summary(work)["kinds"] == {"person": 1, "teacher": 1}


def test_the_queue_hands_a_sample_to_one_person_at_a_time(work: Labelling) -> None:
    work.tell("cam-01", range(1, 9))
    first, second = work.take(5), work.take(5, by="ben")
    assert (len(first), len(second), len({*first, *second})) == (5, 3, 8)
    assert work.take(5) == []
    work.cloud.clock.advance(timedelta(minutes=11))
    assert len(work.take(9, by="cid")) == 8, "what nobody labelled in time is handed out again"


def test_what_is_labelled_is_not_handed_out_but_for_a_second_opinion_or_a_tie(work: Labelling) -> None:
    work.ask("PUT", "/labels/settings?task=meter", {"second_opinions": 0})
    work.tell("cam-01", range(1, 5))
    taken = work.take(4)
    work.say(dict.fromkeys(taken, "0"))
    assert work.take(4, by="ben") == []
    [seen] = work.take(1, by="ben", second_opinions=True)
    work.say({seen: "1"}, by="ben")
    assert work.take(4) == work.take(4, by="ben") == []
    assert work.take(4, by="cid") == [seen], "ann and ben are tied"
    work.say({seen: "1"}, by="cid")
    assert work.take(4, by="dan") == []
    found = work.ask("GET", "/labels/agreement?task=meter", role="viewer")
    assert found["samples"] == 1
    assert {(one["first"], one["second"]): one["same"] for one in found["pairs"]} == {
        ("ann", "ben"): 0,
        ("ann", "cid"): 0,
        ("ben", "cid"): 1,
    }
    drawn = [one["drawn"] for one in work.ask("GET", "/labels?task=meter", role="viewer")["items"]]
    assert drawn[:2] == ["tied", "second"]
    assert drawn.count("random") >= 2


def test_the_queue_keeps_to_what_is_asked_for_and_tells_nothing_of_models(work: Labelling) -> None:
    work.tell("cam-01", range(1, 4))
    since = work.services.now() + timedelta(hours=1)
    work.cloud.clock.advance(timedelta(hours=2))
    work.tell("cam-02", range(1, 4))
    work.tell("cam-03", range(1, 4), task="light")
    assert {one[:6] for one in work.take(9, devices=["cam-01"])} == {"cam-01"}
    body = {"task": "meter", "count": 9, "since": since.isoformat()}
    found = work.ask("POST", "/labels/queue", body)
    assert {one["device"] for one in found["items"]} == {"cam-02"}
    assert set(found["items"][0]) == {"device", "sample", "media_type", "input", "thumbnail"}
    assert found["labels"] == ["0", "1", "2"]


def test_of_two_who_take_at_once_each_gets_samples_of_their_own(work: Labelling) -> None:
    work.tell("cam-01", range(1, 21))
    services, start = work.services, Barrier(2)

    def take(name: str) -> list[tuple[str, str]]:
        asked = Asked("meter", name)
        start.wait()
        taken = claims.take(
            services.database, "acme", asked, count=12, for_s=60, now=services.now(), random=Random(name)
        )
        return [(place.device, place.sample) for _, place in taken]

    with ThreadPoolExecutor() as threads:
        ann, ben = threads.map(take, ("ann", "ben"))
    assert len({*ann, *ben}) == len(ann) + len(ben) == 20
    assert max(len(ann), len(ben)) == 12


def test_whoever_is_shown_what_models_say_labels_no_longer_blind(work: Labelling) -> None:
    work.tell("cam-01", range(1, 5), label="2", confidence=0.7)
    taken = work.take(4)
    asked = {"device": "cam-01", "sample": f"{BOOT}-2", "by": "ann"}
    guess = work.ask("POST", "/labels/guess", asked)
    assert (guess["answered"], guess["confidence"]) == ("2", 0.7)
    assert [one["sample"][-1] for one in guess["neighbours"]] == ["1", "3", "4"]
    work.say(dict.fromkeys(taken, "0"))
    work.ask(
        "POST", "/labels", {"labels": [{"device": "cam-01", "sample": f"{BOOT}-1", "label": "1", "informed": True}]}
    )
    said = work.ask("GET", "/labels?task=meter", role="viewer")["items"]
    assert {(one["sample"][-1], one["label"]) for one in said if one["informed"]} == {("2", "0"), ("1", "1")}
    with work.services.database.read() as session:
        pool = read_pool(session, "acme", "meter", Worlds(), teachers=NO_TEACHERS, unlabelled_max=0)
    assert {one.sample[-1]: one.drawn for one in pool if one.drawn == "chosen" and one.sample[-1] in "12"}.keys() >= {
        "2"
    }


def test_how_near_the_next_run_is_follows_the_labels(work: Labelling) -> None:
    work.tell("cam-01", range(1, 5))
    progress = "/labels/progress?task=meter"
    assert work.ask("GET", progress, role="viewer") == {
        "task": "meter", "new": 0, "opens_at": None, "run": None, "run_had": None, "run_wanted": 20,
    }  # fmt: skip
    work.ask("PUT", "/training/policies/meter", {"mode": "train", "bundle": "meter:1", "new_labels": 3})
    work.say({"cam-01/1": "0", "cam-01/2": "1"})
    assert (work.ask("GET", progress)["new"], work.ask("GET", progress)["opens_at"]) == (2, 3)
    work.cloud.clock.advance(timedelta(minutes=1))
    run = work.ask("POST", "/runs", {"task": "meter", "labels_wanted": 7})["id"]
    told = work.ask("GET", progress)
    assert (told["new"], told["run"], told["run_wanted"]) == (0, run, 7)
