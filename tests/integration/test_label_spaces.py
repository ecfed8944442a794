"""What the contestants of a task can say, read from a real registry."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from queue import Queue

import pytest

from roost_cloud.asking.label_spaces import LabelSpaces
from roost_cloud.registry.blobs import blob_key
from roost_cloud.registry.candidate import Candidate
from roost_shared.bundle import Bundle
from tests.support.cloud import Cloud
from tests.support.registry import RegistryApi
from tests.support.served_cloud import bundle_like, manifest_of

pytestmark = pytest.mark.one_database


@pytest.fixture
def registry(cloud: Cloud, argmax: Bundle, tmp_path: Path) -> RegistryApi:
    """With two versions of one bundle that say other things, an alias at the first, and a task that follows it."""
    api = RegistryApi(cloud)
    api.stock(argmax)
    api.stock(bundle_like(argmax, tmp_path / "argmax-2", version="2", labels=tuple("xyz")))
    point(api, "1")
    follow(api, "argmax@stable")
    return api


@pytest.fixture
def spaces(cloud: Cloud) -> Iterator[LabelSpaces]:
    spaces = LabelSpaces(cloud.services.database, cloud.services.objects, cloud.services.clock)
    yield spaces
    spaces.close()


def point(api: RegistryApi, version: str) -> None:
    assert api.ask("PUT", "/bundles/argmax/aliases/stable", json={"version": version}).status_code == 200


def follow(api: RegistryApi, *bundles: str) -> None:
    contestants = [{"name": f"c{number}", "bundle": bundle} for number, bundle in enumerate(bundles)]
    assert api.ask("PUT", "/tasks/meter", json={"contestants": contestants}).status_code == 200


def looked(spaces: LabelSpaces) -> frozenset[str] | None:
    found: Queue[frozenset[str] | None] = Queue()
    spaces.look_again("acme", "meter", found.put)
    return found.get(timeout=30)


def test_a_task_says_what_its_bundles_say(
    cloud: Cloud, registry: RegistryApi, spaces: LabelSpaces, argmax: Bundle
) -> None:
    assert spaces.labels("acme", "meter") == frozenset(argmax.config.labels)
    follow(registry, "argmax@stable", "argmax:2")
    cloud.clock.advance(timedelta(seconds=1))
    assert looked(spaces) == frozenset((*argmax.config.labels, *"xyz"))


def test_after_a_move_the_labels_of_either_version_count(
    cloud: Cloud, registry: RegistryApi, spaces: LabelSpaces, argmax: Bundle
) -> None:
    assert spaces.labels("acme", "meter") == frozenset(argmax.config.labels)
    point(registry, "2")
    cloud.clock.advance(timedelta(seconds=1))
    assert looked(spaces) == spaces.labels("acme", "meter") == frozenset((*argmax.config.labels, *"xyz"))


def test_a_version_deleted_since_stands_in_nobody_s_way(
    cloud: Cloud, registry: RegistryApi, spaces: LabelSpaces, argmax: Bundle
) -> None:
    point(registry, "2")
    assert registry.ask("DELETE", "/bundles/argmax/versions/1").status_code == 204
    cloud.services.objects.delete(blob_key("acme", Candidate.of(manifest_of(argmax)).config_digest))
    assert spaces.labels("acme", "meter") == frozenset("xyz")


@pytest.mark.usefixtures("registry")
def test_what_is_not_in_the_registry_is_not_known(spaces: LabelSpaces) -> None:
    assert spaces.labels("acme", "nobodys") is None
    assert spaces.labels("other", "meter") is None


def test_what_was_known_stands_while_the_registry_is_away(
    cloud: Cloud, registry: RegistryApi, spaces: LabelSpaces, argmax: Bundle
) -> None:
    assert spaces.labels("acme", "meter") == frozenset(argmax.config.labels)
    assert registry.ask("DELETE", "/tasks/meter").status_code == 204
    cloud.clock.advance(timedelta(minutes=1))
    assert looked(spaces) == frozenset(argmax.config.labels)
