"""Ends a device's connection: enters the broker under the device's client id, which MQTT lets one client have.

Works where the broker makes a device's identity its client id (Mosquitto: `use_username_as_clientid`), and where the
cloud's own roles may choose theirs. The device's stored session goes with it. Whether it may come back is for the
broker's other means to say: revocation list first, then this.
"""

import time
from pathlib import Path
from ssl import SSLContext
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from roost_shared.mqtt.address import BrokerAddress, parse_broker_url
from roost_shared.mqtt.faults import BrokerRefusedError, BrokerSilentError, BrokerUnreachableError
from roost_shared.mqtt.tls import client_context

__all__ = ["Expeller"]

_TIMEOUT_S: Final = 5.0  # seconds the broker has for each step
_TURN_S: Final = 0.1
_KEEP_ALIVE_S: Final = 10


class Expeller:
    """Takes devices' places at one broker.

    Args:
        url: the broker's listener for the cloud's own roles.
        cafile: whom to trust there; None: the system's authorities.
        certfile: a certificate by the services CA (PEM).
        keyfile: its key.

    Raises:
        BrokerUrlError, BrokerFileError: the address or a file cannot be used.
    """

    def __init__(self, url: str, *, cafile: Path | None, certfile: Path, keyfile: Path) -> None:
        self._address: BrokerAddress = parse_broker_url(url)
        self._tls: SSLContext | None = client_context(cafile, certfile, keyfile) if self._address.tls else None

    def expel(self, identity: str) -> None:
        """End the connection of `identity`, if it has one; returns when the broker has done so.

        Raises:
            BrokerUnreachableError, BrokerRefusedError, BrokerSilentError: it may still be connected.
        """
        answers: list[ReasonCode] = []

        def note(_client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
            answers.append(reason)

        client = Client(
            CallbackAPIVersion.VERSION2, client_id=identity, clean_session=True, protocol=MQTTProtocolVersion.MQTTv311
        )
        client.on_connect = note
        client.connect_timeout = _TIMEOUT_S
        if self._tls is not None:
            client.tls_set_context(self._tls)
        try:
            client.connect(self._address.host, self._address.port, keepalive=_KEEP_ALIVE_S)
            ends = time.monotonic() + _TIMEOUT_S
            state = MQTTErrorCode.MQTT_ERR_SUCCESS
            while not answers and state == MQTTErrorCode.MQTT_ERR_SUCCESS and time.monotonic() < ends:
                state = client.loop(_TURN_S)
        except OSError as error:
            raise BrokerUnreachableError(f"{self._address.host}:{self._address.port}: {error}") from error
        finally:
            client.disconnect()
        if not answers and state != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerUnreachableError(f"{self._address.host}:{self._address.port} shut the door: {state.name}")
        if not answers:
            raise BrokerSilentError(f"the broker said nothing for {_TIMEOUT_S:g} s when asked to expel {identity}")
        if answers[0].is_failure:
            raise BrokerRefusedError(answers[0].value, str(answers[0]))
