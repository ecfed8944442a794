"""Hooks are told of events: by HTTPS with a signature, by MQTT, again and again until they accept, and no further."""

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from roost_cloud.broker.link import BrokerLink
from roost_cloud.broker.settings import LinkSettings
from roost_cloud.events import hooks, queue
from roost_cloud.events.addresses import parse_networks
from roost_cloud.events.deliverer import Deliverer
from roost_cloud.events.publishing import publish
from roost_cloud.events.signature import secret_of, verifies
from roost_cloud.events.webhook import (
    Resolve,
    Webhook,
    WebhookForbiddenError,
    WebhookGoneError,
    WebhookRefusedError,
    resolve,
)
from tests.support.certificates import Authority
from tests.support.cloud import Cloud
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.mqtt_peer import MqttPeer
from tests.support.waiting import until

HERE = parse_networks(["127.0.0.0/8", "::1/128"])


@dataclass
class Receiver:
    """An HTTPS server that keeps what it is told."""

    port: int
    statuses: list[int] = field(default_factory=list)  # to answer with, in order; then 204
    told: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/hook?of=acme"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("hook-ca"), "hooks")


@pytest.fixture(scope="module")
def served(authority: Authority) -> Iterator[Receiver]:
    receiver = Receiver(0)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.told.append((self.path, dict(self.headers), body))
            status = receiver.statuses.pop(0) if receiver.statuses else 204
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "https://169.254.169.254/")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("receiver", "localhost"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield receiver
    server.shutdown()
    server.server_close()


@pytest.fixture
def receiver(served: Receiver) -> Receiver:
    served.statuses.clear()
    served.told.clear()
    return served


@pytest.fixture
def webhook(authority: Authority) -> Webhook:
    return Webhook(HERE, authority.cafile)


def deliverer(cloud: Cloud, webhook: Webhook, link: BrokerLink | None = None) -> Deliverer:
    services = cloud.services
    settings: dict[str, Any] = {"key": services.token_key, "clock": services.clock, "metrics": CollectorRegistry()}
    return Deliverer(services.database, webhook, link, draw=lambda: 1.0, **settings)


def add(cloud: Cloud, way: hooks.Way = "webhook", url: str | None = None, nouns: tuple[str, ...] = ()) -> str:
    cloud.tenant("acme")
    with cloud.services.database.begin() as session:
        return hooks.add(session, "acme", way, url, nouns, actor="ann", now=cloud.services.now()).id


def happen(cloud: Cloud, kind: str = "alarm.opened", **data: Any) -> str:
    with cloud.services.database.begin() as session:
        return publish(session, "acme", kind, data, cloud.services.now()).id


def counts(cloud: Cloud) -> dict[str, int]:
    with cloud.services.database.read() as session:
        (found,) = hooks.counts(session, "acme").values()
    return found


def test_a_webhook_is_told_with_a_signature_that_only_its_secret_makes(
    cloud: Cloud, receiver: Receiver, webhook: Webhook
) -> None:
    hook = add(cloud, url=receiver.url, nouns=("alarm",))
    event = happen(cloud, device="cam-01")
    happen(cloud, "rollout.tripped")  # of which it wants to know nothing
    assert deliverer(cloud, webhook).tell() == 1
    ((path, headers, body),) = receiver.told
    assert path == "/hook?of=acme"
    assert json.loads(body) == {
        "schema_version": 1,
        "id": event,
        "kind": "alarm.opened",
        "at": "2026-11-24T12:00:00Z",
        "tenant": "acme",
        "data": {"device": "cam-01"},
    }
    assert (headers["Roost-Event"], headers["Roost-Event-Id"]) == ("alarm.opened", event)
    now = int(cloud.services.now().timestamp())
    secret = secret_of(cloud.services.token_key, "acme", hook)
    assert verifies(secret, body, headers["Roost-Signature"], now=now)
    assert not verifies(secret_of(cloud.services.token_key, "beta", hook), body, headers["Roost-Signature"], now=now)
    assert counts(cloud) == {"accepted": 1}
    assert deliverer(cloud, webhook).tell() == 0


def test_who_does_not_accept_is_told_again_later_and_given_up_after_days(
    cloud: Cloud, receiver: Receiver, webhook: Webhook
) -> None:
    add(cloud, url=receiver.url)
    first = happen(cloud)
    receiver.statuses += [503, 302, 404]
    telling = deliverer(cloud, webhook)
    assert telling.tell() == 1
    assert telling.tell() == 0  # not yet
    for wait in (10, 20, 40):
        assert counts(cloud) == {"pending": 1}
        cloud.clock.advance(timedelta(seconds=wait))
        assert telling.tell() == 1
    assert counts(cloud) == {"accepted": 1}
    assert [headers["Roost-Event-Id"] for _, headers, _ in receiver.told] == [first] * 4
    assert len({body for _, _, body in receiver.told}) == 1
    happen(cloud)
    cloud.clock.advance(timedelta(days=3))
    receiver.statuses.append(500)
    telling.tell()
    assert counts(cloud) == {"accepted": 1, "given_up": 1}


def test_who_is_gone_is_told_no_more(cloud: Cloud, receiver: Receiver, webhook: Webhook) -> None:
    add(cloud, url=receiver.url)
    happen(cloud)
    receiver.statuses.append(410)
    deliverer(cloud, webhook).tell()
    assert counts(cloud) == {"given_up": 1}


def test_what_a_deliverer_died_over_another_tells_and_two_take_nothing_twice(
    cloud: Cloud, receiver: Receiver, webhook: Webhook
) -> None:
    add(cloud, url=receiver.url)
    happen(cloud)
    with cloud.services.database.begin() as session:
        assert len(queue.take(session, cloud.services.now(), limit=10)) == 1  # and then it dies
    assert deliverer(cloud, webhook).tell() == 0
    cloud.clock.advance(queue.LEASE)
    assert deliverer(cloud, webhook).tell() == 1
    assert counts(cloud) == {"accepted": 1}


def test_a_slow_receiver_holds_up_nobody_but_itself(cloud: Cloud, receiver: Receiver, authority: Authority) -> None:
    let_go, asked = threading.Event(), threading.Semaphore(0)

    def find(host: str, port: int) -> Sequence[str]:
        if host == "slow.example":
            asked.release()
            let_go.wait(30)
            raise OSError("nobody")
        return resolve(host, port)

    add(cloud, url="https://slow.example/")
    quick = add(cloud, url=receiver.url)
    telling = deliverer(cloud, Webhook(HERE, authority.cafile, find))
    try:
        happen(cloud)
        telling.start()
        assert asked.acquire(timeout=30)
        for _ in range(4):
            happen(cloud)
        until(lambda: counts_of(cloud)[quick] == {"accepted": 5}, "the quick one has all")
        assert not asked.acquire(blocking=False)  # one thread is at the slow one, whatever else is due there
    finally:
        let_go.set()
        telling.stop()


def counts_of(cloud: Cloud) -> dict[str, dict[str, int]]:
    with cloud.services.database.read() as session:
        return dict(hooks.counts(session, "acme"))


def test_a_deleted_hook_is_told_nothing_and_old_events_are_forgotten(
    cloud: Cloud, receiver: Receiver, webhook: Webhook
) -> None:
    hook = add(cloud, url=receiver.url)
    happen(cloud)
    with cloud.services.database.begin() as session:
        hooks.delete(session, "acme", hook, actor="ann", now=cloud.services.now())
    assert deliverer(cloud, webhook).tell() == 0
    assert receiver.told == []
    cloud.clock.advance(timedelta(days=15))
    with cloud.services.database.begin() as session:
        assert queue.forget(session, cloud.services.now()) == 1


BODY = b"{}"


def resolving_to(addresses: list[str]) -> Resolve:
    def find(_host: str, _port: int) -> list[str]:
        return addresses

    return find


def test_a_name_that_leads_to_a_forbidden_address_is_not_followed(authority: Authority, receiver: Receiver) -> None:
    with pytest.raises(WebhookForbiddenError, match=r"127\.0\.0\.1"):
        Webhook((), authority.cafile).post(receiver.url, BODY, {})
    for answers in (["169.254.169.254"], ["93.184.215.14", "fd00::1"], ["::ffff:169.254.169.254"]):
        with pytest.raises(WebhookForbiddenError):
            Webhook((), authority.cafile, resolving_to(answers)).post("https://evil.example", BODY, {})
    assert receiver.told == []


def test_a_receiver_must_be_who_its_name_says_and_be_trusted(
    authority: Authority, receiver: Receiver, webhook: Webhook
) -> None:
    elsewhere = Webhook(HERE, authority.cafile, resolving_to(["127.0.0.1"]))
    with pytest.raises(WebhookRefusedError, match=r"other\.example"):
        elsewhere.post(f"https://other.example:{receiver.port}/", BODY, {})
    with pytest.raises(WebhookRefusedError, match="certificate"):
        Webhook(HERE).post(receiver.url, BODY, {})
    with pytest.raises(WebhookRefusedError):
        webhook.post(f"https://localhost:{free_port()}/", BODY, {})
    receiver.statuses.append(410)
    with pytest.raises(WebhookGoneError):
        webhook.post(receiver.url, BODY, {})


def test_a_receiver_that_speaks_too_slowly_is_cut_off(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roost_cloud.events.webhook._IN_ALL_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://localhost:{silent.getsockname()[1]}/"
        with pytest.raises(WebhookRefusedError):
            Webhook(HERE, authority.cafile).post(url, BODY, {})


def test_whoever_listens_at_the_broker_is_told_and_nothing_is_retained(
    cloud: Cloud, webhook: Webhook, tmp_path: Path
) -> None:
    add(cloud, "mqtt")
    with Mosquitto(tmp_path) as broker:
        link = BrokerLink(
            LinkSettings(url=f"mqtt://127.0.0.1:{broker.port}", client_id="roost-cloud-monitor-1", subscriptions=())
        )
        with MqttPeer(broker.port) as peer:
            peer.subscribe("roost/1/acme/events/+")
            telling = deliverer(cloud, webhook, link)
            event = happen(cloud, device="cam-01")
            telling.start()
            until(lambda: peer.messages, "the event")
            until(lambda: counts(cloud) == {"accepted": 1}, "noted")
            telling.stop()
            (message,) = peer.messages
            assert (message.topic, message.retain) == ("roost/1/acme/events/alarm", False)
            assert json.loads(message.payload)["id"] == event


def test_without_a_broker_it_waits_for_one(cloud: Cloud, webhook: Webhook) -> None:
    add(cloud, "mqtt")
    happen(cloud)
    assert deliverer(cloud, webhook).tell() == 1
    assert counts(cloud) == {"pending": 1}
