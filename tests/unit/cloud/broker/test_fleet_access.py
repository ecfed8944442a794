"""Who is let in at the embedded broker, what is retained, and how far wildcards reach."""

from hashlib import sha256
from typing import get_args

import pytest

from roost_cloud.broker.access import CLOUD_USERNAME, Action, Anybody, FleetAccess, allowed

CAM, OTHER = "acme/d/cam-01", "acme/d/cam-02"
KINDS = ("state", "reported", "telemetry", "ask/meter", "out/meter", "desired", "score", "in/meter", "elsewhere")
ACTIONS: tuple[Action, ...] = get_args(Action)


def test_a_name_only_like_the_clouds_own_is_a_devices() -> None:
    assert allowed(CLOUD_USERNAME, "roost/1/acme/d/cloud.1a2b/ask/meter", "publish")
    assert not allowed(CLOUD_USERNAME, "roost/1/acme/d/my-cloud.1/ask/meter", "publish")


@pytest.mark.parametrize(
    "username", ["", "acme", "acme/d", "acme/d/", "/d/cam", "acme/x/cam", "acme/d/cam/x", "A/d/cam"]
)
@pytest.mark.parametrize("action", ACTIONS)
def test_who_is_no_device_may_nothing(username: str, action: Action) -> None:
    for root in (username, CAM):
        assert not any(allowed(username, f"roost/1/{root}/{kind}", action) for kind in KINDS), root


@pytest.mark.parametrize(
    ("username", "topic"),
    [
        (CAM, f"roost/1/{CAM}/in/+"),
        (CLOUD_USERNAME, "roost/1/+/d/+/ask/+"),
        (CLOUD_USERNAME, "roost/1/acme/d/+/state"),
        (CLOUD_USERNAME, "roost/1/+/d/cloud.1a2b/score"),
    ],
)
def test_a_wildcard_is_for_subscriptions_and_reaches_as_far_as_the_rules(username: str, topic: str) -> None:
    assert allowed(username, topic, "subscribe")
    assert not allowed(username, topic, "receive")


@pytest.mark.parametrize("wildcard", ["+", "#"])
def test_no_will_and_no_message_goes_to_a_wildcard(wildcard: str) -> None:
    for action in ("publish", "receive"):
        for kind in ("ask", "out", "in"):
            assert not allowed(CAM, f"roost/1/{CAM}/{kind}/{wildcard}", action)


def test_what_may_be_retained() -> None:
    access = FleetAccess(lambda _: None, "secret")
    for username, kept in ((CAM, {"state", "reported"}), (CLOUD_USERNAME, {"desired"})):
        assert {kind for kind in KINDS if access.may_retain(username, f"roost/1/{CAM}/{kind}")} == kept
    assert not access.may_retain(CAM, "state")
    assert not access.may_retain(CLOUD_USERNAME, "desired")


@pytest.mark.parametrize(
    ("username", "password", "client_id", "welcome"),
    [
        pytest.param(CAM, "cam's", CAM, True, id="a device"),
        pytest.param(CAM, "cam's", OTHER, False, id="in another's place"),
        pytest.param(CAM, "cam's", "", False, id="in nobody's place"),
        pytest.param(CAM, "cloud's", CAM, False, id="with the cloud's password"),
        pytest.param(CAM, None, CAM, False, id="without a password"),
        pytest.param(OTHER, "cam's", OTHER, False, id="unknown or revoked"),
        pytest.param(None, "cam's", CAM, False, id="without a name"),
        pytest.param(CLOUD_USERNAME, "cloud's", "roost-cloud-1", True, id="the cloud"),
        pytest.param(CLOUD_USERNAME, "cam's", "roost-cloud-1", False, id="the cloud, with a device's password"),
        pytest.param("sensor", "cam's", "sensor", False, id="who is no device"),
    ],
)
def test_who_is_let_in(username: str | None, password: str | None, client_id: str, *, welcome: bool) -> None:
    digests = {CAM: sha256(b"cam's").hexdigest(), "sensor": sha256(b"cam's").hexdigest()}
    assert FleetAccess(digests.get, "cloud's").authenticate(username, password, client_id) is welcome


def test_each_connect_is_looked_up_anew() -> None:
    digests = {CAM: sha256(b"cam's").hexdigest()}
    access = FleetAccess(digests.get, "cloud's")
    assert access.authenticate(CAM, "cam's", CAM)
    digests.clear()
    assert not access.authenticate(CAM, "cam's", CAM)


def test_who_gave_no_name_may_nothing() -> None:
    assert not FleetAccess(lambda _: None, "secret").may(None, f"roost/1/{CAM}/state", "publish")


def test_anybody_may_everything() -> None:
    access = Anybody()
    assert access.authenticate(None, None, "")
    assert access.may(None, "#", "subscribe")
    assert access.may_retain(None, "x")
