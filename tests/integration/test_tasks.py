"""Tasks of the cloud: what may be said of them, who said it, and what they stand for."""

from typing import Any

import pytest
from sqlalchemy import select

from roost_cloud.db.tables import AuditEntry
from roost_cloud.tasks.resolution import ContestantKey, Resolver, Version
from roost_shared.bundle import Bundle
from tests.support.cloud import Cloud
from tests.support.registry import RegistryApi, code_of
from tests.support.served_cloud import bundle_like


@pytest.fixture
def registry(cloud: Cloud, argmax: Bundle) -> RegistryApi:
    """With one bundle, and an alias."""
    api = RegistryApi(cloud)
    api.stock(argmax)
    assert api.ask("PUT", "/bundles/argmax/aliases/stable", json={"version": "1"}).status_code == 200
    return api


def task(*bundles: str, **fields: Any) -> dict[str, Any]:
    contestants = [{"name": f"c{number}", "bundle": bundle} for number, bundle in enumerate(bundles)]
    return {"contestants": contestants, **fields}


def resolved(cloud: Cloud, resolver: Resolver) -> dict[str, str | None]:
    """Contestants, and the version each stands for."""
    with cloud.services.database.read() as session:
        found = resolver.resolve(session)
    return {key.contestant: None if version is None else version.version for key, version in found.items()}


def test_a_task_is_made_changed_and_deleted_with_a_record_of_it(cloud: Cloud, registry: RegistryApi) -> None:
    first = registry.ask("PUT", "/tasks/meter", json=task("argmax@stable")).json()
    assert (first["name"], first["version"]) == ("meter", 1)
    assert registry.ask("PUT", "/tasks/meter", json=task("argmax@stable")).json() == first, "no change"
    rules = [{"accept": "c0", "min_confidence": 0.5}]
    second = registry.ask("PUT", "/tasks/meter", json=task("argmax:1", deadline_ms=900, rules=rules)).json()
    assert (second["version"], second["document"]["deadline_ms"]) == (2, 900)
    assert registry.ask("GET", "/tasks/meter").json() == second
    assert registry.ask("GET", "/tasks").json() == {"items": [second], "next": None}
    assert registry.ask("DELETE", "/tasks/meter").status_code == 204
    assert code_of(registry.ask("GET", "/tasks/meter")) == "not_found"
    assert code_of(registry.ask("DELETE", "/tasks/meter")) == "not_found"
    with cloud.services.database.read() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.subject == "meter").order_by(AuditEntry.id)
        ).all()
    assert [entry.action for entry in entries] == ["task.set", "task.set", "task.delete"]
    assert entries[1].detail == {"version": 2, "bundles": ["argmax:1"]}


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("document", "code"),
    [
        (task(), "request.invalid"),
        (task("argmax@nowhere"), "task.unknown_bundle"),
        (task("argmax:99"), "task.unknown_bundle"),
        (task("argmax"), "task.invalid"),
        (task("../../etc"), "task.invalid"),
        (task(*["argmax@stable"] * 17), "request.invalid"),
        (task("argmax@stable", deadline_ms=0), "task.invalid"),
        (task("argmax@stable", deadline_ms=10, guard_ms=10), "task.invalid"),
        (task("argmax@stable", rules=[{"accept": "nobody"}]), "task.invalid"),
        (task("argmax@stable", deadlin_ms=5), "request.invalid"),
        ({"contestants": [{"name": "a", "bundle": "argmax:1", "where": "local"}]}, "request.invalid"),
        ({"contestants": [{"name": "a", "bundle": "argmax:1"}] * 2}, "task.invalid"),
    ],
)
def test_what_contradicts_itself_is_refused(registry: RegistryApi, document: dict[str, Any], code: str) -> None:
    answer = registry.ask("PUT", "/tasks/meter", json=document)
    assert (answer.status_code, code_of(answer)) == (422, code), answer.text
    assert registry.ask("GET", "/tasks").json()["items"] == []


def test_what_a_task_names_cannot_be_deleted(registry: RegistryApi, argmax: Bundle, tmp_path: Any) -> None:
    registry.stock(bundle_like(argmax, tmp_path / "second", version="2"))
    registry.ask("PUT", "/tasks/meter", json=task("argmax@stable", "argmax:2"))
    assert code_of(registry.ask("DELETE", "/bundles/argmax/aliases/stable")) == "bundle.in_use"
    assert code_of(registry.ask("DELETE", "/bundles/argmax/versions/2")) == "bundle.in_use"
    registry.ask("DELETE", "/tasks/meter")
    assert registry.ask("DELETE", "/bundles/argmax/aliases/stable").status_code == 204
    assert registry.ask("DELETE", "/bundles/argmax/versions/2").status_code == 204


def test_references_are_followed_to_where_they_lead_now(
    cloud: Cloud, registry: RegistryApi, argmax: Bundle, tmp_path: Any
) -> None:
    registry.stock(bundle_like(argmax, tmp_path / "second", version="2"))
    registry.ask("PUT", "/tasks/meter", json=task("argmax@stable", "argmax:1"))
    resolver = Resolver()
    assert resolved(cloud, resolver) == {"c0": "1", "c1": "1"}
    registry.ask("PUT", "/bundles/argmax/aliases/stable", json={"version": "2"})
    assert resolved(cloud, resolver) == {"c0": "2", "c1": "1"}
    registry.ask("PUT", "/tasks/meter", json=task("argmax:2"))
    assert resolved(cloud, resolver) == {"c0": "2"}
    registry.ask("DELETE", "/tasks/meter")
    assert resolved(cloud, resolver) == {}


def test_a_resolved_contestant_is_of_its_own_tenant(cloud: Cloud, registry: RegistryApi, argmax: Bundle) -> None:
    registry.ask("PUT", "/tasks/meter", json=task("argmax@stable"))
    other = RegistryApi(cloud, "beta")
    assert code_of(other.ask("PUT", "/tasks/meter", json=task("argmax@stable"))) == "task.unknown_bundle"
    with cloud.services.database.read() as session:
        found = Resolver().resolve(session)
    version = found[ContestantKey("acme", "meter", "c0")]
    assert isinstance(version, Version)
    assert (version.tenant, version.digest) == ("acme", argmax.digest)
    assert len(found) == 1
