"""How much of what we published has not left: the connection's own queue and the kernel's."""

from collections.abc import Callable

from roost_edge.mqtt import NOTHING, Outcome
from tests.support.driven import DrivenConnection
from tests.support.mosquitto import Mosquitto


def test_what_a_broker_does_not_read_is_unsent_until_it_does(
    mosquitto: Mosquitto, driven: Callable[..., DrivenConnection]
) -> None:
    device = driven(mosquitto.url)
    assert device.connection.unsent() == NOTHING
    device.start()
    device.until(lambda: device.connection.unsent() == NOTHING, "the greeting is the broker's")
    mosquitto.pause()
    published = 1
    while device.connection.publish("here", bytes(100_000)).outcome is Outcome.HANDED:
        published += 1
    waiting = device.connection.unsent()
    # One message counts as a whole while a part of it waits for the socket, and Mosquitto's kernel has taken some.
    assert 100_000 <= waiting.unsent_bytes <= waiting.unacknowledged_bytes <= (published + 1) * 101_000
    mosquitto.resume()
    device.until(lambda: device.connection.unsent() == NOTHING, "the broker has it all")
