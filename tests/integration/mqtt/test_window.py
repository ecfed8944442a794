"""The broker's window: what it may have under way to us, whatever it makes of what we told it."""

from collections.abc import Callable

import pytest

from tests.support.driven import DrivenConnection
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_peer import MqttPeer


@pytest.mark.parametrize("version", [5, 4])
def test_no_more_inputs_are_handed_on_unacknowledged_than_may_be_in_flight(
    mosquitto: Mosquitto,
    driven: Callable[..., DrivenConnection],
    connect: Callable[..., MqttPeer],
    version: int,
) -> None:
    """Mosquitto 2.0.11 sends two queued messages for each acknowledgement."""
    agent = driven(mosquitto.url, "in/+", version=version, keep_alive_s=1)
    agent.hold = True
    agent.start()
    sensor = connect(mosquitto.port)
    for number in range(70):
        sensor.publish("in/a", b"%d" % number, wait=number == 69)
    agent.until(lambda: len(agent.messages) == 20, "a window")
    for settled in range(70):
        receipt = agent.messages[settled].receipt
        assert receipt is not None
        agent.connection.settle(receipt)
        agent.until(lambda: len(agent.messages) == min(70, settled + 21), "the next")  # noqa: B023 - called at once
        assert agent.connection.unacknowledged <= 20
    assert [message.payload for message in agent.messages] == [b"%d" % number for number in range(70)]


def test_a_full_window_outlasts_the_keep_alive(
    mosquitto: Mosquitto, driven: Callable[..., DrivenConnection], connect: Callable[..., MqttPeer]
) -> None:
    agent = driven(mosquitto.url, "in/+", keep_alive_s=1, in_flight=2)
    agent.hold = True
    agent.start()
    sensor = connect(mosquitto.port)
    for number in range(9):
        sensor.publish("in/a", b"%d" % number)
    agent.until(lambda: len(agent.messages) == 2, "a window")
    for settled in range(3):  # by then it has sent more than it may
        receipt = agent.messages[settled].receipt
        assert receipt is not None
        agent.connection.settle(receipt)
        agent.until(lambda: len(agent.messages) == settled + 3, "the next")  # noqa: B023 - called at once
    began_ns = agent.reactor.now_ns()
    agent.until(lambda: agent.reactor.now_ns() - began_ns > 3_000_000_000, "three times the keep-alive")
    assert not agent.errors
    assert len(agent.messages) == 5


def test_answers_that_wait_for_the_broker_s_word_hold_up_no_input(
    mosquitto: Mosquitto, driven: Callable[..., DrivenConnection], connect: Callable[..., MqttPeer]
) -> None:
    """Both windows full at once: inputs are settled by confirmations, which come after inputs on the same wire."""
    agent = driven(mosquitto.url, "in/+")
    agent.hold = True
    agent.start()
    sensor = connect(mosquitto.port)
    sensor.subscribe("out")
    for number in range(300):
        sensor.publish("in/a", b"%d" % number, wait=number == 299)
    waiting: dict[int, int] = {}
    confirmed = 0
    answered = 0

    def answer_all() -> bool:
        nonlocal answered, confirmed
        for message in agent.messages[answered:]:
            published = agent.connection.publish("out", message.payload, qos=1)
            assert published.mid is not None
            assert message.receipt is not None
            waiting[published.mid] = message.receipt
            answered += 1
        for mid in agent.confirmed_mids[confirmed:]:
            agent.connection.settle(waiting.pop(mid))
            confirmed += 1
        return confirmed == 300

    agent.until(answer_all, "all confirmed", timeout_s=6)  # 0.2 s; read but twice a second, 12 s
    assert sorted(int(message.payload) for message in sensor.next(300)) == list(range(300))
    assert not agent.errors
