"""A bare MQTT responder: the least that anything answering over MQTT costs. `bare_responder PORT`."""

import sys
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from scripts.roost_bench.site import send_at_once

REPLY = b'{"label": "macaw"}' + b" " * 1000  # as long as an answer


def main() -> None:
    """Answer everything on `echo/in` on `echo/out`, for ever."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_socket_open = send_at_once

    def reply(_client: Client, _data: Any, _message: MQTTMessage) -> None:
        client.publish("echo/out", REPLY)

    client.on_message = reply
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect("127.0.0.1", int(sys.argv[1]))
    client.subscribe("echo/in")
    client.loop_forever()


if __name__ == "__main__":
    main()
