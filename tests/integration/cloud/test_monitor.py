"""From devices' windows to alarms, through the database: who drifted and what of it, and nobody else."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select

from roost_cloud.alarms.store import resolve_alarm
from roost_cloud.db.tables import DecisionWindow, DriftBaseline, DriftVerdict, Event, Window
from roost_cloud.ingest.batches import Delivery
from roost_cloud.monitor import settings
from roost_cloud.monitor.baselines import rebaseline
from roost_cloud.monitor.settings import read_settings
from roost_cloud.monitor.status import streams
from roost_cloud.monitor.worker import Monitor
from roost_cloud.services import Services, open_services
from roost_shared.records import Batch, PolicyRecord, encode_record
from roost_shared.rendezvous import Contestant, PolicyDocument, Rule
from tests.support.cloud import ManualClock, settings_for
from tests.support.drifting import PLAIN, DriftingFleet, Look, monitor_of
from tests.support.telling import sample
from tests.support.waiting import until

BLURRED = replace(PLAIN, phi=(0, -4, 0, 0, 0, 0, -9, -9))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def services(database_url: str, tmp_path: Path, clock: ManualClock) -> Iterator[Services]:
    with open_services(settings_for(tmp_path / "cloud", database_url=database_url), clock=clock) as services:
        yield services


@pytest.fixture
def on_sqlite(newest_sqlite: Path, tmp_path: Path, clock: ManualClock) -> Iterator[Services]:
    """For what does not depend on the database."""
    folder = tmp_path / "cloud"
    folder.mkdir()
    (folder / "roost.db").write_bytes(newest_sqlite.read_bytes())
    with open_services(settings_for(folder), clock=clock) as services:
        yield services


def commissioned(services: Services, clock: ManualClock, **fleet: Any) -> DriftingFleet:
    made = DriftingFleet(services, clock, **fleet)
    made.live(12)
    assert monitor_of(services).work() >= 12 * made.devices
    assert made.alarms() == []
    return made


def rows(services: Services, table: Any) -> list[tuple[Any, ...]]:
    """Everything of a table but when it was decided."""
    columns = [column for column in table.__table__.columns if column.name not in ("decided_at", "commissioned_at")]
    with services.database.read() as session:
        return sorted(map(tuple, session.execute(select(*columns))), key=repr)


@pytest.mark.one_database  # what many write and read at once is below, on both
def test_a_device_whose_lens_blurs_is_named_with_what_moved_and_no_other_is(
    services: Services, clock: ManualClock
) -> None:
    fleet = commissioned(services, clock)
    monitor = monitor_of(services)
    fleet.live(6, {"cam-03": BLURRED}, monitors=[monitor])
    (alarm,) = fleet.alarms()
    assert (alarm.device, alarm.task, alarm.kind, alarm.cause) == ("cam-03", "meter", "input", "input")
    assert {one["what"] for one in alarm.explanation["moved"][:2]} == {"gradient", "laplacian"}
    assert "sharpness of edges fell by" in alarm.explanation["summary"]
    assert alarm.explanation["decisions_exceeded"] >= 3
    assert alarm.since <= alarm.opened_at < alarm.last_exceeded_at == services.now()
    with services.database.read() as session:
        assert session.scalars(select(Event.kind)).all() == ["alarm.opened"]
        assert session.scalar(select(func.count()).where(DriftBaseline.commissioned_at.is_(None))) == 0


def test_two_processes_and_deliveries_twice_or_out_of_order_decide_what_one_in_order_does(
    services: Services, clock: ManualClock
) -> None:
    disorder = random.Random(5)

    def disturb(deliveries: list[Delivery]) -> list[Delivery]:
        again = deliveries + disorder.sample(fleet.told, 5)
        disorder.shuffle(again)
        return again

    fleet = commissioned(services, clock, devices=6)
    fleet.live(5, {"cam-02": BLURRED}, monitors=[monitor_of(services), monitor_of(services)], disturb=disturb)
    assert [alarm.device for alarm in fleet.alarms()] == ["cam-02"]
    before = [rows(services, table) for table in (DecisionWindow, DriftVerdict, DriftBaseline)]
    fleet.store(fleet.told)
    assert monitor_of(services).work() == 0
    assert [rows(services, table) for table in (DecisionWindow, DriftVerdict, DriftBaseline)] == before
    with services.database.read() as session:
        inputs = sum(session.scalars(select(DecisionWindow.seconds)))
    assert inputs == 60 * 3 * 6 * 17  # every window once


def test_two_processes_at_one_moment_decide_everything_once(services: Services, clock: ManualClock) -> None:
    fleet = commissioned(services, clock, devices=5, with_baseline=False)
    fleet.live(4, {"cam-02": BLURRED})
    with ThreadPoolExecutor(3) as threads:
        done = list(threads.map(lambda monitor: monitor.work(), [monitor_of(services) for _ in range(3)]))
    assert sum(done) == 5 * 2 * 4
    assert [(alarm.device, alarm.kind) for alarm in fleet.alarms(kind="input")] == [("cam-02", "input")]
    with services.database.read() as session:
        assert sum(session.scalars(select(DecisionWindow.seconds))) == 60 * 2 * 5 * 16
        assert len(session.scalars(select(Event.id)).all()) == len(fleet.alarms())


def test_nobody_alarms_before_there_is_a_baseline_of_ten(on_sqlite: Services, clock: ManualClock) -> None:
    fleet = DriftingFleet(on_sqlite, clock, devices=4)
    fleet.live(9, {"cam-01": BLURRED})
    fleet.live(1)
    monitor = monitor_of(on_sqlite)
    monitor.work()
    assert fleet.alarms() == []
    with on_sqlite.database.read() as session:
        assert set(session.scalars(select(DriftVerdict.commissioning))) == {True}
        assert set(session.scalars(select(DriftBaseline.windows))) == {10}


def test_a_baseline_takes_its_days_too(on_sqlite: Services, clock: ManualClock) -> None:
    fleet = DriftingFleet(on_sqlite, clock, devices=2, with_baseline=False)
    quarter = read_settings({"decision_inputs": 40, "decision_seconds": 60, "commissioning_days": 15 / 1440})
    with on_sqlite.database.begin() as session:
        settings.put(session, "acme", quarter, actor="test", now=clock.wall())
    for minutes, standing, windows in ((12, "commissioning", 12), (5, "not_judged", 16)):
        fleet.live(minutes)
        monitor_of(on_sqlite).work()
        with on_sqlite.database.read() as session:
            (first, _) = streams(session, "acme", quarter, limit=10)
        found = {(one.standing, one.windows, one.days_wanted) for one in first[1]}
        assert found == {(standing, windows, 15 / 1440)}


@pytest.mark.parametrize(
    ("look", "found"),
    [
        (replace(PLAIN, mix=(0.7, 0.1, 0.1, 0.1)), {"label_mix": "input"}),
        (replace(PLAIN, mix=(0.7, 0.1, 0.1, 0.1), baseline_mix=(0.25,) * 4), {"label_mix": "model"}),
        (replace(PLAIN, sureness=0.5), {"model": "model"}),
        (replace(PLAIN, sureness=0.5, baseline_sureness=-0.5), {"model": "input"}),
        (replace(PLAIN, inputs=400), {"event_rate": "input"}),
    ],
    ids=["labels of both models", "labels", "model", "inputs by both models", "rate"],
)
def test_what_else_can_drift_is_told_apart(
    on_sqlite: Services, clock: ManualClock, look: Look, found: dict[str, str]
) -> None:
    fleet = commissioned(on_sqlite, clock)
    fleet.live(5, {"cam-05": look})
    monitor_of(on_sqlite).work()
    alarms = fleet.alarms()
    assert {alarm.device for alarm in alarms} == {"cam-05"}
    assert {alarm.kind: alarm.cause for alarm in alarms if alarm.kind in found} == found


def test_what_changed_while_a_device_was_commissioned_is_said_until_it_is_begun_anew(
    on_sqlite: Services, clock: ManualClock
) -> None:
    fleet = DriftingFleet(on_sqlite, clock, devices=8, with_baseline=False)
    fleet.live(5)
    changed = {"cam-03": BLURRED, "cam-04": replace(PLAIN, inputs=400)}
    fleet.live(6, changed)
    monitor = monitor_of(on_sqlite)
    monitor.work()
    fleet.live(2, changed, monitors=[monitor])  # by now all are learnt from
    found = unsteady(on_sqlite)
    assert found.keys() == {("cam-03", "input"), ("cam-04", "event_rate")}
    assert found["cam-04", "event_rate"] == "how often inputs came changed while it was commissioned"
    assert "fell by" in found["cam-03", "input"]
    assert any(word in found["cam-03", "input"] for word in ("sharpness of edges", "fine detail"))
    assert fleet.alarms() == []
    with on_sqlite.database.begin() as session:
        rebaseline(session, "acme", ["cam-03"], "meter", actor="test", note=None, now=clock.wall())
    assert unsteady(on_sqlite).keys() == {("cam-04", "event_rate")}
    fleet.live(12, {"cam-03": BLURRED}, monitors=[monitor])
    assert unsteady(on_sqlite).keys() == {("cam-04", "event_rate")}


def unsteady(services: Services) -> dict[tuple[str, str], str]:
    """What is said to have changed while devices were commissioned."""
    with services.database.read() as session:
        found = [one for _, its in streams(session, "acme", settings.get(session, "acme"), limit=50) for one in its]
    return {(one.device, one.kind): one.unsteady for one in found if one.unsteady is not None}


def test_without_a_baseline_contestant_nobody_knows_whose_fault_it_is(on_sqlite: Services, clock: ManualClock) -> None:
    fleet = commissioned(on_sqlite, clock, with_baseline=False)
    fleet.live(5, {"cam-05": replace(PLAIN, mix=(0.7, 0.1, 0.1, 0.1), sureness=0.5)})
    monitor_of(on_sqlite).work()
    assert {(one.device, one.kind, one.cause) for one in fleet.alarms()} == {
        ("cam-05", "label_mix", "unknown"),
        ("cam-05", "model", "unknown"),
    }


def test_a_baseline_that_moves_some_decisions_later_changes_whose_fault_it_is(
    on_sqlite: Services, clock: ManualClock
) -> None:
    fleet = commissioned(on_sqlite, clock)
    for minutes, sureness, cause in ((4, 2.0, "model"), (4, -0.5, "input")):
        fleet.live(minutes, {"cam-05": replace(PLAIN, sureness=0.5, baseline_sureness=sureness)})
        monitor_of(on_sqlite).work()
        assert {(one.device, one.cause) for one in fleet.alarms(kind="model")} == {("cam-05", cause)}


def test_every_contestant_that_answers_is_judged_by_the_policy_of_its_device(
    on_sqlite: Services, clock: ManualClock
) -> None:
    """The second answers on half of the devices; the other half has a policy in which it is a shadow."""
    fleet = DriftingFleet(on_sqlite, clock, devices=16)
    plain = replace(PLAIN, second_sureness=2.0)
    answering, shadowing = (
        PolicyDocument(
            task="meter",
            contestants=[
                Contestant(name="primary"),
                Contestant(name="second", role=role),
                Contestant(name="baseline", role="baseline"),
            ],
            rules=[Rule(accept="primary")],
            deadline_ms=300,
        )
        for role in ("answer", "shadow")
    )
    for number, name in enumerate(fleet.names):
        document = (answering if number < 8 else shadowing).encode()
        digest = sha256(document).hexdigest()
        fleet.tell(name, [PolicyRecord(task="meter", digest=digest, document=document), sample(1, policy=digest)])
    fleet.live(12, dict.fromkeys(fleet.names, plain))
    monitor = monitor_of(on_sqlite)
    monitor.work()
    fleet.live(
        5, dict.fromkeys(fleet.names, plain) | dict.fromkeys(("cam-02", "cam-12"), replace(plain, second_sureness=0.0))
    )
    monitor.work()
    assert [(one.device, one.kind, one.contestant, one.cause) for one in fleet.alarms()] == [
        ("cam-02", "model", "second", "model")
    ]
    with on_sqlite.database.read() as session:
        of_second = select(DriftVerdict.device, DriftVerdict.kind).where(DriftVerdict.contestant == "second")
        found = {(row[0], row[1]) for row in session.execute(of_second)}
    assert found == {(name, kind) for name in fleet.names[:8] for kind in ("label_mix", "model")}


def test_a_new_bundle_is_commissioned_anew_and_the_old_one_keeps_its_baseline(
    on_sqlite: Services, clock: ManualClock
) -> None:
    fleet = commissioned(on_sqlite, clock, devices=4, with_baseline=False)
    other = replace(PLAIN, bundle="meter:8@sha256:88", source=8, phi=(9,) * 8, sureness=0.0, mix=(1, 0, 0, 0))
    fleet.live(6, dict.fromkeys(fleet.names, other))
    fleet.live(6)
    monitor_of(on_sqlite).work()
    assert fleet.alarms() == []
    with on_sqlite.database.read() as session:
        of_device = select(DriftBaseline.kind, DriftBaseline.windows).where(DriftBaseline.device == "cam-01")
        assert sorted((row[0], row[1]) for row in session.execute(of_device)) == [
            ("event_rate", 10),
            ("input", 6),
            ("input", 10),
            ("label_mix", 6),
            ("label_mix", 10),
            ("model", 6),
            ("model", 10),
        ]


def test_after_being_resolved_it_alarms_again_if_it_is_so_again_and_not_once_begun_anew(
    on_sqlite: Services, clock: ManualClock
) -> None:
    fleet = commissioned(on_sqlite, clock, with_baseline=False)
    monitor = monitor_of(on_sqlite)
    fleet.live(5, {"cam-03": BLURRED}, monitors=[monitor])
    (first,) = fleet.alarms(device="cam-03")
    with on_sqlite.database.begin() as session:
        resolve_alarm(session, "acme", first.id, note="wiped", actor="ann", now=on_sqlite.now())
    fleet.live(2, {"cam-03": BLURRED}, monitors=[monitor])
    assert len(fleet.alarms(device="cam-03")) == 1  # what went before counts no more
    fleet.live(1, {"cam-03": BLURRED}, monitors=[monitor])
    (again,) = fleet.alarms(device="cam-03", state="open")
    with on_sqlite.database.begin() as session:
        now = on_sqlite.now()
        resolve_alarm(session, "acme", again.id, note=None, actor="ann", now=now)
        assert rebaseline(session, "acme", ["cam-03"], "meter", actor="ann", note="new lens", now=now) == ["cam-03"]
    fleet.live(14, {"cam-03": BLURRED}, monitors=[monitor])
    assert fleet.alarms(device="cam-03", state="open") == []
    fleet.live(5, monitors=[monitor])  # now the old lens is what is strange
    assert [alarm.device for alarm in fleet.alarms(device="cam-03", state="open")] == ["cam-03"]


def test_a_device_with_a_wild_sensor_hides_nothing_of_the_others(on_sqlite: Services, clock: ManualClock) -> None:
    fleet = DriftingFleet(on_sqlite, clock)
    wild = random.Random(3)
    for _ in range(12):
        fleet.live(1, {"cam-08": replace(PLAIN, phi=tuple(wild.gauss(0, 40) for _ in range(8)))})
    monitor_of(on_sqlite).work()
    slightly = replace(PLAIN, phi=(0, 0, 0, 0, 0, 0, 0, 8))
    for _ in range(5):
        looks = {"cam-08": replace(PLAIN, phi=tuple(wild.gauss(0, 40) for _ in range(8))), "cam-04": slightly}
        fleet.live(1, looks)
    monitor_of(on_sqlite).work()
    assert [alarm.device for alarm in fleet.alarms()] == ["cam-04"]


def test_faults_neither_raise_an_alarm_nor_hide_one(on_sqlite: Services, clock: ManualClock) -> None:
    """A clock that is ahead, a sensor that was always black, one whose φ is no number, a hundred times the traffic."""
    fleet = DriftingFleet(on_sqlite, clock, devices=12, with_baseline=False)
    ahead, busy = replace(PLAIN, started_at="2099-01-01T00:00:00Z"), replace(PLAIN, inputs=6000)
    faults = {"cam-01": ahead, "cam-05": replace(PLAIN, is_black=True), "cam-06": busy}
    monitor = monitor_of(on_sqlite)
    fleet.live(12, faults)
    monitor.work()
    other = replace(PLAIN, bundle="meter:6@sha256:66", source=6, phi=(30,) * 8)
    slightly, unmeasured = replace(PLAIN, phi=(0, 0, 0, 0, 0, 0, 0, 8)), replace(PLAIN, is_measured=False)
    for minute in range(6):
        faults["cam-02"] = other if minute % 2 else PLAIN
        fleet.live(1, faults | {"cam-03": unmeasured, "cam-04": slightly}, monitors=[monitor])
    assert [(alarm.device, alarm.kind) for alarm in fleet.alarms()] == [("cam-04", "input")]
    with on_sqlite.database.read() as session:
        of_kind = (DriftVerdict.kind == "input", DriftVerdict.device == "cam-06")
        assert session.scalar(select(func.count()).where(*of_kind)) == 12 + 6  # judged as often as others


def test_a_reference_too_small_for_its_statistics_says_so_and_alarms_nobody(
    on_sqlite: Services, clock: ManualClock
) -> None:
    fleet = DriftingFleet(on_sqlite, clock, devices=2, with_baseline=False)
    fleet.live(12)
    fleet.live(5, {"cam-01": BLURRED})
    monitor_of(on_sqlite).work()
    assert fleet.alarms() == []
    with on_sqlite.database.read() as session:
        found = [one for _, its in streams(session, "acme", settings.get(session, "acme"), limit=9) for one in its]
    inputs = [one for one in found if one.kind == "input"]
    assert {(one.device, one.standing) for one in inputs} == {("cam-01", "not_judged"), ("cam-02", "not_judged")}
    assert all("16 are wanted: commission longer, or more devices" in (one.problem or "") for one in inputs)


def test_windows_of_a_device_that_is_gone_or_that_cannot_be_read_do_no_harm(
    on_sqlite: Services, clock: ManualClock
) -> None:
    fleet = DriftingFleet(on_sqlite, clock, devices=2)
    records = [replace_sketches(one) for one in fleet.records("cam-01", PLAIN)]
    fleet.live(1)
    broken = Batch(boot="b2", first=1, oldest=1, records=[encode_record(one) for one in records])
    clock.advance(timedelta(minutes=1))
    fleet.store([Delivery("acme", "cam-01", broken, clock.wall())])
    assert monitor_of(on_sqlite).work() == 2 * 3 + 3


def replace_sketches(record: Any) -> Any:
    return msgspec.structs.replace(record, sketches=dict.fromkeys(record.sketches, b"\xff" * 9))


def test_figures_tell_of_decisions_lags_and_open_alarms(on_sqlite: Services, clock: ManualClock) -> None:
    fleet = commissioned(on_sqlite, clock)
    metrics = CollectorRegistry()
    monitor = Monitor(on_sqlite.database, clock, metrics, None)
    fleet.live(5, {"cam-03": BLURRED})
    clock.advance(timedelta(seconds=30))
    monitor.work()
    assert metrics.get_sample_value("roost_monitor_decided_total") == fleet.devices * 3 * 5
    assert metrics.get_sample_value("roost_alarms_open", {"kind": "input"}) == 1
    assert metrics.get_sample_value("roost_alarms_raised_total", {"kind": "input"}) == 1
    slow = metrics.get_sample_value("roost_monitor_lag_seconds_bucket", {"le": "15.0"})
    assert (slow, metrics.get_sample_value("roost_monitor_lag_seconds_count")) == (0, fleet.devices * 3 * 5)
    (alarm,) = fleet.alarms(kind="input")
    with on_sqlite.database.begin() as session:
        resolve_alarm(session, "acme", alarm.id, note=None, actor="ann", now=clock.wall())
    monitor.work()
    assert metrics.get_sample_value("roost_alarms_open", {"kind": "input"}) == 0


def test_a_database_that_is_away_is_said_and_worked_with_again(on_sqlite: Services, clock: ManualClock) -> None:
    fleet = DriftingFleet(on_sqlite, clock, devices=1)
    fleet.live(1)
    file = on_sqlite.database.file
    assert file is not None
    monitor = Monitor(on_sqlite.database, clock, CollectorRegistry(), None, every_s=0.05)
    on_sqlite.database.close()
    hidden = file.with_suffix(".away")
    file.rename(hidden)
    file.mkdir()
    monitor.start()
    try:
        until(lambda: monitor.problem, "it says what is wrong")
        assert "database" in str(monitor.problem)
        file.rmdir()
        hidden.rename(file)
        until(lambda: monitor.problem is None, "it goes on")
        until(lambda: rows(on_sqlite, DecisionWindow), "it has decided")
    finally:
        monitor.stop()


def test_what_came_too_long_ago_goes_but_for_baselines_alarms_and_the_last(
    services: Services, clock: ManualClock
) -> None:
    fleet = commissioned(services, clock, devices=8, with_baseline=False)
    monitor = monitor_of(services)
    for _ in range(4):
        fleet.live(1, {"cam-02": BLURRED})
        clock.advance(timedelta(seconds=1))  # a batch's last record is some microseconds after its receipt
        monitor.work()
    fleet.live(4)
    monitor.work()
    (alarm,) = fleet.alarms(device="cam-02", kind="input")
    assert fleet.alarms(device="cam-03") == []
    before = {name: numbers(services, name) for name in ("cam-02", "cam-03")}
    assert {len(one) for one in before.values()} == {12 + 4 + 4}
    clock.advance(timedelta(days=31))
    monitor.work()
    assert counted(services, Window, "cam-03") == 0
    of_alarm = Window.received_at.between(alarm.since, alarm.opened_at)
    assert 0 < counted(services, Window, "cam-02") == counted(services, Window, "cam-02", of_alarm)
    assert {name: numbers(services, name) for name in before} == before
    clock.advance(timedelta(days=400))
    monitor.work()
    assert numbers(services, "cam-03") == [*range(1, 11), 20]
    assert numbers(services, "cam-02") == [*range(1, 11), 13, 14, 15, 20]
    assert counted(services, DriftVerdict, "cam-03") == (3 + 1) * 11
    fleet.live(3, monitors=[monitor])
    assert numbers(services, "cam-03") == [*range(1, 11), 20, 21, 22, 23]
    assert counted(services, DriftVerdict, "cam-03", DriftVerdict.threshold.is_not(None)) > 0


def numbers(services: Services, device: str) -> list[int]:
    """Of the decisions of a device's primary that are kept."""
    query = select(DecisionWindow.number).where(
        DecisionWindow.device == device, DecisionWindow.contestant == "primary"
    )
    with services.database.read() as session:
        return sorted(session.scalars(query))


def counted(services: Services, table: Any, device: str, *conditions: Any) -> int:
    with services.database.read() as session:
        query = select(func.count()).select_from(table).where(table.device == device, *conditions)
        return session.scalar(query) or 0
