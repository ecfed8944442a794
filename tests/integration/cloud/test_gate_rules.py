"""Which bars a gate looks at: those of contestants that run the incumbent, wherever rules are written."""

from typing import Any

import pytest

from roost_cloud.db.tables import AssignedBundle, AssignmentVersion, CloudTask, DeviceAssignment, TaskPolicy
from roost_cloud.gate.job import Bar
from roost_cloud.gate.rules import bars_of
from roost_shared.rendezvous import Contestant, PolicyDocument, Rule
from tests.support.cloud import Cloud

CONTESTANTS = [
    {"name": "primary", "bundle": "meter@stable"},
    {"name": "backup", "bundle": "old:1"},
    {"name": "cloud", "where": "cloud"},
]
RULES = [
    {"accept": "primary", "min_confidence": 0.8},
    {"accept": "backup", "after_ms": 80, "min_confidence": 0.6},
    {"accept": "cloud", "min_confidence": 0.9},
    {"accept": "primary", "after_ms": 250},
]
TASK = {"deadline_ms": 300, "contestants": CONTESTANTS, "rules": RULES}


@pytest.fixture
def acme(cloud: Cloud) -> Cloud:
    cloud.tenant("acme")
    return cloud


def assign(cloud: Cloud, device: str, task: Any, *, version: int = 1, newest: int = 1, name: str = "meter") -> None:
    now = cloud.services.now()
    with cloud.services.database.begin() as session:
        session.add(
            AssignmentVersion(
                tenant="acme", device=device, version=version, document={"tasks": {"meter": task}}, envelope=b"",
                issued_at=now, issued_by="ann",
            )
        )  # fmt: skip
        if version == newest:
            session.add(DeviceAssignment(tenant="acme", device=device, version=newest, change=1, told=1, told_at=None))
            session.add(AssignedBundle(tenant="acme", device=device, name=name, version="7"))


def tell(cloud: Cloud, *, bar: float, received: int = 0) -> None:
    document = PolicyDocument(
        task="meter",
        contestants=[
            Contestant(name="edge"),
            Contestant(name="shadow", role="shadow"),
            Contestant(name="cloud", where="cloud"),
        ],
        rules=[Rule(accept="edge", min_confidence=bar), Rule(accept="cloud", min_confidence=0.5)],
        deadline_ms=300,
    )
    with cloud.services.database.begin() as session:
        session.add(
            TaskPolicy(
                tenant="acme", task="meter", digest=document.digest, document=document.encode(),
                received_at=cloud.services.now().replace(second=received),
            )
        )  # fmt: skip


def found(cloud: Cloud, name: str = "meter") -> list[tuple[str, float]]:
    with cloud.services.database.read() as session:
        bars = bars_of(session, "acme", "meter", name)
    assert all(isinstance(bar, Bar) for bar in bars)
    return [(bar.contestant, bar.min_confidence) for bar in bars]


def test_assigned_rules_of_the_incumbents_contestants(acme: Cloud) -> None:
    assign(acme, "cam-1", TASK)
    assign(acme, "cam-2", {**TASK, "rules": [{"accept": "primary", "min_confidence": 0.7}]}, version=1, newest=2)
    assign(acme, "cam-2", {**TASK, "rules": [{"accept": "primary", "min_confidence": 0.5}]}, version=2, newest=2)
    tell(acme, bar=0.99)
    assert found(acme) == [("primary", 0.5), ("primary", 0.8)]


def test_rules_of_the_clouds_task(acme: Cloud) -> None:
    document = {
        "deadline_ms": 300,
        "contestants": [{"name": "big", "bundle": "meter:7"}, {"name": "other", "bundle": "other:1"}],
        "rules": [{"accept": "big", "min_confidence": 0.9}, {"accept": "other", "min_confidence": 0.4}],
    }
    with acme.services.database.begin() as session:
        session.add(
            CloudTask(
                tenant="acme", name="meter", document=document, version=1, updated_at=acme.services.now(),
                updated_by="ann",
            )
        )  # fmt: skip
    assert found(acme) == [("big", 0.9)]
    assert found(acme, "other") == [("other", 0.4)]


def test_else_the_newest_policy_that_a_device_told_of(acme: Cloud) -> None:
    assert found(acme) == []
    tell(acme, bar=0.6, received=1)
    tell(acme, bar=0.7, received=3)
    tell(acme, bar=0.8, received=2)
    assert found(acme) == [("edge", 0.7)]


def test_what_a_newer_side_wrote_is_passed_over(acme: Cloud) -> None:
    assign(acme, "cam-1", {"a newer": "document"})
    with acme.services.database.begin() as session:
        session.add(
            TaskPolicy(
                tenant="acme", task="meter", digest=64 * "0", document=b"newer", received_at=acme.services.now()
            )
        )
    assert found(acme) == []
