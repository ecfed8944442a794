"""Who may do what at a real Mosquitto with our configuration, access lists and certificates."""

from collections.abc import Iterator

import pytest

from tests.support.fenced_broker import Device, FencedBroker
from tests.support.mqtt_peer import MqttPeer

MARK = "mark"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FencedBroker]:
    with FencedBroker(tmp_path_factory.mktemp("fence")) as broker:
        yield broker


@pytest.fixture
def broker(running: FencedBroker) -> Iterator[FencedBroker]:
    yield running
    running.forget_peers()


@pytest.fixture(scope="module")
def own(running: FencedBroker) -> Device:
    return running.device("acme", "cam-01")


@pytest.fixture(scope="module")
def neighbour(running: FencedBroker) -> Device:
    return running.device("acme", "cam-02")


@pytest.fixture(scope="module")
def stranger(running: FencedBroker) -> Device:
    """Of another tenant, by the same name."""
    return running.device("other", "cam-01")


KINDS = ("state", "reported", "telemetry", "ask/meter", "desired", "score", "watermark", "in/meter", "out/meter")
READ = ("desired", "score", "watermark")  # what the cloud tells a device
EVENTS = "roost/1/acme/events/alarm"  # what it tells people's programs
FOREIGN = (
    "roost/1/acme/d/cam-01",
    "roost/1/acme/d/cam-01/ask",
    "roost/1/acme/d/cam-01/ask/meter/more",
    "roost/1/acme/d/cam-01/state/more",
    "roost/1/acme/d/cam-011/state",
    "roost/1/acme/state",
    EVENTS,
    "roost/1/state",
    "roost/2/acme/d/cam-01/state",
    "state",
    "elsewhere",
)


def every_topic(*devices: Device) -> list[str]:
    return [f"{device.root}/{kind}" for device in devices for kind in KINDS] + list(FOREIGN)


def topics_of(peer: MqttPeer, mark: str) -> set[str]:
    """What a peer received until the mark, which is sent last."""
    peer.wait(lambda: any(message.topic == mark for message in peer.messages), "the mark")
    return {message.topic for message in peer.messages} - {mark}


def what_passes(broker: FencedBroker, writer: MqttPeer, topics: list[str], mark: str, *, retain: bool) -> set[str]:
    """Which of these topics a writer's messages get to; `mark` is one they do."""
    witness = broker.enter_openly()
    witness.subscribe("#")
    witness.messages.clear()  # retained by others
    for topic in topics:
        writer.publish(topic, b"written", retain=retain)
    writer.publish(mark, b"mark")
    witness.wait(lambda: any(m.topic == mark and m.payload == b"mark" for m in witness.messages), "the mark")
    return {message.topic for message in witness.messages if message.payload == b"written"}


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("retain", [False, True])
def test_a_device_writes_its_own_words_only(
    broker: FencedBroker, own: Device, neighbour: Device, stranger: Device, version: int, *, retain: bool
) -> None:
    topics = every_topic(own, neighbour, stranger)
    passed = what_passes(
        broker, broker.enter(own.shown, version=version), topics, f"{own.root}/telemetry", retain=retain
    )
    assert passed == {f"{own.root}/{kind}" for kind in ("state", "reported", "telemetry", "ask/meter")}


@pytest.mark.parametrize(
    "filters",
    [
        ["#"],
        ["+/+/+/+/+/+", "+/+/+/+/+/+/+"],
        ["roost/1/#", "$SYS/#"],
        ["roost/1/+/d/+/#"],
        [f"roost/1/acme/d/+/{kind}" for kind in (*READ, "state")],
        ["$share/any/roost/1/#"],
        ["$share/any/#"],
    ],
    ids=",".join,
)
@pytest.mark.parametrize("retained", [False, True])
def test_a_device_reads_what_is_for_it_only(
    broker: FencedBroker, own: Device, neighbour: Device, stranger: Device, filters: list[str], *, retained: bool
) -> None:
    topics = every_topic(own, neighbour, stranger)
    mark = f"{own.root}/desired"
    writer = broker.enter_openly()
    reader = broker.enter(own.shown)
    if retained:
        for topic in topics:
            writer.publish(topic, b"kept", retain=True)
    for one in filters:
        reader.subscribe(one)
    for topic in topics if not retained else []:
        writer.publish(topic, b"fresh")
    reader.subscribe(mark)
    writer.publish(mark, b"mark")
    reader.wait(lambda: any(m.payload == b"mark" for m in reader.messages), "the mark")
    allowed = {f"{own.root}/{kind}" for kind in ("state", *READ)}
    seen = {message.topic for message in reader.messages if message.payload != b"mark"}
    assert seen <= allowed
    if not retained:
        assert seen == allowed  # and not blind
    for topic in topics if retained else []:
        writer.publish(topic, b"", retain=True)


def test_a_will_reaches_no_further_than_its_device(broker: FencedBroker, own: Device, neighbour: Device) -> None:
    witness = broker.enter_openly()
    witness.subscribe("roost/1/acme/#")
    witness.messages.clear()
    broker.enter(own.shown, will=(f"{neighbour.root}/state", b"forged")).vanish()
    broker.enter(own.shown, will=(f"{own.root}/state", b"own")).vanish()
    witness.wait(lambda: any(m.payload == b"own" for m in witness.messages), "the device's own will")
    assert [message.topic for message in witness.messages] == [f"{own.root}/state"]


