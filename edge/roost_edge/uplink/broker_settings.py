"""From agent.toml and the device's identity to the settings of its connections.

Inputs and answers go by `[broker]`. What the cloud shall hear goes by `[cloud] broker`, else by the broker that the
cloud named at enrolment; where that is the broker of `[broker]`, or there is neither, all goes by one connection.
"""

from collections.abc import Iterable
from pathlib import Path

from roost_edge.identity import Identity, read_identity
from roost_edge.mqtt import BrokerSettings, Subscription
from roost_edge.settings.config import AgentConfig, BrokerConfig
from roost_edge.uplink.traffic import cloud_subscriptions
from roost_shared.cloud_url import is_loopback
from roost_shared.enrolment import common_name
from roost_shared.errors import ConfigError
from roost_shared.mqtt.address import parse_broker_url
from roost_shared.topics import DeviceTopics

__all__ = ["check_brokers", "cloud_broker_url", "cloud_settings", "own_identity", "site_settings"]


def own_identity(config: AgentConfig) -> Identity | None:
    """The device's identity; None if it is not enrolled.

    Raises:
        IdentityUnreadableError: it cannot be used.
        IdentityMismatchError: it is not that of the device that agent.toml names.
    """
    identity = read_identity(config.state_dir)
    if identity is not None:
        identity.check_names(config.tenant, config.device, "agent.toml")
    return identity


def cloud_broker_url(config: AgentConfig, identity: Identity | None) -> str | None:
    """The cloud's own broker; None if it has none, or that of inputs and answers.

    Raises:
        BrokerUrlError: one of them is no broker's address.
    """
    url = _cloud_url(config, identity)
    return None if url is None or _is_site(config, url) else url


def site_settings(config: AgentConfig, identity: Identity | None, injected: Iterable[str]) -> BrokerSettings:
    """The connection for inputs and answers.

    Args:
        config: agent.toml.
        identity: ours; used where this broker is the cloud's too and `[broker]` says nothing else.
        injected: topics of external state.

    Raises:
        ConfigError: the password file cannot be read.
        BrokerUrlError: an address cannot be used.
    """
    broker = config.broker
    topics = DeviceTopics(config.tenant, config.device)
    wanted = [Subscription(topic, 1) for topic in (topics.all_inputs, *injected)]
    username, password = broker.username, _read_password(broker)
    files = (broker.cafile, broker.certfile, broker.keyfile)
    url = _cloud_url(config, identity)
    if url is None or _is_site(config, url):
        wanted += cloud_subscriptions(topics, records=config.may_capture, assigned=config.assignable)
        if identity is not None and url is not None:
            if username is None:
                username, password = _told(identity)
            if files == (None, None, None):
                files = (identity.cafile, identity.certfile, identity.keyfile)
    cafile, certfile, keyfile = files
    return BrokerSettings(
        url=broker.url,
        client_id=common_name(config.tenant, config.device),
        subscriptions=tuple(wanted),
        username=username,
        password=password,
        cafile=cafile,
        certfile=certfile,
        keyfile=keyfile,
        in_flight=config.limits.in_flight,
        keep_alive_s=broker.keep_alive_s,
    )


def cloud_settings(config: AgentConfig, identity: Identity | None, url: str) -> BrokerSettings:
    """The connection of the cloud's own; a session at its broker keeps nothing, for what we read there is retained.

    Args:
        config: agent.toml.
        identity: ours; None to go there without a certificate.
        url: see `cloud_broker_url`.
    """
    topics = DeviceTopics(config.tenant, config.device)
    subscriptions = cloud_subscriptions(topics, records=config.may_capture, assigned=config.assignable)
    username, password = (None, None) if identity is None else _told(identity)
    cafile: Path | None = None if config.cloud is None else config.cloud.cafile
    if identity is not None and cafile is None:
        cafile = identity.cafile
    return BrokerSettings(
        url=url,
        client_id=common_name(config.tenant, config.device),
        subscriptions=tuple(subscriptions),
        username=username,
        password=password,
        cafile=cafile,
        certfile=None if identity is None else identity.certfile,
        keyfile=None if identity is None else identity.keyfile,
        persistent=False,
        keep_alive_s=config.broker.keep_alive_s,
    )


def check_brokers(config: AgentConfig) -> None:
    """See that identity, addresses, certificates and password file can be used, without connecting.

    Raises:
        ContentError, DeviceError: one cannot; says which, and why.
    """
    identity = own_identity(config)
    connections = [site_settings(config, identity, ())]
    url = cloud_broker_url(config, identity)
    if url is not None:
        connections.append(cloud_settings(config, identity, url))
    for settings in connections:
        if settings.address().tls:
            settings.tls_context()


def _cloud_url(config: AgentConfig, identity: Identity | None) -> str | None:
    if config.cloud is not None and config.cloud.broker is not None:
        return config.cloud.broker
    return None if identity is None or identity.cloud.broker is None else identity.cloud.broker.url


def _told(identity: Identity) -> tuple[str | None, str | None]:
    """User name and password as the cloud gave them at enrolment, for a broker that knows no certificates."""
    broker = identity.cloud.broker
    return (None, None) if broker is None else (broker.username, broker.password)


def _is_site(config: AgentConfig, url: str) -> bool:
    return _place(url) == _place(config.broker.url)


def _place(url: str) -> tuple[str, int]:
    """Host and port; this machine's names for itself are one."""
    address = parse_broker_url(url)
    host = "localhost" if is_loopback(address.host) else address.host
    return host, address.port


def _read_password(broker: BrokerConfig) -> str | None:
    if broker.password_file is None:
        return None
    try:
        return broker.password_file.read_text().rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror or str(error) if isinstance(error, OSError) else "not text"
        raise ConfigError(
            where=str(broker.password_file),
            key="broker.password_file",
            problem=problem,
            remedy="Make it a text file that the agent may read",
        ) from error
