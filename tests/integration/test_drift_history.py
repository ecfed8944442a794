"""How devices went, decision by decision, as pages draw it. On both databases."""

from dataclasses import replace
from typing import Any

from tests.support.cloud import Cloud
from tests.support.drifting import PLAIN, DriftingFleet, monitor_of
from tests.support.fleet import API

DARK = replace(PLAIN, phi=(-9, -6, 0, 0, 0, 0, 0, 0))


def ask(cloud: Cloud, path: str, **query: Any) -> Any:
    answer = cloud.client.get(f"{API}{path}", headers=cloud.headers("acme", "viewer"), params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_device_s_statistics_leave_their_bands_when_its_world_changes(cloud: Cloud) -> None:
    fleet = DriftingFleet(cloud.services, cloud.clock, devices=8, with_baseline=False)
    fleet.live(12)
    monitor_of(cloud.services).work()
    fleet.live(4, {"cam-03": DARK})
    monitor_of(cloud.services).work()

    found = {one["kind"]: one for one in ask(cloud, "/drift/history", device="cam-03", task="meter")}
    assert set(found) == {"input", "label_mix", "model", "event_rate"}
    looks = found["input"]
    assert [point["commissioning"] for point in looks["points"]] == 10 * [True] + 6 * [False]
    assert [point["exceeded"] for point in looks["points"]][-4:] == 4 * [True]
    assert [alarm["resolved_at"] for alarm in looks["alarms"]] == [None]
    by = {one["word"]: one for one in looks["statistics"]}
    dark, calm = by["brightness"], by["fine detail"]
    assert max(dark["values"][-4:]) < dark["low"] < min(dark["values"][:10]) <= max(dark["values"][:10]) < dark["high"]
    assert calm["low"] < calm["values"][-1] < calm["high"]
    shares = [one["values"][0] for one in found["label_mix"]["statistics"]]
    assert round(sum(shares), 6) == 1
    (sure,) = found["model"]["statistics"]
    assert 0.8 < sure["low"] < sure["mean"] < sure["high"] <= 1
    (rate,) = found["event_rate"]["statistics"]
    assert 0.8 < rate["mean"] < 1.2, "some sixty a minute"

    lines = ask(cloud, "/drift/lines", device=["cam-03", "cam-04"], last=5)
    assert {(one["device"], len(one["points"])) for one in lines} == {("cam-03", 5), ("cam-04", 5)}
    (line,) = [one for one in lines if (one["device"], one["kind"]) == ("cam-03", "input")]
    assert line["points"] == looks["points"][-5:]
    (short,) = ask(cloud, "/drift/history", device="cam-03", task="meter", kind="input", last=3)
    assert [point["number"] for point in short["points"]] == [14, 15, 16]
    assert ask(cloud, "/drift/history", device="cam-03", task="another") == []
