"""Pushing and pulling bundles by real HTTP, on both databases; once also with objects in S3."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from roost_cloud.client import RemoteError
from roost_cloud.transfer import pull_bundle, push_bundle
from roost_cloud.transfer.pull import PullRunningError, _alone
from roost_shared.bundle import AlteredBlobError, Bundle, BundleExistsError, MissingBlobError, open_bundle
from roost_shared.bundle.layout import blob_path
from tests.support.reference_sets import reference_of
from tests.support.s3 import S3Server
from tests.support.served_cloud import ServedCloud, bundle_like, manifest_of, serve_cloud, sizes_of

MODEL = bytes(range(256)) * 1500  # six parts of 64 KiB


@pytest.fixture
def large(argmax: Bundle, tmp_path: Path) -> Bundle:
    return bundle_like(argmax, tmp_path / "large", version="2", model=MODEL)


@pytest.mark.one_database
def test_pushed_bundle_comes_back_the_same(served_cloud: ServedCloud, argmax: Bundle, tmp_path: Path) -> None:
    registry = served_cloud.registry()
    pushed = push_bundle(registry, argmax.folder)
    assert pushed.created
    assert pushed.sent_bytes == sum(sizes_of(argmax).values())
    assert sorted(served_cloud.blobs()) == sorted(sizes_of(argmax))
    assert served_cloud.staged() == []
    pulled = pull_bundle(registry, "argmax", "1", tmp_path / "out" / "argmax")
    assert pulled.bundle.digest == argmax.digest == open_bundle(tmp_path / "out" / "argmax").digest
    assert pulled.received_bytes == pushed.sent_bytes
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["argmax"]


def test_a_bundle_travels_with_its_reference_set_or_not_at_all(
    served_cloud: ServedCloud, argmax: Bundle, tmp_path: Path
) -> None:
    registry = served_cloud.registry()
    known = bundle_like(argmax, tmp_path / "known", version="2", reference=reference_of("one", "two"))
    push_bundle(registry, known.folder)
    pulled = pull_bundle(registry, "argmax", "2", tmp_path / "pulled").bundle
    assert pulled.digest == known.digest
    assert pulled.reference_set_path is not None
    pulled.reference_set_path.unlink()
    assert open_bundle(pulled.folder).reference_set_path is None
    with pytest.raises(MissingBlobError):
        push_bundle(registry, pulled.folder)
    with pytest.raises(BundleExistsError):
        pull_bundle(registry, "argmax", "2", tmp_path / "pulled")


def test_bundle_travels_through_s3(s3_server: S3Server, newest_sqlite: Path, argmax: Bundle, tmp_path: Path) -> None:
    database = tmp_path / "roost.db"
    database.write_bytes(newest_sqlite.read_bytes())
    s3_server.empty()
    with serve_cloud(tmp_path / "cloud", f"sqlite:///{database}", objects_url=s3_server.url()) as cloud:
        large = bundle_like(argmax, tmp_path / "large", version="2", model=MODEL * 23)  # two parts
        registry = cloud.registry()
        assert push_bundle(registry, large.folder).created
        assert not push_bundle(registry, large.folder).created
        pulled = pull_bundle(registry, "argmax", "2", tmp_path / "pulled")
        assert pulled.bundle.digest == large.digest
        assert sorted(cloud.blobs()) == sorted(sizes_of(large))


@pytest.mark.one_database
def test_blob_that_is_there_is_not_sent_again(served_cloud: ServedCloud, argmax: Bundle, tmp_path: Path) -> None:
    registry = served_cloud.registry()
    push_bundle(registry, argmax.folder)
    newer = bundle_like(argmax, tmp_path / "newer", version="2", model=b"another head")
    pushed = push_bundle(registry, newer.folder)
    shared = sizes_of(argmax).keys() & sizes_of(newer).keys()
    assert argmax.config.stages[0].digest in shared
    assert pushed.present_bytes == sum(sizes_of(newer)[digest] for digest in shared)
    assert pushed.sent_bytes == sum(sizes_of(newer).values()) - pushed.present_bytes
    again = push_bundle(registry, newer.folder)
    assert (again.created, again.sent_bytes) == (False, 0)


def test_upload_goes_on_where_it_stopped(served_cloud: ServedCloud, large: Bundle, small_parts: int) -> None:
    """Whoever comes next: the registry knows the parts, and the pusher's disk holds nothing about them."""
    registry = served_cloud.registry()
    begun = registry.begin_upload(large.config.stages[-1].digest, len(MODEL))
    assert begun is not None
    assert len(begun.parts) == 6
    for part in begun.parts[:4]:
        assert part.url is not None
        body = MODEL[part.offset : part.offset + part.size_bytes]
        assert registry.pool.request("PUT", part.url, body=body).status == 200
    found = served_cloud.registry().get_upload(begun.id)
    assert [part.number for part in found.parts if part.url is None] == [1, 2, 3, 4]
    pushed = push_bundle(registry, large.folder)
    assert pushed.sent_bytes == sum(sizes_of(large).values()) - 4 * small_parts


@pytest.mark.usefixtures("small_parts")
def test_two_pushers_of_one_bundle_both_end_well(served_cloud: ServedCloud, large: Bundle) -> None:
    barrier = threading.Barrier(2)

    def push(_: int) -> bool:
        registry = served_cloud.registry()
        barrier.wait()
        return push_bundle(registry, large.folder).created

    served_cloud.tenant("acme")
    with ThreadPoolExecutor(2) as threads:
        created = list(threads.map(push, range(2)))
    assert sorted(created) == [False, True]
    assert sorted(served_cloud.blobs()) == sorted(sizes_of(large))
    assert served_cloud.staged() == []


