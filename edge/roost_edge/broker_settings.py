"""From agent.toml to the settings of the connection for inputs and answers."""

from collections.abc import Iterable

from roost_edge.config import AgentConfig, BrokerConfig
from roost_edge.mqtt import BrokerSettings, Subscription
from roost_shared.errors import ConfigError

__all__ = ["broker_settings", "check_broker"]


def broker_settings(config: AgentConfig, topics: Iterable[str]) -> BrokerSettings:
    """The connection's settings.

    Args:
        config: agent.toml.
        topics: what to subscribe to, at QoS 1.

    Raises:
        ConfigError: the password file cannot be read.
    """
    broker = config.broker
    return BrokerSettings(
        url=broker.url,
        client_id=f"{config.tenant}/d/{config.device}",
        subscriptions=tuple(Subscription(topic, 1) for topic in topics),
        username=broker.username,
        password=_read_password(broker),
        cafile=broker.cafile,
        certfile=broker.certfile,
        keyfile=broker.keyfile,
        in_flight=config.limits.in_flight,
        keep_alive_s=broker.keep_alive_s,
    )


def check_broker(config: AgentConfig) -> None:
    """See that address, certificates and password file can be used, without connecting.

    Raises:
        ContentError: one cannot; says which, and why.
    """
    settings = broker_settings(config, ())
    if settings.address().tls:
        settings.tls_context()


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