@pytest.mark.parametrize("claim", ["acme/d/cam-02", "roost-cloud", ""])
def test_a_stated_username_counts_for_nothing(
    broker: FencedBroker, own: Device, neighbour: Device, claim: str
) -> None:
    liar = broker.enter(own.shown, username=claim, password="whatever")
    topics = [f"{neighbour.root}/state", f"{neighbour.root}/desired", f"{own.root}/desired"]
    assert what_passes(broker, liar, topics, f"{own.root}/telemetry", retain=False) == set()


def test_a_stated_client_id_throws_nobody_out(broker: FencedBroker, own: Device, neighbour: Device) -> None:
    victim = broker.enter(neighbour.shown, client_id=neighbour.identity)
    cloud = broker.enter_as_cloud(client_id="ingest-1")
    for client_id in (neighbour.identity, "ingest-1"):
        with broker.enter(own.shown, client_id=client_id) as intruder:
            intruder.publish(f"{own.root}/state", b"here")
    victim.publish(f"{neighbour.root}/state", b"still here")
    cloud.subscribe(f"{own.root}/state")
    assert victim.disconnects == cloud.disconnects == []


def test_whoever_shows_a_devices_certificate_again_takes_its_place(broker: FencedBroker, own: Device) -> None:
    first = broker.enter(own.shown)
    broker.enter(own.shown)
    first.wait(lambda: bool(first.disconnects), "the first is out")


def test_an_asking_process_asks_and_hears_under_its_client_id_alone(broker: FencedBroker, own: Device) -> None:
    asking = broker.enter_as_cloud(client_id="cloud.1a2b")
    scorer = broker.enter_as_cloud(client_id="scorer")
    other = broker.enter_as_cloud(client_id="cloud.3c4d")
    device = broker.enter(own.shown)
    scorer.subscribe("roost/1/+/d/+/ask/+")
    for peer in (asking, other, device):
        peer.subscribe("roost/1/+/d/cloud.1a2b/score")
    for peer, body in ((other, b"other's"), (device, b"device's"), (asking, b"own")):
        peer.publish("roost/1/acme/d/cloud.1a2b/ask/meter", body)
    asking.publish(f"{own.root}/ask/meter", b"a device's")
    asking.publish("roost/1/other/d/cloud.1a2b/ask/meter", b"last")
    assert [message.payload for message in scorer.next(2)] == [b"own", b"last"]
    device.publish("roost/1/acme/d/cloud.1a2b/score", b"forged")
    scorer.publish("roost/1/acme/d/cloud.1a2b/score", b"scored")
    assert asking.next()[0].payload == b"scored"
    assert other.messages == device.messages == []


def test_the_cloud_reads_what_devices_say_and_writes_what_they_read(
    broker: FencedBroker, own: Device, stranger: Device
) -> None:
    cloud = broker.enter_as_cloud()
    cloud.subscribe("#")
    cloud.messages.clear()
    topics = [topic for topic in every_topic(own, stranger) if "cam-011" not in topic]
    mark = f"{own.root}/desired"
    passed = what_passes(broker, cloud, topics, mark, retain=False)
    assert passed == {f"{device.root}/{kind}" for device in (own, stranger) for kind in READ} | {EVENTS}
    writer = broker.enter_openly()
    for topic in topics:
        writer.publish(topic, b"fresh")
    writer.publish(f"{own.root}/telemetry", b"mark")
    cloud.wait(lambda: any(m.payload == b"mark" for m in cloud.messages), "the mark")
    kinds = ("state", "reported", "telemetry", "ask/meter")
    assert {m.topic for m in cloud.messages} == {
        f"{device.root}/{kind}" for device in (own, stranger) for kind in kinds
    }


@pytest.mark.parametrize(("joined", "swallowed"), [("scorers", True), ("scorers-of-another-name", False)])
def test_a_device_that_knows_a_groups_name_swallows_its_messages_so_the_name_has_to_be_a_secret(
    broker: FencedBroker, own: Device, neighbour: Device, joined: str, *, swallowed: bool
) -> None:
    """Mosquitto grants every subscription, and drops what it then finds its chosen reader may not read."""
    questions = "roost/1/+/d/+/ask/+"
    scorer = broker.enter_as_cloud()
    scorer.subscribe(f"$share/scorers/{questions}")
    scorer.subscribe(f"{neighbour.root}/telemetry")
    thief = broker.enter(own.shown)
    thief.subscribe(f"$share/{joined}/{questions}")
    asking = broker.enter(neighbour.shown)
    for _ in range(10):
        asking.publish(f"{neighbour.root}/ask/meter", b"question")
    asking.publish(f"{neighbour.root}/telemetry", b"mark")
    scorer.wait(lambda: any(m.payload == b"mark" for m in scorer.messages), "the mark")
    assert thief.messages == []
    assert (len(scorer.messages) - 1 < 10) is swallowed
