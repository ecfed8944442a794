"""Rollouts through API, director and database, on SQLite and PostgreSQL; devices say what real ones say."""

import contextlib
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from roost_cloud.db import Database, DatabaseUnavailableError
from roost_cloud.db.tables import Event, HookDelivery, RolloutRow
from roost_cloud.rollouts import notes
from roost_cloud.rollouts.directing import Directing
from roost_cloud.rollouts.plan import BadPlanError
from roost_shared.assignment import Reported
from roost_shared.bundle import Bundle
from roost_shared.errors import TransportError
from roost_shared.messages import ErrorInfo
from tests.support.cloud import Cloud
from tests.support.fleet import code_of, enrolled_device
from tests.support.query_plans import plans_of
from tests.support.registry import RegistryApi
from tests.support.rollouts import API, RolloutFleet, directing
from tests.support.served_cloud import bundle_like
from tests.support.trust import TrustPeople

ALL = {"name": "all", "share": 1.0}
SHADOW = {"name": "shadow", "mode": "shadow", "share": 0.01}
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # where databases do not differ


@pytest.fixture(scope="module")
def second(argmax: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("second") / "bundle"
    return bundle_like(argmax, folder, version="2", parent=argmax.digest, predicted_disagreement=0.1)


@pytest.fixture
def fleet(cloud: Cloud, argmax: Bundle, second: Bundle) -> RolloutFleet:
    registry = RegistryApi(cloud)
    registry.push(argmax)
    registry.push(second)
    task = argmax.config.task or ""
    people = TrustPeople(cloud)
    people.begin(task)
    people.release(argmax, second)
    made = RolloutFleet(cloud, task)
    for name in ("cam-01", "cam-02", "cam-03"):
        enrolled_device(cloud, name)
        made.assign(name, "argmax:1")
    return made


def test_from_a_shadow_on_one_device_to_all_and_each_step_is_a_row(fleet: RolloutFleet, second: Bundle) -> None:
    rollout = fleet.start(SHADOW, ALL, bundle="argmax:2")
    fleet.look()
    (first,) = fleet.states(rollout)
    contestants = fleet.desired(first).tasks[fleet.task].contestants
    assert [(one.name, one.role, one.bundle.version) for one in contestants if one.bundle] == [
        ("primary", "answer", "1"),
        ("primary.candidate", "shadow", "2"),
    ]
    fleet.follow(first)
    fleet.look()
    assert "the gate has not let it on" in fleet.document(rollout)["waits_for"]
    reference = f"argmax:2@{second.digest}"
    for _ in range(4):
        fleet.window(first, "primary.candidate", 400, bundle=reference, differed=1)
        fleet.window(first, None, 400)
        fleet.look()
    told = fleet.document(rollout)
    assert (told["predicted_disagreement"], told["finding"]["verdict"]) == (0.1, "pass")
    fleet.look()
    assert set(fleet.states(rollout).values()) == {"assigned"}
    fleet.follow("cam-01", "cam-02", "cam-03")
    fleet.look()
    told = fleet.document(rollout)
    assert (told["state"], told["devices"], told["reason"]) == ("finished", {"confirmed": 3}, "3 of 3 confirmed")
    assert {
        one.bundle.version
        for name in ("cam-01", "cam-02", "cam-03")
        for one in fleet.desired(name).tasks[fleet.task].contestants
        if one.bundle
    } == {"2"}
    events = fleet.get(f"/rollouts/{rollout}/events")["items"]
    assert [one["number"] for one in events] == list(range(1, len(events) + 1))
    assert [one["became"] for one in events if one["device"] is None] == ["running", "running", "running", "finished"]
    back = fleet.get(f"/rollouts/{rollout}/events?newest=true&limit=2")
    assert back["items"] == events[:-3:-1]
    older = fleet.get(f"/rollouts/{rollout}/events?newest=true&after={back['next']}")["items"]
    assert older == events[-3::-1]
    of_first = fleet.get(f"/rollouts/{rollout}/events?device={first}")["items"]
    assert [one["became"] for one in of_first] == ["assigned", "confirmed", "assigned", "confirmed"]
    (why,) = fleet.get(f"/devices/{first}/rollouts")
    assert (why["state"], why["before"], why["bundle"]) == ("confirmed", "argmax:1", reference)
    assert not fleet.look(), "what is over is looked at no more"


def test_what_became_of_a_device_is_found_without_looking_at_others(newest_sqlite: Path) -> None:
    database = Database(f"sqlite:///{newest_sqlite}")
    with database.read() as session, plans_of(session) as plans:
        notes.events(session, "acme", "0123456789abcdef", device="cam-01", limit=20)
    assert [plan[0].rpartition("(")[2] for plan in plans] == ["tenant=? AND rollout=? AND device=?)"]
    database.close()


@on_sqlite
def test_windows_are_counted_once_however_often_they_are_read(fleet: RolloutFleet, second: Bundle) -> None:
    rollout = fleet.start(SHADOW, ALL, bundle="argmax:2")
    fleet.look()
    (first,) = fleet.states(rollout)
    fleet.follow(first)
    for _ in range(3):
        fleet.window(first, "primary.candidate", 100, bundle=f"argmax:2@{second.digest}", differed=10)
        fleet.window(first, None, 100)
        fleet.look(2)
    says = fleet.document(rollout)["finding"]["says"]
    assert "it scored 200 of at least 1000 inputs" in says, "the first window began before it was there"


def test_a_device_that_fails_sends_all_back_by_higher_versions(fleet: RolloutFleet) -> None:
    rollout = fleet.start(ALL, bundle="argmax:2")
    fleet.look()
    before = {name: fleet.desired(name).version for name in ("cam-01", "cam-02", "cam-03")}
    fleet.follow("cam-01", "cam-02")
    fleet.follow("cam-03", phase="rolled_back", error=ErrorInfo("install.crashed", "primary lost its process"))
    fleet.look(2)
    told = fleet.document(rollout)
    assert told["state"] == "stopping"
    assert "1 of 3 failed (install.crashed 1)" in told["reason"]
    for name, version in before.items():
        assignment = fleet.desired(name)
        assert assignment.version == version + 1
        assert [one.bundle.version for one in assignment.tasks[fleet.task].contestants if one.bundle] == ["1"]
    fleet.follow("cam-01", "cam-02", "cam-03")
    fleet.look()
    assert fleet.document(rollout)["state"] == "stopped"
    assert set(fleet.states(rollout).values()) == {"returned"}


@on_sqlite
def test_a_proof_that_does_not_match_is_named(fleet: RolloutFleet) -> None:
    rollout = fleet.start(ALL | {"success": 0.5, "failure": 0.5}, bundle="argmax:2")
    fleet.look()
    fleet.follow("cam-01", "cam-02")
    fleet.follow("cam-03", golden_hash="made up")
    fleet.look(2)
    states = fleet.get(f"/rollouts/{rollout}/devices?state=failed")["items"]
    assert [(one["device"], one["code"]) for one in states] == [("cam-03", "proof.mismatch")]
    assert fleet.document(rollout)["state"] == "finished"


@on_sqlite
def test_a_failure_that_is_tried_again_gets_a_new_version(fleet: RolloutFleet) -> None:
    retries = [{"code": "download.", "attempts": 2, "after_s": 0}]
    rollout = fleet.start(ALL, bundle="argmax:2", retries=retries)
    fleet.look()
    version = fleet.desired("cam-01").version
    fleet.follow("cam-01", phase="failed", error=ErrorInfo("download.timeout", "no byte came"))
    fleet.look(2)
    assert fleet.desired("cam-01").version == version + 1
    fleet.follow("cam-01", "cam-02", "cam-03")
    fleet.look(2)
    assert fleet.document(rollout)["state"] == "finished"


@on_sqlite
def test_people_pause_resume_approve_abort_and_revert(fleet: RolloutFleet) -> None:
    rollout = fleet.start({"name": "one", "devices": ["cam-01"]}, ALL | {"approval": True}, bundle="argmax:2")
    assert fleet.order(rollout, "pause") == 200
    fleet.look()
    assert fleet.states(rollout) == {}
    assert fleet.order(rollout, "pause") == 409
    assert fleet.order(rollout, "resume") == 200
    fleet.look()
    fleet.follow("cam-01")
    fleet.look()
    assert fleet.document(rollout)["waits_for"] == ["stage all waits for approval"]
    assert fleet.order(rollout, "approve") == 200
    fleet.look()
    assert fleet.states(rollout) == {"cam-01": "confirmed", "cam-02": "assigned", "cam-03": "assigned"}
    assert fleet.order(rollout, "abort") == 200
    fleet.look()
    fleet.follow("cam-02", "cam-03")
    fleet.look()
    assert fleet.document(rollout)["state"] == "aborted"
    assert fleet.states(rollout) == {"cam-01": "confirmed", "cam-02": "returned", "cam-03": "returned"}
    assert fleet.order(rollout, "revert") == 200
    fleet.look()
    fleet.follow("cam-01")
    fleet.look()
    assert fleet.document(rollout)["state"] == "reverted"


@on_sqlite
def test_two_rollouts_of_a_task_are_one_too_many(fleet: RolloutFleet) -> None:
    rollout = fleet.start(ALL, bundle="argmax:2")
    again = {"plan": {"task": fleet.task, "contestant": "primary", "bundle": "argmax:2", "stages": [ALL]}}
    told = fleet.cloud.client.post(f"{API}/rollouts", json=again, headers=fleet.headers)
    assert code_of(told) == (409, "rollout.under_way")
    assert rollout in told.json()["error"]["message"]
    fleet.order(rollout, "abort")
    fleet.look()
    assert fleet.document(rollout)["state"] == "aborted"
    second = fleet.start(ALL, bundle="argmax:2")
    assert fleet.order(rollout, "revert") == 409, "it would undo what the second does"
    assert second != rollout


@on_sqlite
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"bundle": "argmax:9"}, (422, "rollout.plan")),
        ({"bundle": "argmax@none"}, (422, "rollout.plan")),
        ({"task": "faces"}, (422, "rollout.plan")),
        ({"contestant": "backup"}, (409, "rollout.nobody")),
        ({"bundle": "argmax:1"}, (409, "rollout.nobody")),
        ({"stages": []}, (422, "rollout.plan")),
    ],
)
def test_what_could_reach_nobody_is_refused(
    fleet: RolloutFleet, changes: dict[str, Any], code: tuple[int, str]
) -> None:
    plan = {"task": fleet.task, "contestant": "primary", "bundle": "argmax:2", "stages": [ALL]} | changes
    told = fleet.cloud.client.post(f"{API}/rollouts", json={"plan": plan}, headers=fleet.headers)
    assert code_of(told) == code


