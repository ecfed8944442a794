"""The agent's connections to MQTT brokers, driven by its own loop.

- `settings.py`: what a connection is told: address, identity, subscriptions, limits.
- `link.py`: one paho client; the only file that knows paho. It tells by `notes.py`; `opener.py` opens it.
- `connection.py`: keeps a link up, for ever, and tells its owner by `events.py`; why it ended is decided in
  `endings.py`, when to try again in `pauses.py`. What is shared with the cloud's connections lies in
  `roost_shared.mqtt`.
- `traffic.py`: messages (`message.py`) in and out, by the pure decisions of `acknowledgements.py`, `backlog.py`,
  `outgoing.py`.
- `kernel_queue.py`: what the kernel still holds of it.
- `announcer.py`: birth and will on the retained `state` topic, by `roost_edge.uplink.presence`.
"""

from roost_edge.mqtt.connection import BrokerConnection
from roost_edge.mqtt.events import ConnectionEvents, Counters, describe_connection
from roost_edge.mqtt.kernel_queue import NOTHING, Unsent
from roost_edge.mqtt.message import Properties, Received, Will
from roost_edge.mqtt.outgoing import Outcome, Published
from roost_edge.mqtt.settings import BrokerSettings, Subscription

__all__ = [
    "NOTHING",
    "BrokerConnection",
    "BrokerSettings",
    "ConnectionEvents",
    "Counters",
    "Outcome",
    "Properties",
    "Published",
    "Received",
    "Subscription",
    "Unsent",
    "Will",
    "describe_connection",
]
