"""What the broker and the network can do to the connection, and that it comes back."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from roost_edge.loop.reactor import Reactor
from roost_edge.mqtt import NOTHING, BrokerSettings, Outcome, Subscription
from roost_shared.clock import SECOND, SystemClock
from roost_shared.mqtt.faults import (
    BrokerFileError,
    BrokerLostError,
    BrokerRefusedError,
    BrokerSilentError,
    BrokerUnreachableError,
)
from tests.support.driven import DrivenConnection
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.mqtt_peer import MqttPeer
from tests.support.proxy import Proxy

Make = Callable[..., DrivenConnection]
Connect = Callable[..., MqttPeer]


@pytest.mark.parametrize("version", [5, 4])
def test_a_restarted_broker_is_found_again_and_delivers_what_it_had_accepted(
    mosquitto: Mosquitto, driven: Make, connect: Connect, version: int
) -> None:
    agent = driven(mosquitto.url, "in/+", version=version)
    agent.hold = True
    agent.start()
    connect(mosquitto.port).publish("in/a", b"accepted")
    agent.until(lambda: agent.messages, "an input")
    mosquitto.stop()
    agent.until(lambda: agent.errors, "noticed")
    mosquitto.start()
    agent.until(lambda: len(agent.sessions) == 2, "connected again")
    assert agent.sessions == [False, True], "the broker kept the session on disk"
    agent.until(lambda: len(agent.messages) == 2, "delivered again")
    first, again = agent.messages
    assert again.dup
    assert again.redelivery_of == first.receipt
    assert again.connection_number > first.connection_number
    connect(mosquitto.port).publish("in/a", b"new")
    agent.until(lambda: len(agent.messages) == 3, "subscribed still")


def test_no_input_comes_under_two_receipts_though_the_broker_has_more_under_way_than_it_may(
    mosquitto: Mosquitto, proxy: Proxy, driven: Make, connect: Connect
) -> None:
    """Mosquitto 2.0 has, in the end, all that waited under way, and loses all acknowledgements of it in a cut."""
    agent = driven(proxy.url, "in/+")
    agent.start()
    sensor = connect(mosquitto.port)
    for turn in range(1, 6):
        for number in range(100):
            sensor.publish("in/a", b"%d-%d" % (turn, number), wait=number == 99)
        seen = len(agent.messages)
        agent.until(lambda: len(agent.messages) >= seen + 40, "some of them")  # noqa: B023 - called at once
        proxy.cut()
        agent.until(lambda: len(agent.sessions) > turn, "connected again")  # noqa: B023 - called at once
    agent.until(lambda: len({message.payload for message in agent.messages}) == 500, "all of them")
    repeated = len(agent.messages) - 500
    assert repeated, "acknowledgements were lost"
    assert len({message.receipt for message in agent.messages}) == 500
    assert sum(message.redelivery_of is not None for message in agent.messages) == repeated


@pytest.mark.parametrize("version", [5, 4])
def test_a_silent_cut_longer_than_the_keep_alive_is_noticed_and_nothing_is_lost(
    mosquitto: Mosquitto, proxy: Proxy, driven: Make, connect: Connect, version: int
) -> None:
    agent = driven(proxy.url, "in/+", version=version, keep_alive_s=1)
    agent.start()
    sensor = connect(mosquitto.port)
    sensor.publish("in/a", b"before")
    agent.until(lambda: agent.messages, "an input")
    proxy.black_hole()
    sensor.publish("in/a", b"meanwhile")
    agent.until(lambda: agent.errors, "the silence was noticed")
    assert isinstance(agent.errors[0], BrokerSilentError)
    proxy.restore()
    agent.until(lambda: agent.messages[-1].payload == b"meanwhile", "what was sent meanwhile")
    assert agent.messages[-1].backlog
    again = agent.messages[1:-1]  # the cut may have swallowed our acknowledgement of the first
    assert all(message.redelivery_of == agent.messages[0].receipt for message in again)
    assert agent.sessions == [False, True]


def test_an_acknowledgement_lost_in_a_dead_link_makes_no_new_input(
    mosquitto: Mosquitto, proxy: Proxy, driven: Make, connect: Connect
) -> None:
    agent = driven(proxy.url, "in/+", keep_alive_s=1)
    agent.hold = True
    agent.start()
    connect(mosquitto.port).publish("in/a", b"x")
    agent.until(lambda: agent.messages, "an input")
    proxy.black_hole()
    receipt = agent.messages[0].receipt
    assert receipt is not None
    agent.connection.settle(receipt)
    assert agent.connection.unacknowledged == 0, "it was acknowledged, as far as we can know"
    agent.until(lambda: agent.errors, "the silence was noticed")
    proxy.restore()
    agent.until(lambda: len(agent.messages) == 2, "delivered again")
    assert agent.messages[1].redelivery_of == receipt


def test_a_cut_connection_is_never_acknowledged_on_the_next(
    mosquitto: Mosquitto, proxy: Proxy, driven: Make, connect: Connect
) -> None:
    agent = driven(proxy.url, "in/+", in_flight=2)
    agent.hold = True
    agent.start()
    sensor = connect(mosquitto.port)
    for payload in (b"1", b"2", b"3"):
        sensor.publish("in/a", payload)
    agent.until(lambda: len(agent.messages) == 2, "a window")
    proxy.cut()
    agent.until(lambda: agent.errors, "cut")
    assert isinstance(agent.errors[0], BrokerLostError)
    first, second = agent.messages
    assert first.receipt is not None
    agent.connection.settle(first.receipt)  # too late for its connection
    agent.until(lambda: len(agent.messages) >= 4, "delivered again")
    assert [message.redelivery_of for message in agent.messages[2:4]] == [first.receipt, second.receipt]
    assert agent.connection.unacknowledged == 2, "a message already settled is acknowledged when settled again"
    for message in (first, second):
        assert message.receipt is not None
        agent.connection.settle(message.receipt)
    agent.until(lambda: len(agent.messages) == 5, "the third")
    assert agent.messages[4].payload == b"3"


def test_an_answer_taken_before_the_cut_arrives_after_it(
    mosquitto: Mosquitto, proxy: Proxy, driven: Make, connect: Connect
) -> None:
    caller = connect(mosquitto.port)
    caller.subscribe("out")
    agent = driven(proxy.url, keep_alive_s=1)
    agent.start()
    proxy.black_hole()
    published = agent.connection.publish("out", b"answer", qos=1)
    assert published.handed
    agent.until(lambda: agent.errors, "the silence was noticed")
    proxy.restore()
    agent.until(lambda: agent.confirmed_mids == [published.mid], "confirmed")
    assert caller.next()[0].payload == b"answer"


def test_a_stalled_broker_does_not_grow_our_memory(mosquitto: Mosquitto, driven: Make) -> None:
    agent = driven(mosquitto.url, outgoing_limit_bytes=1 << 20)
    agent.start()
    mosquitto.pause()
    chunk = bytes(200_000)
    outcomes = [agent.connection.publish("out", chunk).outcome for _ in range(100)]
    mosquitto.resume()
    assert Outcome.HANDED in outcomes
    assert Outcome.WAITING in outcomes
    assert outcomes[-1] is Outcome.FULL
    assert outcomes.count(Outcome.WAITING) <= 6
    agent.until(lambda: agent.connection.publish("out", b"x").handed, "the socket has room again")


@pytest.mark.parametrize("version", [5, 4])
def test_a_clone_that_takes_our_place_ends_the_connection(
    mosquitto: Mosquitto, driven: Make, connect: Connect, version: int
) -> None:
    agent = driven(mosquitto.url, client_id="cam-01", version=version)
    agent.start()
    connect(mosquitto.port, client_id="cam-01")
    agent.until(lambda: agent.errors, "thrown out")
    assert isinstance(agent.errors[0], BrokerLostError)


def test_a_broker_that_says_so_lets_us_know_of_the_clone(driven: Make) -> None:
    with _server(b"\x20\x03\x00\x00\x00" + b"\xe0\x02\x8e\x00") as port:  # CONNACK, DISCONNECT 0x8E
        agent = driven(f"mqtt://127.0.0.1:{port}")
        agent.start()
        agent.until(lambda: agent.errors, "thrown out")
        error = agent.errors[0]
        assert isinstance(error, BrokerLostError)
        assert error.taken_over


def test_holding_off_leaves_the_broker_alone(mosquitto: Mosquitto, driven: Make) -> None:
    agent = driven(mosquitto.url)
    agent.start()
    began_ns = agent.reactor.now_ns()
    agent.connection.hold_off(SECOND)
    assert not agent.connection.connected
    agent.until(lambda: len(agent.sessions) == 2, "back")
    assert agent.reactor.now_ns() - began_ns >= SECOND


def test_other_settings_are_gone_by_at_once(mosquitto: Mosquitto, driven: Make) -> None:
    agent = driven(mosquitto.url)
    agent.start()
    mosquitto.pause()
    mid = agent.connection.publish("out", b"x", qos=1).mid
    agent.connection.remake(settings(mosquitto.url, "in", username="another"))
    assert not agent.connection.connected
    mosquitto.resume()
    agent.until(lambda: len(agent.sessions) == 2, "back")
    assert agent.dropped_mids == [mid]
    assert "u'another'" in mosquitto.log
    agent.connection.publish("in", b"y", qos=1)
    agent.until(lambda: agent.messages, "subscribed")


@pytest.mark.parametrize("when", ["opening", "greeting", "waiting"])
def test_other_settings_end_an_attempt_by_those_before(mosquitto: Mosquitto, driven: Make, when: str) -> None:
    with _server(answer=None) as silent:
        agent = driven(f"mqtt://127.0.0.1:{silent if when == 'greeting' else free_port()}")
        agent.connection.start()
        if when == "greeting":
            agent.until(lambda: agent.connection.unsent() is not NOTHING, "a socket")
        elif when == "waiting":
            agent.until(lambda: agent.errors, "an attempt in vain")
        agent.connection.remake(settings(mosquitto.url))
        agent.until(lambda: agent.sessions, "connected")


def test_settings_that_cannot_be_used_change_nothing(mosquitto: Mosquitto, driven: Make) -> None:
    agent = driven(mosquitto.url)
    agent.start()
    with pytest.raises(BrokerFileError):
        agent.connection.remake(settings("mqtts://127.0.0.1", cafile=Path("/nowhere")))
    assert agent.connection.connected


def settings(url: str, *topics: str, **more: Any) -> BrokerSettings:
    subscriptions = tuple(Subscription(topic, 1) for topic in topics)
    return BrokerSettings(url=url, client_id="cam-01", subscriptions=subscriptions, **more)


@contextmanager
def _server(answer: bytes | None) -> Iterator[int]:
    """Accepts, reads, and answers once, or never; closes at the end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        clients: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                clients.append(client)
                if answer is not None and client.recv(4096):
                    client.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for client in clients:
            client.close()


