"""The embedded broker's fence is Mosquitto's, rule by rule: `firmware-config/mosquitto` says both."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from roost_cloud.broker.access import CLOUD_USERNAME, Action, allowed

ACLS = Path(__file__).parents[4] / "firmware-config" / "mosquitto"
DEVICE = "acme/d/cam-01"
OF_SENSORS = {("write", "out/meter"), ("read", "in/meter")}  # where a device's site has no broker of its own
KINDS = (
    "state",
    "reported",
    "telemetry",
    "desired",
    "score",
    "watermark",
    "ask/meter",
    "in/meter",
    "out/meter",
    "other",
)
ACTIONS: dict[str, tuple[Action, ...]] = {"write": ("publish",), "read": ("subscribe", "receive")}


def rules(file: str, begin: str) -> set[tuple[str, str]]:
    """What a file grants below a root, as (access, kind)."""
    line = re.compile(rf"^{begin} (read|write) roost/1/(?:%u|\+/d/\+|\+/d/%c)/(\S+)$", re.MULTILINE)
    return {(access, kind.replace("+", "meter")) for access, kind in line.findall((ACLS / file).read_text())}


@pytest.mark.parametrize(
    ("username", "root", "granted"),
    [
        pytest.param(DEVICE, DEVICE, lambda: rules("devices.acl", "pattern") | OF_SENSORS, id="device"),
        pytest.param(DEVICE, "acme/d/cam-02", set, id="another device"),
        pytest.param(DEVICE, "beta/d/cam-01", set, id="another tenant"),
        pytest.param(CLOUD_USERNAME, DEVICE, lambda: rules("services.acl", "topic"), id="cloud"),
        pytest.param(
            CLOUD_USERNAME,
            "acme/d/cloud.1f",
            lambda: rules("services.acl", "topic") | rules("services.acl", "pattern"),
            id="cloud, asking",
        ),
        pytest.param("somebody", "somebody", set, id="no identity"),
    ],
)
def test_nothing_is_granted_that_mosquitto_would_not(
    username: str, root: str, granted: Callable[[], set[tuple[str, str]]]
) -> None:
    found = {
        (access, kind, action)
        for access, actions in ACTIONS.items()
        for kind in KINDS
        for action in actions
        if allowed(username, f"roost/1/{root}/{kind}", action)
    }
    assert found == {(access, kind, action) for access, kind in granted() for action in ACTIONS[access]}


def test_the_files_are_read_as_they_are_meant() -> None:
    assert len(rules("devices.acl", "pattern")) == 8
    assert len(rules("services.acl", "topic")) == 7
    assert len(rules("services.acl", "pattern")) == 2


@pytest.mark.parametrize(
    "topic", ["", "#", "+/+", f"roost/1/{DEVICE}", f"roost/1/{DEVICE}/state/more", f"x/1/{DEVICE}/state"]
)
def test_what_is_no_topic_of_the_fleet_s_is_nobody_s(topic: str) -> None:
    for username in (DEVICE, CLOUD_USERNAME):
        assert not any(allowed(username, topic, action) for actions in ACTIONS.values() for action in actions)


def test_what_happened_the_cloud_tells_and_no_device_reads_or_says() -> None:
    assert "topic write roost/1/+/events/+" in (ACLS / "services.acl").read_text().splitlines()
    assert "events" not in (ACLS / "devices.acl").read_text()
    topic = "roost/1/acme/events/alarm"
    assert allowed(CLOUD_USERNAME, topic, "publish")
    assert not any(allowed(CLOUD_USERNAME, topic, action) for action in ACTIONS["read"])
    for device in (DEVICE, "acme/d/events", "events/d/alarm"):
        assert not any(allowed(device, topic, action) for actions in ACTIONS.values() for action in actions)
