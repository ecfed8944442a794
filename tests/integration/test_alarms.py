"""Alarms and drift through the API: what moved, what shows it, who sees to it, and under which budget."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from roost_cloud.db.tables import Event, HookDelivery
from roost_shared.bundle import Bundle
from roost_shared.bundle.fleet_reference import FleetReference
from roost_shared.bundle.manifest import phi_name
from tests.support.cloud import Cloud
from tests.support.drifting import PLAIN, DriftingFleet, monitor_of
from tests.support.fleet import API, code_of, enrolled_device
from tests.support.registry import RegistryApi
from tests.support.served_cloud import bundle_like
from tests.support.stocked import PICTURE, stock_alarm, stock_input
from tests.support.telling import BOOT, batch, sample

DARK = replace(PLAIN, phi=(-9, -6, 0, 0, 0, 0, 0, 0))


def ask(cloud: Cloud, method: str, path: str, body: Any = None, role: Any = "operator", **query: Any) -> Any:
    headers = cloud.headers("acme", role)
    sent = {} if body is None else {"json": body}
    answer = cloud.client.request(method, f"{API}{path}", headers=headers, params=query, **sent)
    assert answer.status_code < 400, answer.text
    return answer.json() if answer.content else None


@pytest.fixture
def fleet(cloud: Cloud) -> DriftingFleet:
    return DriftingFleet(cloud.services, cloud.clock, devices=8, with_baseline=False)


def test_a_drifting_pair_is_explained_shown_together_seen_to_and_begun_anew(
    cloud: Cloud, fleet: DriftingFleet
) -> None:
    monitor = monitor_of(cloud.services)
    for name in ("cam-03", "cam-04"):
        ask(cloud, "PATCH", f"/devices/{name}", {"labels": {"hall": "2"}})
    ask(cloud, "PATCH", "/devices/cam-05", {"labels": {"hall": "3"}})
    fleet.live(9)
    monitor.work()
    (status,) = ask(cloud, "GET", "/drift/status", device="cam-03")["items"]
    assert {(one["kind"], one["standing"], one["windows"]) for one in status["kinds"]} == {
        (kind, "commissioning", 9) for kind in ("input", "label_mix", "model", "event_rate")
    }
    fleet.live(3)
    monitor.work()
    looks = {"cam-03": DARK, "cam-04": DARK}
    fleet.live(4, looks)
    monitor.work()
    listed = ask(cloud, "GET", "/alarms", kind="input", role="viewer")["items"]
    assert sorted(one["device"] for one in listed) == ["cam-03", "cam-04"]
    alarm = ask(cloud, "GET", f"/alarms/{listed[0]['id']}", role="viewer")
    assert {one["what"] for one in alarm["moved"][:2]} == {"mean", "deviation"}
    assert alarm["moved"][0]["word"] == "brightness"
    assert alarm["moved"][0]["deviations"] < -4
    assert alarm["distance"] > alarm["threshold"] > 0
    assert alarm["together"]["label"] == "hall=2"
    assert sorted(alarm["together"]["devices"]) == ["cam-03", "cam-04"]
    (together,) = [one for one in ask(cloud, "GET", "/drift/together") if one["label"] == "hall=2"]
    assert {one["id"] for one in together["found"]} == {one["id"] for one in listed}
    status = {one["device"]: one["kinds"] for one in ask(cloud, "GET", "/drift/status")["items"]}
    standing = {
        device: next(one["standing"] for one in kinds if one["kind"] == "input") for device, kinds in status.items()
    }
    assert [device for device, words in sorted(standing.items()) if words == "alarmed"] == ["cam-03", "cam-04"]
    begun = ask(cloud, "POST", "/drift/rebaseline", {"task": "meter", "labels": ["hall=2"], "note": "new lamps"})
    assert begun["devices"] == ["cam-03", "cam-04"]
    assert {one["id"] for one in listed} <= set(begun["resolved"])
    fleet.live(3, looks)
    monitor.work()
    kinds = ask(cloud, "GET", "/drift/status", device="cam-03")["items"][0]["kinds"]
    assert {(one["standing"], one["windows"], one["note"]) for one in kinds} >= {("commissioning", 3, "new lamps")}


def test_other_budgets_are_simulated_on_what_was_recorded(cloud: Cloud, fleet: DriftingFleet) -> None:
    fleet.live(12)
    monitor_of(cloud.services).work()
    fleet.live(8, {"cam-01": DARK})
    monitor_of(cloud.services).work()
    found = ask(cloud, "GET", "/drift/simulation", role="viewer", budget=[0.001, 1000])
    by = {(one["alarms_a_week_allowed"], one["kind"]): one for one in found}
    assert len(by) == 8
    assert by[0.001, "input"]["alarms"] <= by[1000, "input"]["alarms"]
    assert by[1000, "input"]["alarms"] >= 2  # of eight decisions, each alarm resolved at once
    assert by[1000, "input"]["raised"] == 1
    assert (by[1000, "input"]["streams"], by[1000, "input"]["is_promised"]) == (8, False)
    assert by[1000, "input"]["decisions"] >= 8 * 8
    budget = ask(cloud, "GET", "/drift/budget", role="viewer")
    assert {one["kind"]: round(one["alarms_a_week"]) for one in budget} == {
        "input": 70,
        "label_mix": 10,
        "model": 10,
        "event_rate": 10,
    }
    late = ask(cloud, "GET", "/drift/simulation", budget=[2], since="2027-01-01T00:00:00Z")
    assert {one["decisions"] for one in late} == {0}


def test_an_alarm_shows_samples_of_its_device_and_time_those_with_an_input_first(cloud: Cloud) -> None:
    cam = enrolled_device(cloud, "cam-01")
    for number in range(1, 4):
        cloud.client.post(
            f"{API}/device/records", content=batch([sample(number)], first=number), headers=cam.headers()
        )
        cloud.clock.advance(timedelta(minutes=40))
    stock_input(cloud.services, "acme", "cam-01", f"{BOOT}-2", PICTURE)
    alarm = stock_alarm(cloud.services, "acme", "cam-01", since=timedelta(minutes=100))
    asked = ask(cloud, "POST", f"/alarms/{alarm}/inputs")
    assert (asked["samples"], asked["here"], asked["waiting"]) == (2, 1, 1)
    longer = stock_alarm(cloud.services, "acme", "cam-01", kind="model", since=timedelta(days=40))
    assert ask(cloud, "POST", f"/alarms/{longer}/inputs")["samples"] == 0
    shown = ask(cloud, "GET", f"/alarms/{alarm}")["samples"]
    assert [(one["sample"], one["has_input"]) for one in shown] == [(f"{BOOT}-2", True), (f"{BOOT}-3", False)]


def test_an_alarm_goes_its_way_and_a_muted_one_is_told_of_to_nobody(cloud: Cloud, fleet: DriftingFleet) -> None:
    ask(cloud, "POST", "/hooks", {"way": "webhook", "url": "https://example.com/x"}, role="admin")
    ask(cloud, "POST", "/hooks", {"way": "mqtt", "events": ["rollout"]}, role="admin")
    alarm = stock_alarm(cloud.services, "acme", fleet.names[0])
    assert ask(cloud, "POST", f"/alarms/{alarm}/acknowledge", {"note": "on my way"})["state"] == "acknowledged"
    assert ask(cloud, "POST", f"/alarms/{alarm}/acknowledge", {})["note"] == "on my way"
    until = (cloud.services.now() + timedelta(hours=1)).isoformat()
    assert ask(cloud, "POST", f"/alarms/{alarm}/mute", {"until": until})["is_muted"]
    cloud.clock.advance(timedelta(hours=2))
    assert not ask(cloud, "GET", f"/alarms/{alarm}")["is_muted"]
    past = cloud.client.post(f"{API}/alarms/{alarm}/mute", json={"until": until}, headers=cloud.headers())
    assert code_of(past) == (422, "alarm.mute")
    other = stock_alarm(cloud.services, "acme", fleet.names[1])
    until = (cloud.services.now() + timedelta(hours=1)).isoformat()
    ask(cloud, "POST", f"/alarms/{other}/mute", {"until": until})
    for one in (alarm, other):
        assert ask(cloud, "POST", f"/alarms/{one}/resolve", {})["state"] == "resolved"
    again = cloud.client.post(f"{API}/alarms/{alarm}/acknowledge", json={}, headers=cloud.headers())
    assert code_of(again) == (409, "alarm.resolved")
    assert [one["id"] for one in ask(cloud, "GET", "/alarms", unresolved=False)["items"]] == [other, alarm]
    with cloud.services.database.read() as session:
        kinds = {row.id: (row.kind, row.data["alarm"]) for row in session.scalars(select(Event))}
        told = sorted(kinds[row.event] for row in session.scalars(select(HookDelivery)))
    assert told == sorted(
        [("alarm.acknowledged", alarm), ("alarm.opened", alarm), ("alarm.opened", other), ("alarm.resolved", alarm)]
    )


def test_where_a_device_and_a_cohort_stand_among_others_is_shown_by_the_fleet_or_by_what_the_bundle_brings(
    cloud: Cloud, argmax: Bundle, tmp_path: Path
) -> None:
    fleet = DriftingFleet(cloud.services, cloud.clock, devices=27, with_baseline=False)
    monitor = monitor_of(cloud.services)
    fleet.live(10)
    monitor.work()
    fleet.live(1, {"cam-03": replace(PLAIN, phi=(0, 0, 0, 0, 0, 0, 0, -80))}, monitors=[monitor])
    found = {one["device"]: one for one in ask(cloud, "GET", "/drift/fleet", task="meter")}
    assert found.keys() == set(fleet.names)
    odd = found["cam-03"]
    assert (odd["farthest"], odd["by"], odd["of_devices"]) == ("fine detail", "fleet", 26)
    assert odd["share"] < 0.01 < sorted(one["share"] for one in found.values())[5]
    assert ask(cloud, "GET", "/drift/fleet", task="meter", device="cam-03") == [odd]
    for name in ("cam-03", "cam-04"):
        ask(cloud, "PATCH", f"/devices/{name}", {"labels": {"hall": "2"}})
    (cohort,) = ask(cloud, "GET", "/drift/cohort", task="meter", label="hall=2")
    assert (cohort["devices"], cohort["of_devices"], cohort["farthest"]) == (["cam-03", "cam-04"], 25, "fine detail")
    assert [one["device"] for one in ask(cloud, "GET", "/drift/fleet", task="meter", label="hall=2")] == [
        "cam-03",
        "cam-04",
    ]
    assert fleet.alarms() == []
    (brought,) = msgspec.convert(ask(cloud, "GET", "/drift/reference", task="meter"), list[FleetReference])
    assert brought.devices == 27

    lone = cloud.headers("beta")
    for path in ("reference?task=meter", "cohort?task=meter&label=hall=2"):
        assert cloud.client.get(f"{API}/drift/{path}", headers=lone).json() == []
    wider = msgspec.structs.replace(brought, devices=300, phi=phi_name(argmax.config))
    bundle = bundle_like(argmax, tmp_path / "next", version="2", fleet_reference=wider)
    RegistryApi(cloud).stock(bundle)
    fleet.live(1, dict.fromkeys(fleet.names, replace(PLAIN, bundle=f"argmax:2@{bundle.digest}")), monitors=[monitor])
    assert {one["by"] for one in ask(cloud, "GET", "/drift/fleet", task="meter")} == {"bundle"}
    assert ask(cloud, "GET", "/drift/cohort", task="meter", label="hall=2")[0]["of_devices"] == 300


def test_another_camera_begins_anew_what_inputs_are_judged_against(cloud: Cloud, fleet: DriftingFleet) -> None:
    monitor = monitor_of(cloud.services)
    fleet.live(12)
    monitor.work()
    ask(cloud, "PATCH", "/devices/cam-03", {"labels": {"camera": "S/N 17"}})
    fleet.live(4, {"cam-03": DARK}, monitors=[monitor])
    (alarm,) = fleet.alarms(kind="input")
    assert {one["standing"] for one in kinds_of(cloud, "cam-03") if one["kind"] == "input"} == {"alarmed"}
    ask(cloud, "PATCH", "/devices/cam-03", {"labels": {"camera": "S/N 17", "hall": "2"}})
    assert {one["standing"] for one in kinds_of(cloud, "cam-03") if one["kind"] == "input"} == {"alarmed"}
    ask(cloud, "PATCH", "/devices/cam-03", {"labels": {"camera": "S/N 18"}})
    assert ask(cloud, "GET", f"/alarms/{alarm.id}")["state"] == "resolved"
    standing = {one["kind"]: (one["standing"], one["note"]) for one in kinds_of(cloud, "cam-03")}
    other = ("commissioning", "camera S/N 18 in place of S/N 17")
    assert {kind: standing[kind] for kind in ("input", "label_mix", "model")} == dict.fromkeys(
        ("input", "label_mix", "model"), other
    )
    assert standing["event_rate"] == ("fine", None)
    assert "commissioning" not in {one["standing"] for one in kinds_of(cloud, "cam-04")}
    fleet.live(12, {"cam-03": DARK}, monitors=[monitor])
    assert fleet.alarms(device="cam-03", state="open") == []


def kinds_of(cloud: Cloud, device: str) -> list[dict[str, Any]]:
    (stream,) = ask(cloud, "GET", "/drift/status", device=device)["items"]
    kinds: list[dict[str, Any]] = stream["kinds"]
    return kinds


def test_alarms_come_in_pages(cloud: Cloud, fleet: DriftingFleet) -> None:
    ids = [stock_alarm(cloud.services, "acme", name) for name in fleet.names[:5]]
    found: list[str] = []
    after: dict[str, str] = {}
    for _ in range(3):
        page = ask(cloud, "GET", "/alarms", limit=2, **after)
        found += [one["id"] for one in page["items"]]
        after = {"after": page["next"]}
    assert (sorted(found), page["next"]) == (sorted(ids), None)
    bad = cloud.client.get(f"{API}/alarms", params={"after": "elsewhere"}, headers=cloud.headers())
    assert code_of(bad) == (422, "alarms.bad_place")


def test_settings_are_checked_and_noted(cloud: Cloud) -> None:
    before = ask(cloud, "GET", "/drift/settings")
    assert (before["alarms_a_week"], before["commissioning_windows"]) == (1, 10)
    changed = {"alarms_a_week": 2, "tasks": {"meter": {"decision_inputs": 50}}}
    assert ask(cloud, "PUT", "/drift/settings", changed)["tasks"]["meter"]["decision_inputs"] == 50
    assert ask(cloud, "GET", "/drift/settings")["alarms_a_week"] == 2
    bad: list[dict[str, Any]] = [
        {"alarms_a_week": 0},
        {"commissioning_windows": 9},
        {"tasks": {"A B": {}}},
        {"else": 1},
    ]
    for wrong in bad:
        answer = cloud.client.put(f"{API}/drift/settings", json=wrong, headers=cloud.headers())
        assert answer.status_code == 422, wrong
