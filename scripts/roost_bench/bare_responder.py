"""A bare MQTT responder: the least that anything answering over MQTT costs. `bare_responder PORT MODEL`.

`echo/in` is answered on `echo/out` at once; `bare/in` on `bare/out` after decoding the image and running the model, in
the same process and thread.
"""

import sys
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from scripts.roost_bench.bare_model import BareModel
from scripts.roost_bench.site import send_at_once

REPLY = b'{"label": "macaw"}' + b" " * 1000  # as long as an answer


def main() -> None:
    """Answer for ever."""
    model = BareModel(Path(sys.argv[2]))
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_socket_open = send_at_once

    def reply(_client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.topic == "bare/in":
            model(bytes(message.payload))
            client.publish("bare/out", REPLY)
        else:
            client.publish("echo/out", REPLY)

    client.on_message = reply
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect("127.0.0.1", int(sys.argv[1]))
    client.subscribe([("echo/in", 0), ("bare/in", 0)])
    client.loop_forever()


if __name__ == "__main__":
    main()