@on_sqlite
def test_a_bundle_that_devices_would_refuse_starts_no_rollout(
    fleet: RolloutFleet, argmax: Bundle, tmp_path: Path
) -> None:
    RegistryApi(fleet.cloud).push(bundle_like(argmax, tmp_path / "third", version="3"))
    plan = {"task": fleet.task, "contestant": "primary", "bundle": "argmax:3", "stages": [ALL]}
    told = fleet.cloud.client.post(f"{API}/rollouts", json={"plan": plan}, headers=fleet.headers)
    assert code_of(told) == (422, "assignment.not_released")
    assert fleet.get("/rollouts")["items"] == []


def test_of_many_directors_each_transition_is_made_once(fleet: RolloutFleet) -> None:
    rollout = fleet.start(ALL, bundle="argmax:2")
    directors = [directing(fleet.cloud) for _ in range(4)]

    def together() -> None:
        threads = [threading.Thread(target=lambda one=one: list(one.round())) for one in directors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    together()
    together()
    assert {name: fleet.desired(name).version for name in ("cam-01", "cam-02", "cam-03")} == {
        "cam-01": 2,
        "cam-02": 2,
        "cam-03": 2,
    }
    fleet.follow("cam-01", "cam-02", "cam-03")
    together()
    events = fleet.get(f"/rollouts/{rollout}/events")["items"]
    of_devices = [(one["device"], one["became"]) for one in events if one["device"]]
    assert sorted(of_devices) == sorted(set(of_devices))
    assert fleet.document(rollout)["state"] == "finished"


class _KilledError(TransportError):
    code = "test.killed"


@on_sqlite
@pytest.mark.parametrize("dies_at", range(6))
def test_a_director_that_dies_at_any_transition_leaves_it_to_the_next(
    fleet: RolloutFleet, dies_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies just before a transaction is committed, the `dies_at`-th that it begins."""
    rollout = fleet.start(ALL, bundle="argmax:2")
    begin, begun = fleet.cloud.services.database.begin, 0

    class Dying:
        def __enter__(self) -> Any:
            self.inner = begin()
            return self.inner.__enter__()

        def __exit__(self, *error: object) -> Any:
            nonlocal begun
            begun += 1
            if begun - 1 == dies_at:
                died = _KilledError("killed")
                self.inner.__exit__(_KilledError, died, None)
                raise died
            return self.inner.__exit__(*error)  # type: ignore[arg-type]

    monkeypatch.setattr(fleet.cloud.services.database, "begin", Dying)
    with contextlib.suppress(_KilledError):
        fleet.look()
    monkeypatch.undo()
    fleet.director = Directing(
        fleet.cloud.services.database, fleet.cloud.services.objects, fleet.director._keys, fleet.cloud.services.now
    )
    fleet.look(2)
    assert [fleet.desired(name).version for name in ("cam-01", "cam-02", "cam-03")] == [2, 2, 2]
    fleet.follow("cam-01", "cam-02", "cam-03")
    fleet.look()
    assert fleet.document(rollout)["state"] == "finished"


@pytest.mark.parametrize("dies_at", range(4))
@on_sqlite
def test_a_database_that_goes_in_the_middle_leaves_what_was_written_whole(
    fleet: RolloutFleet, dies_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is away from its `dies_at`-th transaction on, while all turn back; and then it is there again."""
    rollout = fleet.start(ALL, bundle="argmax:2")
    fleet.look()
    fleet.follow("cam-01", "cam-02", "cam-03")
    fleet.look()
    assert fleet.order(rollout, "revert") == 200
    begin, begun = fleet.cloud.services.database.begin, 0

    def going() -> Any:
        nonlocal begun
        begun += 1
        if begun > dies_at:
            raise DatabaseUnavailableError("it is away")
        return begin()

    monkeypatch.setattr(fleet.cloud.services.database, "begin", going)
    with pytest.raises(DatabaseUnavailableError):
        fleet.look()
    monkeypatch.undo()
    assert fleet.document(rollout)["state"] == "reverting", "nothing says that it is over"
    fleet.look(2)
    assert [fleet.desired(name).version for name in ("cam-01", "cam-02", "cam-03")] == [3, 3, 3]
    fleet.follow("cam-01", "cam-02", "cam-03")
    fleet.look()
    assert fleet.document(rollout)["state"] == "reverted"


@on_sqlite
def test_a_device_that_breaks_after_it_has_confirmed_counts_as_failed(fleet: RolloutFleet) -> None:
    rollout = fleet.start(ALL | {"hold_s": 3600}, bundle="argmax:2")
    fleet.look()
    fleet.follow("cam-01", "cam-02", "cam-03")
    fleet.look()
    assert set(fleet.states(rollout).values()) == {"confirmed"}
    fleet.break_down("cam-02", "primary", ErrorInfo("worker.thrown_out", "it took its process down again and again"))
    fleet.look(2)
    told = fleet.document(rollout)
    assert (told["state"], told["reason"]) == ("stopping", "stage all: 1 of 3 failed (worker.thrown_out 1)")


@on_sqlite
def test_a_device_that_is_gone_or_never_updates_is_named_and_holds_nobody_up(fleet: RolloutFleet) -> None:
    """One is deleted, one reads what it shall run and does nothing, one never reads it."""
    rollout = fleet.start(ALL | {"success": 0.0, "failure": 1.0}, bundle="argmax:2", timeout_s=600, unreachable_s=600)
    fleet.look()
    fleet.cloud.client.post(f"{API}/devices/cam-01/revoke", headers=fleet.cloud.headers())
    version = fleet.desired("cam-02").version
    fleet.report("cam-02", Reported(boot="b", version=version - 1, confirmed=True, desired=version))
    fleet.look()
    assert fleet.states(rollout) == {"cam-01": "left", "cam-02": "assigned", "cam-03": "assigned"}
    fleet.look(4, after_s=290)
    told = fleet.document(rollout)
    assert fleet.states(rollout) == {"cam-01": "left", "cam-02": "timed_out", "cam-03": "assigned"}
    ended = "0 of 1 confirmed; and without it: 1 unreachable, 1 left"
    assert (told["state"], told["reason"]) == ("finished", ended)
    assert told["counts"] | {"codes": []} == {
        "confirmed": 0,
        "failed": 1,
        "under_way": 0,
        "waiting": 0,
        "unreachable": 1,
        "unseen": 0,
        "left": 1,
        "codes": [],
    }
    (why,) = fleet.get("/devices/cam-02/rollouts")
    assert why["code"] == "rollout.timed_out"


@on_sqlite
def test_a_rollout_that_cannot_be_read_holds_up_no_other(fleet: RolloutFleet) -> None:
    rollout = fleet.start(ALL, bundle="argmax:2")
    with fleet.cloud.services.database.begin() as session:
        row = session.scalars(select(RolloutRow)).one()
        values = {column.name: getattr(row, column.name) for column in RolloutRow.__table__.columns}
        earlier = row.created_at - timedelta(hours=1)
        newer = values["plan"] | {"of_a_newer_cloud": True}
        session.add(RolloutRow(**values | {"id": 16 * "0", "task": "other", "created_at": earlier, "plan": newer}))
    with pytest.raises(BadPlanError):
        fleet.look()
    assert set(fleet.states(rollout).values()) == {"assigned"}, "the later one was looked at all the same"


@on_sqlite
def test_whatever_a_device_makes_up_the_director_goes_on(fleet: RolloutFleet, second: Bundle) -> None:
    rollout = fleet.start(ALL | {"success": 0.0, "failure": 1.0, "hold_s": 3600}, bundle="argmax:2")
    fleet.look()
    fleet.follow("cam-01", crashes=-(10**9), faults={"a": -5, "b": 2.5, "c": "many"})
    fleet.follow("cam-02", scored="all", slow=10**18, p95_ms="fast", golden_hash=[1], hardware={"a": 1})
    fleet.follow("cam-03", golden="yes", coverage=None)
    reference = f"argmax:2@{second.digest}"
    for count in (-7, 2**62):
        fleet.window("cam-01", "primary", count, bundle=reference)
    fleet.look(3)
    assert fleet.states(rollout) == {"cam-01": "confirmed", "cam-02": "active", "cam-03": "failed"}


@on_sqlite
def test_an_assignment_that_is_lost_and_repeated_is_one(fleet: RolloutFleet) -> None:
    """The device hears of it late and twice, and what it had said of the one before comes again after that."""
    rollout = fleet.start(ALL, bundle="argmax:2", unreachable_s=60)
    fleet.look(3)
    assert fleet.document(rollout)["counts"]["unreachable"] == 3
    versions = [fleet.desired(name).version for name in ("cam-01", "cam-02", "cam-03")]
    fleet.follow("cam-01", "cam-02", "cam-03")
    fleet.follow("cam-01", "cam-02", "cam-03")
    fleet.look()
    fleet.report("cam-01", Reported(boot="b", version=1, confirmed=True, desired=1))
    fleet.look(2)
    assert fleet.document(rollout)["state"] == "finished"
    assert [fleet.desired(name).version for name in ("cam-01", "cam-02", "cam-03")] == versions
    assert set(fleet.states(rollout).values()) == {"confirmed"}


def test_labels_on_disagreements_come_by_the_queue_and_decide(fleet: RolloutFleet, second: Bundle) -> None:
    rollout = fleet.start(SHADOW, ALL, bundle="argmax:2", gate={"inputs": 1, "predicted": 0.5})
    fleet.look()
    (first,) = fleet.states(rollout)
    fleet.follow(first)
    reference = f"argmax:2@{second.digest}"
    fleet.score(first, range(1, 31), bundle=reference, ours="one", theirs="two")
    fleet.score(first, range(41, 46), bundle=reference, ours="two", theirs="two")
    fleet.score(first, range(51, 56), bundle="argmax:9@sha256:00", ours="one", theirs="two")
    (other, *_) = {"cam-01", "cam-02", "cam-03"} - {first}
    fleet.score(other, range(61, 66), bundle=reference, ours="one", theirs="two")
    for _ in range(2):
        fleet.window(first, "primary.candidate", 100, bundle=reference, differed=30)
        fleet.window(first, None, 100)
        fleet.look()
    assert fleet.document(rollout)["finding"]["verdict"] == "wait"
    taken = [*fleet.take(rollout, 20), *fleet.take(rollout, 200)]
    assert {one["device"] for one in taken} == {first}
    numbers = [int(one["sample"].rpartition("-")[2]) for one in taken]
    assert sorted(numbers) == list(range(1, 31)), "those on which the two disagree, each once"
    assert numbers[:20] != sorted(numbers[:20])
    assert all(one.keys() == {"device", "sample", "media_type", "input", "thumbnail"} for one in taken), "blind"
    fleet.say(taken[:2], "two")
    fleet.say(taken[2:4], "zero")
    fleet.look()
    told = fleet.document(rollout)
    assert (told["state"], told["stage"]) == ("running", 0)
    assert (told["labels"]["wins"], told["labels"]["losses"]) == (0, 2), "of neither nobody wins"
    fleet.say(taken[4:], "one")
    fleet.look(2)
    told = fleet.document(rollout)
    assert (told["state"], told["stage"]) == ("running", 1)
    assert (told["labels"]["wins"], told["labels"]["losses"]) == (26, 2)
    assert fleet.take(rollout, 10) == [], "it is a shadow no more"


@on_sqlite
def test_a_candidate_that_loses_is_stopped(fleet: RolloutFleet, second: Bundle) -> None:
    rollout = fleet.start(SHADOW, ALL, bundle="argmax:2")
    fleet.look()
    (first,) = fleet.states(rollout)
    fleet.follow(first)
    fleet.score(first, range(1, 21), bundle=f"argmax:2@{second.digest}", ours="one", theirs="two")
    fleet.look()
    fleet.say(fleet.take(rollout, 20), "two")
    fleet.look()
    told = fleet.document(rollout)
    assert (told["state"], told["labels"]["losses"]) == ("stopping", 20)
    assert "where the two disagree it is worse: 0 won, 20 lost" in told["reason"]
    fleet.follow(first)
    fleet.look()
    told = fleet.document(rollout)
    assert (told["state"], told["labels"]["losses"], told["finding"]["verdict"]) == ("stopped", 20, "trip")


@on_sqlite
def test_bundles_that_a_rollout_needs_are_not_deleted(fleet: RolloutFleet) -> None:
    def refused(version: str) -> str:
        told = RegistryApi(fleet.cloud).ask("DELETE", f"/bundles/argmax/versions/{version}")
        assert code_of(told) == (409, "bundle.in_use")
        message: str = told.json()["error"]["message"]
        return message

    rollout = fleet.start(ALL | {"approval": True}, bundle="argmax:2")
    assert f"needed by the rollout {rollout}" in refused("2")
    fleet.order(rollout, "approve")
    fleet.look(2)
    assert f"needed by the rollout {rollout}" in refused("1"), "devices may have to return to it"
    fleet.follow("cam-01", "cam-02", "cam-03")
    fleet.look()
    assert fleet.document(rollout)["state"] == "finished"
    assert "is released" in refused("1")


@on_sqlite
def test_one_that_never_comes_back_is_told_of_when_all_others_have(fleet: RolloutFleet) -> None:
    rollout = fleet.start(ALL, bundle="argmax:2", unreachable_s=60)
    fleet.look()
    fleet.follow("cam-01", "cam-02", "cam-03")
    fleet.look()
    fleet.order(rollout, "revert")
    fleet.look()
    fleet.follow("cam-01", "cam-02")
    fleet.look(4)
    told = fleet.document(rollout)
    assert (told["state"], told["devices"]) == ("reverted", {"returned": 2, "returning": 1})
    assert told["waits_for"] == ["1 of its devices are not back yet"]
    fleet.follow("cam-03")
    fleet.look()
    told = fleet.document(rollout)
    assert (told["devices"], told["waits_for"]) == ({"returned": 3}, [])
    assert not fleet.look(), "and only now it is looked at no more"


@on_sqlite
def test_hooks_are_told_of_every_step(fleet: RolloutFleet) -> None:
    hook = {"way": "mqtt", "events": ["rollout"]}
    told = fleet.cloud.client.post(f"{API}/hooks", json=hook, headers=fleet.cloud.headers())
    assert told.status_code == 201, told.text
    rollout = fleet.start(ALL, bundle="argmax:2")
    fleet.look()
    fleet.order(rollout, "pause")
    fleet.order(rollout, "abort")
    fleet.look(2)
    fleet.follow("cam-01", "cam-02", "cam-03")
    fleet.look(2)
    with fleet.cloud.services.database.read() as session:
        query = select(Event.kind, Event.data).join(HookDelivery, HookDelivery.event == Event.id)
        found = [(kind, data["rollout"]) for kind, data in session.execute(query.order_by(Event.at, Event.kind))]
    kinds = ["started", "running", "abort", "pause", "aborted"]
    assert sorted(found) == sorted((f"rollout.{kind}", rollout) for kind in kinds)


@on_sqlite
def test_a_device_that_comes_back_after_the_end_is_still_followed(fleet: RolloutFleet) -> None:
    rollout = fleet.start(ALL, bundle="argmax:2", unreachable_s=60)
    fleet.look()
    fleet.follow("cam-01", "cam-02")
    fleet.look(4)
    told = fleet.document(rollout)
    assert (told["state"], told["devices"]) == ("finished", {"assigned": 1, "confirmed": 2})
    assert told["reason"] == "2 of 2 confirmed; and without it: 1 unreachable"
    assert told["waits_for"] == ["1 of its devices have yet to confirm"]
    fleet.follow("cam-03")
    fleet.look()
    assert fleet.document(rollout)["waits_for"] == []
    assert fleet.states(rollout)["cam-03"] == "confirmed"


@on_sqlite
def test_what_somebody_assigns_by_hand_takes_a_device_out(fleet: RolloutFleet) -> None:
    rollout = fleet.start(ALL | {"hold_s": 3600}, bundle="argmax:2")
    fleet.look()
    fleet.assign("cam-01", "argmax:1", threads=2)
    fleet.report("cam-02", Reported(boot="b", version=1, confirmed=True, desired=1))  # an old report, come late
    fleet.look()
    assert fleet.states(rollout) == {"cam-01": "left", "cam-02": "assigned", "cam-03": "assigned"}
    fleet.order(rollout, "revert")
    fleet.look()
    fleet.follow("cam-02", "cam-03")
    fleet.look()
    assert fleet.document(rollout)["state"] == "reverted"
    assert fleet.desired("cam-01").version == 3, "nobody touched what was assigned by hand"
