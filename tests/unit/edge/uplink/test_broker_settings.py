"""Which broker gets what, by agent.toml and what the cloud said at enrolment."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from roost_edge.identity import CloudBroker, CloudRecord, Identity, IdentityMismatchError
from roost_edge.mqtt import BrokerSettings
from roost_edge.settings.config import AgentConfig, BrokerConfig, CloudConfig
from roost_edge.uplink.broker_settings import cloud_broker_url, cloud_settings, site_settings

ROOT = "roost/1/acme/d/cam-01"
FOLDER = Path("/state/identity.d/1")
SITE = "mqtt://127.0.0.1:1883"
CLOUD = "mqtts://roost.example:8883"


def config(*, site: BrokerConfig | None = None, cloud: CloudConfig | None = None) -> AgentConfig:
    return AgentConfig(tenant="acme", device="cam-01", broker=site or BrokerConfig(), cloud=cloud)


def identity(broker: CloudBroker | None = None, device: str = "cam-01") -> Identity:
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    record = CloudRecord(
        tenant="acme", device=device, url="https://roost.example", not_before=begin, not_after=end, broker=broker
    )
    return Identity(FOLDER, record)


def topics(settings: BrokerSettings) -> list[str]:
    return [one.topic for one in settings.subscriptions]


@pytest.mark.parametrize(
    ("file", "told", "url"),
    [
        pytest.param(None, None, None, id="nobody-names-one"),
        pytest.param(CLOUD, None, CLOUD, id="agent.toml"),
        pytest.param(None, "mqtt://told:1", "mqtt://told:1", id="enrolment"),
        pytest.param(CLOUD, "mqtt://told:1", CLOUD, id="agent.toml-goes-first"),
        pytest.param(SITE, CLOUD, None, id="the-site-s"),
        pytest.param(None, "mqtt://localhost", None, id="the-site-s-by-another-name"),
        pytest.param("mqtt://[::1]:1883", None, None, id="the-site-s-by-version-6"),
        pytest.param("mqtt://127.0.0.1:1884", None, "mqtt://127.0.0.1:1884", id="another-port"),
    ],
)
def test_which_broker_is_the_cloud_s_own(file: str | None, told: str | None, url: str | None) -> None:
    cloud = None if file is None else CloudConfig(broker=file)
    ours = None if told is None else identity(CloudBroker(url=told))
    assert cloud_broker_url(config(cloud=cloud), ours) == url
    at_site = topics(site_settings(config(cloud=cloud), ours, ["site/weather"]))
    cloud_s = ["state", "score"] if cloud is None else ["state", "score", "watermark", "desired"]
    carried = [f"{ROOT}/{topic}" for topic in cloud_s] if url is None else []
    assert at_site == [f"{ROOT}/in/+", "site/weather", *carried]


def test_at_the_cloud_s_broker_the_device_shows_its_identity() -> None:
    settings = cloud_settings(config(), identity(CloudBroker(url=CLOUD)), CLOUD)
    assert (settings.client_id, settings.username, settings.persistent) == ("acme/d/cam-01", None, False)
    assert (settings.cafile, settings.certfile, settings.keyfile) == (
        FOLDER / "ca.crt",
        FOLDER / "device.crt",
        FOLDER / "device.key",
    )
    assert topics(settings) == [f"{ROOT}/state", f"{ROOT}/score"]


def test_agent_toml_may_name_another_authority_and_the_password_goes_where_it_says() -> None:
    cloud = CloudConfig(broker="mqtts://nat.example", cafile=Path("/etc/ca.pem"))
    told = CloudBroker(url=CLOUD, username="acme/d/cam-01", password="pw")
    settings = cloud_settings(config(cloud=cloud), identity(told), "mqtts://nat.example")
    assert (settings.cafile, settings.username, settings.password) == (Path("/etc/ca.pem"), "acme/d/cam-01", "pw")


def test_a_device_that_is_not_enrolled_goes_there_without_a_certificate() -> None:
    settings = cloud_settings(config(), None, CLOUD)
    assert (settings.cafile, settings.certfile, settings.keyfile, settings.username) == (None, None, None, None)


def test_where_the_site_s_broker_is_the_cloud_s_the_identity_serves_unless_the_file_says_otherwise() -> None:
    told = identity(CloudBroker(url=SITE, username="acme/d/cam-01", password="pw"))
    settings = site_settings(config(), told, ())
    assert (settings.username, settings.password, settings.keyfile) == ("acme/d/cam-01", "pw", FOLDER / "device.key")
    own = BrokerConfig(username="me", cafile=Path("/ca.pem"))
    settings = site_settings(config(site=own), told, ())
    assert (settings.username, settings.password) == ("me", None)
    assert (settings.cafile, settings.keyfile) == (Path("/ca.pem"), None)


def test_a_site_s_broker_of_its_own_is_told_nothing_of_the_identity() -> None:
    settings = site_settings(config(), identity(CloudBroker(url=CLOUD, username="u", password="pw")), ())
    assert (settings.username, settings.password, settings.certfile) == (None, None, None)


def test_an_identity_is_checked_against_the_file() -> None:
    identity().check_names("acme", "cam-01", "agent.toml")
    with pytest.raises(IdentityMismatchError, match=r"agent\.toml says acme/cam-01, but .* is that of acme/cam-02"):
        identity(device="cam-02").check_names("acme", "cam-01", "agent.toml")
