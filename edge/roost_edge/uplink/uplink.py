"""The device's way to the cloud: its traffic on one connection or the other, and the identity it goes there with.

None of it is needed to answer: whatever is wrong here is counted, told by `status`, and tried again.
"""

import logging
from collections.abc import Callable
from typing import Any

from roost_edge.identity import Identity, is_enrolled
from roost_edge.identity.watch import IdentityWatch
from roost_edge.intake.site_connection import SiteConnection
from roost_edge.loop.reactor import Reactor
from roost_edge.mqtt import BrokerSettings
from roost_edge.settings.config import AgentConfig
from roost_edge.uplink.broker_settings import cloud_broker_url, cloud_settings, own_identity
from roost_edge.uplink.connection import CloudConnection
from roost_edge.uplink.traffic import CloudTraffic, Riders
from roost_shared.clock import Clock
from roost_shared.complaints import Complaints
from roost_shared.enrolment import common_name
from roost_shared.topics import DeviceTopics

__all__ = ["Uplink"]

log = logging.getLogger(__name__)


class Uplink:
    """Keeps the device in touch with the cloud.

    Args:
        config: agent.toml.
        identity: ours, None if the device is not enrolled or its identity cannot be read.
        site: the connection of inputs and answers; carries the cloud's traffic too where that has none of its own.
        riders: have their say to the cloud.
        reactor: the agent's loop.
        clock: for wall time.
        complaints: hears of faults.
        topics: the device's.
        boot: unique to this start of the agent.

    Raises:
        BrokerUrlError: the cloud's broker has no usable address.
    """

    def __init__(
        self,
        config: AgentConfig,
        identity: Identity | None,
        site: SiteConnection,
        riders: Riders,
        reactor: Reactor,
        clock: Clock,
        complaints: Complaints,
        *,
        topics: DeviceTopics,
        boot: str,
    ) -> None:
        self._config = config
        self._identity = identity
        self._site = site
        self._reactor = reactor
        self._complaints = complaints
        self._url = cloud_broker_url(config, identity)
        self._connection: CloudConnection | None = None
        if self._url is None:
            self._traffic = CloudTraffic(topics, boot, site.connection, riders, reactor, complaints)
            site.carry(self._traffic)
        else:
            self._connection = CloudConnection(
                self._cloud_settings,
                reactor,
                complaints,
                topics=topics,
                boot=boot,
                riders=riders,
            )
            self._traffic = self._connection.traffic
        self._watch = IdentityWatch(
            config.state_dir,
            None if config.cloud is None else config.cloud.url,
            common_name(config.tenant, config.device),
            reactor,
            clock,
            complaints,
            away_ns=lambda: self._traffic.away_ns,
            on_changed=self._identity_changed,
        )

    @property
    def problem(self) -> str | None:
        """`duplicate_identity` while another device uses our name, else None."""
        return self._traffic.problem

    def start(self) -> None:
        """Begin to connect, and to look after the identity where there is one or should be."""
        if self._connection is not None:
            self._connection.start()
        if self._config.cloud is not None or is_enrolled(self._config.state_dir):
            self._watch.start(self._identity)

    def stop(self, on_stopped: Callable[[], None]) -> None:
        """Say that we stop, and call `on_stopped` once the cloud's own broker has it."""
        self._watch.stop()
        if self._connection is None:
            self._traffic.say_stopped()
            self._reactor.call_soon(on_stopped)
        else:
            self._connection.stop(on_stopped)

    def describe(self) -> dict[str, Any]:
        """Its part of the status document; `broker` is None where the site's carries the traffic."""
        return {
            "broker": None if self._connection is None else self._connection.describe(),
            "identity": self._watch.describe(),
        }

    def _cloud_settings(self) -> BrokerSettings:
        """By the identity as it is by then."""
        assert self._url is not None  # noqa: S101 - else there is no connection of the cloud's own
        return cloud_settings(self._config, own_identity(self._config), self._url)

    def _identity_changed(self, identity: Identity) -> None:
        log.info("the identity has changed")
        url = cloud_broker_url(self._config, identity)
        if (url is None) != (self._url is None):
            self._complaints.note("cloud.moved", "the cloud's broker is another now: start the agent anew")
            return
        self._url = url
        self._site.identify(identity)
        if self._connection is not None:
            self._connection.remake()
