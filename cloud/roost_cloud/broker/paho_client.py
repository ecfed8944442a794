"""The paho client of one connection, made by its settings."""

import ssl
from typing import Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from roost_cloud.broker.settings import LinkSettings
from roost_shared.mqtt.address import BrokerAddress
from roost_shared.mqtt.dialect import Version
from roost_shared.mqtt.prompt_sending import send_at_once

__all__ = ["connect_properties", "new_client"]

_MQTT5: Final = 5
_WINDOW: Final = 100  # QoS 1 messages of ours unconfirmed at a time, where the broker allows that
_RECEIVE_MAXIMUM: Final = 65535


def new_client(settings: LinkSettings, address: BrokerAddress, tls: ssl.SSLContext | None, version: Version) -> Client:
    """A client that connects when it is told to, and acknowledges what it is told to."""
    five = version == _MQTT5
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=settings.client_id,
        clean_session=None if five else settings.session_expiry_s == 0,
        protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.on_socket_open = send_at_once
    client.connect_timeout = settings.connect_timeout_s
    client.max_inflight_messages = _WINDOW
    if settings.username is not None:
        client.username_pw_set(settings.username, settings.password)
    elif address.username is not None:
        client.username_pw_set(address.username, address.password)
    if tls is not None:
        client.tls_set_context(tls)
    return client


def connect_properties(settings: LinkSettings, version: Version) -> Properties | None:
    """What CONNECT says beside, which only MQTT 5 can."""
    if version != _MQTT5:
        return None
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho left it untyped
    properties.ReceiveMaximum = min(settings.incoming_limit, _RECEIVE_MAXIMUM)
    if settings.session_expiry_s:
        properties.SessionExpiryInterval = settings.session_expiry_s
    return properties