def test_a_server_that_never_answers_is_given_up_and_tried_again(driven: Make) -> None:
    with _server(answer=None) as port:
        agent = driven(f"mqtt://127.0.0.1:{port}", connect_timeout_s=0.2)
        agent.connection.start()
        agent.until(lambda: len(agent.errors) == 2, "two attempts")
        assert [type(error) for error in agent.errors] == [BrokerSilentError] * 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="another protocol"),
        pytest.param(b"\x20\x03\x00\x00\x7f", id="broken CONNACK"),
        pytest.param(b"\x20\x05\x00\x00\x02\x24\x01\x30\x05\x00\x02in\xff", id="broken PUBLISH after CONNACK"),
        pytest.param(b"\x90\xff\xff\xff\xff\xff", id="broken length"),
        pytest.param(b"\xf0\x00", id="AUTH nobody asked for"),
    ],
)
def test_a_server_that_talks_nonsense_ends_the_attempt_and_nothing_else(driven: Make, answer: bytes) -> None:
    with _server(answer) as port:
        agent = driven(f"mqtt://127.0.0.1:{port}", connect_timeout_s=0.5)
        agent.connection.start()
        agent.until(lambda: len(agent.errors) >= 2, "two attempts")


def test_an_old_broker_that_refuses_mqtt_5_gets_3_1_1_at_once(driven: Make) -> None:
    with _server(b"\x20\x02\x00\x01") as port:  # the CONNACK of MQTT 3.1.1: unacceptable protocol version
        agent = driven(f"mqtt://127.0.0.1:{port}")
        agent.connection.start()
        agent.until(lambda: agent.errors, "refused by 3.1.1 too")
        assert agent.connection.version == 4


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "a..b"])
def test_nobody_listening_and_no_such_host_are_tried_again(driven: Make, host: str) -> None:
    agent = driven(f"mqtt://{host}:{free_port()}")
    agent.connection.start()
    agent.until(lambda: len(agent.errors) >= 2, "two attempts", timeout_s=40)
    assert {type(error) for error in agent.errors} == {BrokerUnreachableError}
    assert host in str(agent.errors[0])


