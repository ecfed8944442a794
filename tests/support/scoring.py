"""A cloud with scorers, a tenant's bundles and tasks, and devices that ask."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any, Self

import msgspec
from prometheus_client import CollectorRegistry

from roost_cloud.scorer.role import make_scorer
from roost_cloud.scorer.worker import Scorer
from roost_shared.bundle import Bundle
from roost_shared.clock import SystemClock
from roost_shared.questions import CloudScore, Question, decode_msgpack, encode_msgpack
from tests.support.cloud import Cloud
from tests.support.mqtt_peer import MqttPeer
from tests.support.registry import RegistryApi
from tests.support.waiting import PATIENCE_S, until

__all__ = ["AskingDevice", "ScoringSite"]


class AskingDevice:
    """Asks, and collects what comes back.

    Args:
        port: the broker's.
        tenant: whose it is.
        device: its name.
        login: further arguments of `MqttPeer`.
    """

    def __init__(self, port: int, tenant: str = "acme", device: str = "cam-01", **login: Any) -> None:
        self.root = f"roost/1/{tenant}/d/{device}"
        self.peer = MqttPeer(port, **login)
        self.peer.subscribe(f"{self.root}/score", qos=0)
        self._ids = itertools.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.peer.close()

    def ask(self, payload: bytes, *contestants: str, task: str = "light", **fields: Any) -> str:
        """Ask; the question's id."""
        name = fields.pop("id", None) or f"q{next(self._ids)}"
        fields = {"remaining_ms": 20_000.0, **fields}
        question = Question(id=name, contestants=list(contestants), payload=payload, **fields)
        self.send(encode_msgpack(question), task)
        return name

    def send(self, message: bytes, task: str = "light") -> None:
        self.peer.publish(f"{self.root}/ask/{task}", message, qos=0, wait=False)

    @property
    def scores(self) -> list[CloudScore]:
        """All that came."""
        return [decode_msgpack(bytes(one.payload), CloudScore) for one in list(self.peer.messages)]

    def until_scores(self, count: int) -> list[CloudScore]:
        self.peer.wait(lambda: len(self.peer.messages) >= count, f"{count} scores", PATIENCE_S)
        return self.scores

    def score(self, payload: bytes, *contestants: str, **fields: Any) -> CloudScore:
        """Ask, and wait for the first score of that question."""
        name = self.ask(payload, *contestants, **fields)
        self.peer.wait(lambda: any(one.id == name for one in self.scores), f"a score of {name}", PATIENCE_S)
        return next(one for one in self.scores if one.id == name)


class ScoringSite:
    """Scorers in this process, over a real database, object store and broker.

    Args:
        cloud: whose database and objects.
        broker_url: where devices ask.
        settings: further settings of the scorers.
    """

    def __init__(self, cloud: Cloud, broker_url: str, **settings: Any) -> None:
        self.cloud = cloud
        self._settings = msgspec.structs.replace(cloud.services.settings, broker_url=broker_url, **settings)
        self._registries: dict[str, RegistryApi] = {}
        self._scorers: list[Scorer] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for scorer in self._scorers:
            scorer.stop()

    def registry(self, tenant: str = "acme") -> RegistryApi:
        if tenant not in self._registries:
            self._registries[tenant] = RegistryApi(self.cloud, tenant)
        return self._registries[tenant]

    def push(self, bundle: Bundle, alias: str = "stable", tenant: str = "acme") -> None:
        """Bring a bundle to a tenant's registry, and point an alias at it."""
        self.registry(tenant).stock(bundle)
        self.point(bundle, alias, tenant)

    def point(self, bundle: Bundle, alias: str = "stable", tenant: str = "acme") -> None:
        path = f"/bundles/{bundle.config.name}/aliases/{alias}"
        moved = self.registry(tenant).ask("PUT", path, json={"version": bundle.config.version})
        assert moved.status_code == 200, moved.text

    def set_task(self, contestants: Mapping[str, str], task: str = "light", tenant: str = "acme") -> None:
        """Say which bundle each contestant is: `NAME@ALIAS` or `NAME:VERSION`."""
        document = {"contestants": [{"name": name, "bundle": bundle} for name, bundle in contestants.items()]}
        answer = self.registry(tenant).ask("PUT", f"/tasks/{task}", json=document)
        assert answer.status_code == 200, answer.text

    def start(self, *, wait: bool = True, services: Any = None) -> Scorer:
        """Start a scorer; with `wait`, until it says that it is ready."""
        services = dataclasses.replace(
            services or self.cloud.services, settings=self._settings, clock=SystemClock(), metrics=CollectorRegistry()
        )
        scorer = make_scorer(services)
        self._scorers.append(scorer)
        scorer.start()
        if wait:
            until(lambda: scorer.problem is None, "ready")
        return scorer

    def stop(self, scorer: Scorer) -> None:
        self._scorers.remove(scorer)
        scorer.stop()
