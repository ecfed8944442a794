"""A camera: it publishes photos of a folder to one MQTT topic, and reads answers from another. No Roost in it.

    camera.py PORT FOLDER [--forever]

It says at the end how many answers were in time, and how many right: a photo's folder is its label.
"""

import argparse
import itertools
import json
import queue
import random
from collections.abc import Iterable
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

TOPIC = "roost/1/acme/d/cam-01"


def main() -> None:
    """Show the photos, one after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--forever", action="store_true", help="begin anew at the end")
    given = parser.parse_args()
    photos: Iterable[Path] = sorted(given.folder.glob("*/*"))
    photos = random.Random(2).sample(list(photos), len(list(photos)))

    answers: queue.Queue[bytes | bytearray] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe(f"{TOPIC}/out/meter", qos=1)
    client.on_message = lambda _client, _data, message: answers.put(message.payload)
    client.connect("127.0.0.1", given.port)
    client.loop_start()
    shown = in_time = right = 0
    for photo in itertools.cycle(photos) if given.forever else photos:
        client.publish(f"{TOPIC}/in/meter", photo.read_bytes(), qos=1)
        answer = json.loads(answers.get(timeout=30))
        shown += 1
        in_time += answer["deadline_met"]
        right += answer["label"] == photo.parent.name
    print(f"{in_time} of {shown} answered by the deadline, {right / shown:.1%} rightly")
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