def test_a_plain_broker_is_no_mqtts_broker(mosquitto: Mosquitto, driven: Make) -> None:
    agent = driven(mosquitto.url.replace("mqtt:", "mqtts:"), connect_timeout_s=2)
    agent.connection.start()
    agent.until(lambda: agent.errors, "refused")
    assert isinstance(agent.errors[0], BrokerUnreachableError)


def test_a_missing_certificate_file_is_found_before_any_attempt(tmp_path: Path) -> None:
    reactor = Reactor(SystemClock())
    with closing(reactor), pytest.raises(BrokerFileError, match="nowhere"):
        DrivenConnection("mqtts://127.0.0.1", cafile=tmp_path / "nowhere.pem", reactor=reactor)


@pytest.mark.parametrize("version", [5, 4])
def test_a_refused_subscription_is_told_with_its_topic(tmp_path: Path, driven: Make, version: int) -> None:
    # Mosquitto's acl_file grants every subscription and withholds the messages; its plugin says no.
    plugins = sorted(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    if not plugins:
        pytest.skip("this Mosquitto has no dynamic security plugin")
    rules = tmp_path / "rules.json"
    rules.write_text('{"defaultACLAccess": {"subscribe": false}}')
    with Mosquitto(tmp_path, extra=f"plugin {plugins[0]}\nplugin_opt_config_file {rules}") as broker:
        agent = driven(broker.url, "in/+", version=version)
        agent.start()
        agent.until(lambda: agent.refusals, "refused")
        assert agent.refusals[0].topic == "in/+"
        assert agent.refusals[0].reason >= 0x80
        assert agent.connection.connected


@pytest.mark.parametrize("version", [5, 4])
def test_wrong_credentials_are_a_refusal_and_tried_again(tmp_path: Path, driven: Make, version: int) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    with Mosquitto(tmp_path, replace={"allow_anonymous": "false"}, extra=f"password_file {passwords}") as broker:
        agent = driven(broker.url, username="cam", password="wrong", version=version)
        agent.connection.start()
        agent.until(lambda: len(agent.errors) == 2, "refused twice")
        assert isinstance(agent.errors[0], BrokerRefusedError)
        assert agent.connection.version == version, "not a matter of the protocol's version"
