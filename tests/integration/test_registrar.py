"""The registry takes in what training runs made: all of it, or nothing."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import AuditEntry, BundleVersion, TrainingRun
from roost_cloud.objects import ObjectNotFoundError
from roost_cloud.registry import collection
from roost_cloud.registry.blobs import blob_key
from roost_cloud.registry.errors import BlobsMissingError, TakenError
from roost_cloud.registry.registrar import BundleRegistrar, NotJudgedError
from roost_cloud.runs.verdict import Verdict
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.derive import derive_bundle, derived_config
from tests.support.bundles import Bundles
from tests.support.cloud import Cloud
from tests.support.reference_sets import reference_of
from tests.support.registry import RegistryApi
from tests.support.served_cloud import bundle_like, sizes_of

RUN = TrainingRun(id="0123456789abcdef", tenant="acme")


@pytest.fixture
def parent(cloud: Cloud, bundles: Bundles, tmp_path: Path) -> Bundle:
    """With a reference set, and in the registry."""
    cloud.tenant("acme")
    known = bundle_like(
        open_bundle(bundles.sure), tmp_path / "parent", version="1", reference=reference_of("dark", "bright")
    )
    RegistryApi(cloud).stock(known)
    return known


@pytest.fixture
def candidate(parent: Bundle, tmp_path: Path) -> Bundle:
    """Made without the reference set's bytes, as a trainer makes it."""
    assert parent.reference_set_path is not None
    parent.reference_set_path.unlink()
    config = derived_config(parent, version="2", suffix="", changes={"training_run": RUN.id})
    return derive_bundle(parent, tmp_path / "candidate", config)


@pytest.fixture
def registrar(cloud: Cloud) -> BundleRegistrar:
    return BundleRegistrar(cloud.services.database, cloud.services.objects, cloud.services.clock)


def passed(candidate: Bundle, **changed: Any) -> Verdict:
    return Verdict(**{"passed": True, "reasons": (), "document": {"candidate": candidate.digest}, **changed})


def versions_of(cloud: Cloud) -> list[str]:
    with cloud.services.database.read() as session:
        return sorted(session.scalars(select(BundleVersion.version).where(BundleVersion.name == "sure")))


def register(cloud: Cloud, registrar: BundleRegistrar, candidate: Bundle, verdict: Verdict | None = None) -> None:
    with cloud.services.database.begin() as session:
        registrar.register(session, RUN, candidate, verdict or passed(candidate), cloud.services.now())


def test_a_version_comes_to_be_whole_and_only_when_it_is_registered(
    cloud: Cloud, registrar: BundleRegistrar, candidate: Bundle
) -> None:
    registrar.store("acme", candidate)
    registrar.store("acme", candidate)
    assert versions_of(cloud) == ["1"]
    register(cloud, registrar, candidate)
    register(cloud, registrar, candidate)
    assert versions_of(cloud) == ["1", "2"]
    with cloud.services.database.read() as session:
        row = session.get_one(BundleVersion, ("acme", "sure", "2"))
        (pushed,) = session.scalars(
            select(AuditEntry.actor).where(AuditEntry.action == "bundle.push", AuditEntry.subject == "sure:2")
        )
    assert (row.digest, row.parent_digest) == (candidate.digest, candidate.config.parent)
    assert (row.training_run, row.created_by, pushed) == (RUN.id, f"run:{RUN.id}", f"run:{RUN.id}")
    for digest in sizes_of(candidate):  # the reference set too, which its parent has brought
        assert cloud.services.objects.head(blob_key("acme", digest)).size_bytes == sizes_of(candidate)[digest]


def test_what_else_the_transaction_does_falls_with_it(
    cloud: Cloud, registrar: BundleRegistrar, candidate: Bundle
) -> None:
    registrar.store("acme", candidate)

    def broken(session: Session) -> None:
        registrar.register(session, RUN, candidate, passed(candidate), cloud.services.now())
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"), cloud.services.database.begin() as session:
        broken(session)
    assert versions_of(cloud) == ["1"]
    register(cloud, registrar, candidate)
    assert versions_of(cloud) == ["1", "2"]


def test_without_its_blobs_nothing_is_registered(cloud: Cloud, registrar: BundleRegistrar, candidate: Bundle) -> None:
    with pytest.raises(BlobsMissingError):
        register(cloud, registrar, candidate)
    assert versions_of(cloud) == ["1"]


def test_blobs_of_a_run_that_never_ended_are_collected(
    cloud: Cloud, registrar: BundleRegistrar, candidate: Bundle, parent: Bundle
) -> None:
    registrar.store("acme", candidate)
    cloud.clock.advance(2 * collection.GRACE)
    collection.collect(cloud.services.database, cloud.services.objects, cloud.services.now(), actor="test")
    (own, *_) = sizes_of(candidate).keys() - sizes_of(parent).keys()
    with pytest.raises(ObjectNotFoundError):
        cloud.services.objects.head(blob_key("acme", own))
    with pytest.raises(BlobsMissingError):
        register(cloud, registrar, candidate)
    registrar.store("acme", candidate)
    register(cloud, registrar, candidate)
    assert versions_of(cloud) == ["1", "2"]


@pytest.mark.parametrize("changed", [{"passed": False}, {"document": {"candidate": "sha256:" + 64 * "0"}}])
def test_only_what_has_passed_is_registered(
    cloud: Cloud, registrar: BundleRegistrar, candidate: Bundle, changed: dict[str, Any]
) -> None:
    registrar.store("acme", candidate)
    with pytest.raises(NotJudgedError):
        register(cloud, registrar, candidate, passed(candidate, **changed))
    assert versions_of(cloud) == ["1"]


def test_a_version_that_is_taken_stays_what_it_is(
    cloud: Cloud, registrar: BundleRegistrar, candidate: Bundle, tmp_path: Path
) -> None:
    other = bundle_like(candidate, tmp_path / "other", version="2", model=b"another", reference=reference_of("dark"))
    RegistryApi(cloud).stock(other)
    registrar.store("acme", candidate)
    with pytest.raises(TakenError):
        register(cloud, registrar, candidate)
