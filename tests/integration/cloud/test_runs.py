"""Training runs from their opening to their end, with real processes; the gate's is a small one."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from roost_cloud.db.tables import Event, TrainingAlarm
from roost_cloud.errors import ConflictError
from roost_cloud.objects import ObjectNotFoundError
from roost_cloud.runs import claiming, policies, store
from roost_cloud.runs.candidates import CANDIDATE, archive_key
from roost_cloud.runs.conducting import GATE
from roost_cloud.runs.opening import KINDS, NoIncumbentError, Opener, Wish, open_by_person
from roost_cloud.runs.packing import pack
from roost_cloud.runs.worker import tidy
from roost_shared.bundle.derive import derive_bundle, derived_config
from tests.support.stocked import stock_alarm
from tests.support.training_site import TrainingSite, bare_site, site, sites_cloud

__all__ = ["bare_site", "site", "sites_cloud"]

WHOLE = ["queued", "preparing", "training", "judging"]


def test_a_run_goes_from_labels_to_a_registered_version(site: TrainingSite) -> None:
    run = site.open()
    site.work()
    row = site.run(run)
    assert site.way(run) == [*WHOLE, "registered"], row.problem
    assert (row.version, row.attempt, row.worker) == (f"1-{run[:8]}", 1, None)
    assert site.versions() == ["1", row.version]
    with site.services.database.read() as session:
        told = {one.name: one.value for one in store.metrics(session, row)}
        (event,) = session.scalars(select(Event).where(Event.kind == "run.registered"))
    assert told["accuracy.new"] == 0.9
    assert told["process.training.wall_s"] > 0
    assert (event.data["run"], event.data["candidate"]) == (run, f"sure:{row.version}")
    assert "tiny 1, " in site.log(run)
    assert site.leftovers() == []


def test_what_the_head_trainer_learnt_of_a_changed_world_passes_the_real_gate(bare_site: TrainingSite) -> None:
    site = bare_site
    site.label(8, inverted=True)
    # A head of a few numbers takes microseconds: how many times as many as another's tells nothing here.
    run = site.open(trainer="head", gate={"reference": "if_present", "latency_ratio": 100})
    site.work(gate=GATE)
    row = site.run(run)
    assert site.way(run) == [*WHOLE, "registered"], f"{row.problem} {site.log(run)}"
    assert row.verdict is not None
    sentences = {one["check"]: one["sentence"] for one in row.verdict["reasons"]}
    assert "the incumbent 0.0 %" in sentences["better"]
    assert (row.trainer_version, row.candidate) == ("1", row.verdict["candidate"])
    cached = {path.name for path in (site.folder / "cache" / "acme" / "light" / "head").iterdir()}
    assert cached
    site.clock.advance(timedelta(hours=1))
    site.label(8, inverted=True)
    again = site.open(trainer="head", gate={"reference": "if_present"}, bundle=f"sure:{row.version}")
    site.work(gate=GATE)
    assert site.run(again).state == "refused", site.log(again)  # it cannot be better than what knows the new world
    assert len(site.versions()) == 2


def test_without_a_persons_approval_a_candidate_waits_and_is_kept(site: TrainingSite) -> None:
    run = site.open(mode="train")
    site.work()
    assert site.way(run) == [*WHOLE, "passed"]
    assert site.versions() == ["1"]
    with site.trainer() as trainer:
        assert not trainer.work("w1")
    now = site.services.now()
    with site.services.database.begin() as session:
        store.approve(session, "acme", run, note="go", actor="token:ann", now=now)
    site.work()
    assert site.way(run)[-3:] == ["approved", "approved", "registered"]
    assert len(site.versions()) == 2
    assert site.services.objects.head(archive_key("acme", run)).size_bytes > 0
    assert tidy(site.services.database, site.services.objects) == 1
    with pytest.raises(ObjectNotFoundError):
        site.services.objects.head(archive_key("acme", run))


def test_another_candidate_than_passed_is_not_registered_whoever_approved(site: TrainingSite, tmp_path: Path) -> None:
    run = site.open(mode="train")
    site.work()
    row = site.run(run)
    changes = {"training_run": run, "name": row.name, "evaluation": None, "predicted_disagreement": 0.5}
    other = derived_config(site.incumbent, version=row.version, suffix="other", changes=changes)
    derive_bundle(site.incumbent, tmp_path / CANDIDATE, other)
    packed = io.BytesIO()
    pack(tmp_path, [CANDIDATE], packed)
    site.services.objects.put(archive_key("acme", run), packed.getvalue())
    with site.services.database.begin() as session:
        store.approve(session, "acme", run, note=None, actor="token:ann", now=site.services.now())
    site.work()
    row = site.run(run)
    assert (row.state, row.problem_code) == ("failed", "run.candidate")
    assert f"and {row.candidate} passed" in (row.problem or "")
    assert site.versions() == ["1"]


def test_a_candidate_with_another_label_space_is_refused_with_the_reason(site: TrainingSite) -> None:
    run = site.open(parameters={"do": "labels"})
    site.work()
    row = site.run(run)
    assert row.state == "refused"
    assert row.verdict is not None
    assert row.verdict["reasons"][0]["sentence"] == "its label space is another than the incumbent's"
    assert site.versions() == ["1"]


def test_a_trainer_sees_nothing_of_what_it_is_judged_by(site: TrainingSite, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    run = site.open(parameters={"do": "peek", "into": str(seen)})
    site.work()
    row = site.run(run)
    names = {Path(line).name for line in seen.read_text().splitlines()}
    with site.trainer() as trainer:
        folder = tmp_path / "judged"
        trainer._means.datasets.judged("acme", row.snapshot or "", folder, lambda _done, _total: None)
    judged = {file.name for file in (folder / "inputs").iterdir()}
    assert judged
    assert not judged & names
    assert "judged.json" not in names


def test_labels_that_change_during_a_run_change_nothing_of_it(site: TrainingSite) -> None:
    run = site.open(parameters={"do": "crash", "once": str(site.folder.parent / "once")})
    site.work()
    before = site.run(run)
    assert before.state == "queued"
    site.clock.advance(timedelta(minutes=1))
    site.label()
    site.work()
    after = site.run(run)
    assert (after.state, after.snapshot) == ("registered", before.snapshot)


def test_a_run_without_labels_waits_for_them_and_says_how_many(site: TrainingSite) -> None:
    run = site.open(labels_wanted=40)
    site.work()
    row = site.run(run)
    assert (row.state, row.what) == ("waiting", "needs 40 labels, has 24")
    opener = Opener(site.services.database, site.services.clock)
    opener.go_round()
    assert site.run(run).state == "waiting"
    site.clock.advance(timedelta(minutes=1))
    site.label(1)
    opener.go_round()
    assert site.run(run).what == "needs 40 labels, has 30"
    site.label(2)
    opener.go_round()
    assert site.run(run).state == "queued"
    site.work()
    assert site.way(run)[-2:] == ["judging", "registered"]


def test_alarms_open_one_run_once_and_join_it_until_it_has_begun(site: TrainingSite) -> None:
    site.policy(mode="train")
    site.label(8)
    opener = Opener(site.services.database, site.services.clock)
    first = stock_alarm(site.services, "acme", "cam-00", task="light")
    stock_alarm(site.services, "acme", "cam-01", kind="label_mix", task="light")
    (run,) = opener.go_round()
    assert (run.state, run.cause, run.reason) == ("queued", "alarm", "cam-00: fine detail fell by 7.2 deviations")
    second = stock_alarm(site.services, "acme", "cam-01", task="light")
    assert opener.go_round() == []
    with site.services.database.read() as session:
        assert store.alarms_of(session, run) == sorted([first, second])
    assert site.run(run.id).devices == ["cam-00", "cam-01"]
    site.work()
    assert site.way(run.id)[-1] == "passed", site.run(run.id).what
    third = stock_alarm(site.services, "acme", "cam-02", task="light")
    opener.go_round()
    with site.services.database.begin() as session:
        assert third not in store.alarms_of(session, run)
        store.cancel(session, "acme", run.id, note=None, actor="token:ann", now=site.services.now())
    (after,) = opener.go_round()
    assert after.id != run.id
    with site.services.database.read() as session:
        joined = {row.alarm: row.run for row in session.scalars(select(TrainingAlarm))}
    assert joined == {first: run.id, second: run.id, third: after.id}
    assert "label_mix" not in KINDS


def test_a_policy_that_only_tells_has_its_runs_approved_by_a_person(site: TrainingSite) -> None:
    site.policy(mode="tell", labels_wanted=4)
    stock_alarm(site.services, "acme", "cam-00", task="light")
    (run,) = Opener(site.services.database, site.services.clock).go_round()
    assert run.state == "proposed"
    with site.services.database.begin() as session:
        store.approve(session, "acme", run.id, note=None, actor="token:ann", now=site.services.now())
        (event,) = session.scalars(select(Event).where(Event.kind == "run.proposed"))
    assert event.data["task"] == "light"
    site.work()
    assert site.way(run.id) == ["proposed", *WHOLE, "passed"]


def test_dates_and_new_labels_open_runs_one_at_a_time(site: TrainingSite) -> None:
    opener = Opener(site.services.database, site.services.clock)
    site.policy(every_days=7)
    assert opener.go_round() == []
    site.clock.advance(timedelta(days=7))
    (run,) = opener.go_round()
    assert (run.cause, run.state) == ("schedule", "queued")
    with pytest.raises(ConflictError, match="is queued"):
        site.open()
    site.work()
    site.policy(new_labels=12)
    assert opener.go_round() == []
    site.clock.advance(timedelta(minutes=1))
    site.label()
    (run,) = opener.go_round()
    assert run.reason == "24 labels are new since the last run"


def test_an_alarm_about_an_unknown_bundle_opens_nothing_where_nobody_asked_for_anything(site: TrainingSite) -> None:
    stock_alarm(site.services, "acme", "cam-00", task="light")
    assert Opener(site.services.database, site.services.clock).go_round() == []
    with pytest.raises(NoIncumbentError, match="--bundle"):
        site.open(bundle=None)


def test_a_run_of_one_task_does_not_start_from_a_bundle_of_another(site: TrainingSite) -> None:
    site.policy()
    with site.services.database.begin() as session:
        policy = policies.get(session, "acme", "light")
        with pytest.raises(NoIncumbentError, match="sure:1 is for task light, and not for dials"):
            open_by_person(session, "acme", "dials", policy, Wish(), actor="test", now=site.services.now())


def test_a_log_keeps_its_last_lines(site: TrainingSite) -> None:
    run = site.open()
    now = site.services.now()
    with site.services.database.begin() as session:
        row = claiming.claim(session, "w1", now)
        assert row is not None
        mine = claiming.Claim("acme", run, row.attempt, "w1")
        for _ in range(3):
            lines = [f"line {number}\x00\x1b[31m" for number in range(1500)]
            claiming.report(session, mine, claiming.News(lines=lines, metrics={}), now)
    with site.services.database.read() as session:
        kept = store.lines(session, site.run(run), after=0, limit=10_000)
    assert (len(kept), kept[0].number, kept[-1].number) == (claiming.LINES_KEPT, 2501, 4500)
    assert all(one.text.isprintable() for one in kept)