def test_two_pushers_of_one_version_and_other_content_get_one_conflict(
    served_cloud: ServedCloud, argmax: Bundle, tmp_path: Path
) -> None:
    rivals = [bundle_like(argmax, tmp_path / name, version="2", model=name.encode()) for name in ("one", "other")]
    barrier = threading.Barrier(2)

    def push(rival: Bundle) -> str:
        registry = served_cloud.registry()
        barrier.wait()
        try:
            push_bundle(registry, rival.folder)
        except RemoteError as error:
            return error.reason
        return rival.digest

    served_cloud.tenant("acme")
    with ThreadPoolExecutor(2) as threads:
        ends = set(threads.map(push, rivals))
    assert "bundle.version_taken" in ends
    winner = (ends - {"bundle.version_taken"}).pop()
    assert served_cloud.registry().version("argmax", "2").digest == winner


@pytest.mark.one_database
def test_damaged_bundle_is_not_sent(served_cloud: ServedCloud, large: Bundle) -> None:
    model = blob_path(large.folder, large.config.stages[-1].digest)
    model.write_bytes(MODEL[:-1] + b"x")
    with pytest.raises(AlteredBlobError):
        push_bundle(served_cloud.registry(), large.folder)
    assert served_cloud.blobs() == []


@pytest.mark.one_database
def test_pull_uses_blobs_of_a_bundle_at_hand(
    served_cloud: ServedCloud, large: Bundle, argmax: Bundle, tmp_path: Path
) -> None:
    registry = served_cloud.registry()
    push_bundle(registry, large.folder)
    pulled = pull_bundle(registry, "argmax", "2", tmp_path / "out", have=[argmax.folder])
    shared = sizes_of(argmax).keys() & sizes_of(large).keys()
    assert pulled.present_bytes == sum(sizes_of(large)[digest] for digest in shared)
    assert pulled.received_bytes == sum(sizes_of(large).values()) - pulled.present_bytes
    again = pull_bundle(registry, "argmax", "2", tmp_path / "out")
    assert again.received_bytes == 0


@pytest.mark.one_database
def test_pull_touches_nothing_that_lies_in_its_way(
    served_cloud: ServedCloud, large: Bundle, argmax: Bundle, tmp_path: Path
) -> None:
    registry = served_cloud.registry()
    push_bundle(registry, large.folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("keep")
    with pytest.raises(BundleExistsError):
        pull_bundle(registry, "argmax", "2", tmp_path / "mine")
    assert (tmp_path / "mine" / "notes").read_text() == "keep"
    with pytest.raises(BundleExistsError, match="argmax:1@"):
        pull_bundle(registry, "argmax", "2", argmax.folder)


@pytest.mark.one_database
def test_pulls_into_one_folder_take_turns(served_cloud: ServedCloud, argmax: Bundle, tmp_path: Path) -> None:
    registry = served_cloud.registry()
    push_bundle(registry, argmax.folder)
    with _alone(tmp_path / ".out.pulling"), pytest.raises(PullRunningError):
        pull_bundle(registry, "argmax", "1", tmp_path / "out")
    assert pull_bundle(registry, "argmax", "1", tmp_path / "out").bundle.digest == argmax.digest


@pytest.mark.one_database
def test_files_of_another_pull_do_not_travel_along(served_cloud: ServedCloud, argmax: Bundle, tmp_path: Path) -> None:
    registry = served_cloud.registry()
    push_bundle(registry, argmax.folder)
    left = blob_path(tmp_path / ".out.pulling", f"sha256:{'0' * 64}")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"of another version")
    pull_bundle(registry, "argmax", "1", tmp_path / "out")
    assert not blob_path(tmp_path / "out", f"sha256:{'0' * 64}").exists()


def test_version_of_a_lineage_shows_parents_and_children(
    served_cloud: ServedCloud, argmax: Bundle, tmp_path: Path
) -> None:
    child = bundle_like(argmax, tmp_path / "child", version="2", parent=argmax.digest, training_run="run-7")
    registry = served_cloud.registry()
    push_bundle(registry, child.folder)
    push_bundle(registry, argmax.folder)
    headers = served_cloud.headers()
    of_child, of_parent = (
        served_cloud.client.get(f"/api/v1/bundles/argmax/versions/{version}", headers=headers).json()["lineage"]
        for version in ("2", "1")
    )
    assert of_child["training_run"] == "run-7"
    assert [(one["version"], one["deleted"]) for one in of_child["parents"]] == [("1", False)]
    assert [one["version"] for one in of_parent["children"]] == ["2"]
    registry.delete_version("argmax", "1")  # children do not stand in the way
    again = served_cloud.client.get("/api/v1/bundles/argmax/versions/2", headers=headers).json()["lineage"]
    assert [(one["version"], one["deleted"]) for one in again["parents"]] == [("1", True)]


@pytest.mark.one_database
def test_manifest_is_kept_byte_by_byte(served_cloud: ServedCloud, argmax: Bundle) -> None:
    registry = served_cloud.registry()
    push_bundle(registry, argmax.folder)
    assert registry.version("argmax", "1").manifest.encode() == manifest_of(argmax)
