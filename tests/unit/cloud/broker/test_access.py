"""The fence of the embedded broker as a table: who may do what on which topic, and who is let in at all."""

from hashlib import sha256
from typing import get_args

import pytest

from roost_cloud.broker.access import CLOUD_USERNAME, Action, Anybody, FleetAccess, allowed

CAM, OTHER, STRANGER = "acme/d/cam-01", "acme/d/cam-02", "zeta/d/cam-01"
OWN = "acme/d/cloud.1a2b"  # a name of the cloud's
KINDS = ("state", "reported", "telemetry", "ask/meter", "out/meter", "desired", "score", "in/meter", "elsewhere")
DEVICE_WRITES = {"state", "reported", "telemetry", "ask/meter", "out/meter"}
DEVICE_READS = {"desired", "score", "state", "in/meter"}
CLOUD_WRITES = {"desired", "score"}
CLOUD_READS = {"state", "reported", "telemetry", "ask/meter"}
ACTIONS: tuple[Action, ...] = get_args(Action)


def fenced_in(username: str, owner: str, action: Action) -> set[str]:
    """What below `owner`'s root a user may do."""
    return {kind for kind in KINDS if allowed(username, f"roost/1/{owner}/{kind}", action)}


@pytest.mark.parametrize("action", ACTIONS)
def test_a_device_has_its_own_topics_alone(action: Action) -> None:
    assert fenced_in(CAM, CAM, action) == (DEVICE_WRITES if action == "publish" else DEVICE_READS)
    for owner in (OTHER, STRANGER, OWN):
        assert fenced_in(CAM, owner, action) == set(), owner


@pytest.mark.parametrize("owner", [CAM, STRANGER])
@pytest.mark.parametrize("action", ACTIONS)
def test_the_cloud_has_the_other_side_of_every_device(owner: str, action: Action) -> None:
    assert fenced_in(CLOUD_USERNAME, owner, action) == (CLOUD_WRITES if action == "publish" else CLOUD_READS)


def test_under_a_name_of_its_own_the_cloud_also_asks() -> None:
    assert fenced_in(CLOUD_USERNAME, OWN, "publish") == {*CLOUD_WRITES, "ask/meter"}
    assert fenced_in(CLOUD_USERNAME, OWN, "subscribe") == {*CLOUD_READS, "score"}
    assert not allowed(CLOUD_USERNAME, "roost/1/acme/d/my-cloud.1/ask/meter", "publish")


@pytest.mark.parametrize(
    "username", ["", "acme", "acme/d", "acme/d/", "/d/cam", "acme/x/cam", "acme/d/cam/x", "A/d/cam"]
)
@pytest.mark.parametrize("action", ACTIONS)
def test_who_is_no_device_may_nothing(username: str, action: Action) -> None:
    assert fenced_in(username, username, action) == set()
    assert fenced_in(username, CAM, action) == set()


@pytest.mark.parametrize(
    "topic", ["", "roost", "roost/1/acme/d", "roost/1/acme/d/cam-01", "roost/2/acme/d/cam-01/state"]
)
@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_no_topic_of_a_device_is_nobodys(topic: str, action: Action) -> None:
    assert not allowed(CAM, topic, action)
    assert not allowed(CLOUD_USERNAME, topic, action)


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
