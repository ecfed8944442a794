"""The store under any order of staging, forgetting and rot: what is kept is whole, and what is not is gone."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roost_edge.installer.store import BundleStore
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.layout import blob_path
from tests.support.served_cloud import bundle_like, manifest_of, sizes_of
from tests.support.split_bundles import split_bundle

BUNDLES = 3
SOME = st.sets(st.integers(0, BUNDLES - 1))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("stage"), st.integers(0, BUNDLES - 1)),
        st.tuples(st.just("keep"), SOME),
        st.tuples(st.just("rot"), st.integers(0, 30)),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Of one base."""
    folder = tmp_path_factory.mktemp("bundles")
    first = open_bundle(split_bundle(folder / "1"))
    others = map(str, range(2, BUNDLES + 1))
    return [first, *(bundle_like(first, folder / one, version=one, model=one.encode() * 300) for one in others)]


def bring(store: BundleStore, bundle: Bundle) -> None:
    """Bring what is not here, and stage it."""
    for digest, size_bytes in sizes_of(bundle).items():
        if not store.holds(digest, size_bytes):
            store.partial(digest).write_bytes(blob_path(bundle.folder, digest).read_bytes())
            assert store.adopt(digest)
    store.stage(bundle.digest, bundle.manifest, manifest_of(bundle), bundle.config.version)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_what_is_kept_is_whole_and_nothing_else_is_there(
    bundles: list[Bundle], steps: list[tuple[str, int | set[int]]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = BundleStore(Path(name))
        store.prepare()
        there: set[int] = set()
        rotten = False
        for step, what in steps:
            if step == "stage" and isinstance(what, int):
                bring(store, bundles[what])
                there.add(what)
                folder = store.bundle_folder(bundles[what].digest)
                assert open_bundle(folder).digest == bundles[what].digest, "whatever had rotted before"
            elif step == "rot" and isinstance(what, int):
                blobs = sorted((store.folder / "blobs/sha256").iterdir())
                if blobs:
                    with blobs[what % len(blobs)].open("r+b") as file:
                        file.write(b"\xff")
                    rotten = True
            elif isinstance(what, set):
                there &= what
                store.collect([bundles[one].digest for one in what], [], partial=True)
                check(store, [bundles[one] for one in there])
        if not rotten:
            for one in there:
                assert open_bundle(store.bundle_folder(bundles[one].digest)).digest == bundles[one].digest


def check(store: BundleStore, kept: list[Bundle]) -> None:
    needed = {digest.removeprefix("sha256:") for bundle in kept for digest in sizes_of(bundle)}
    folders = {bundle.digest.removeprefix("sha256:") for bundle in kept}
    found = {path.name for path in store.folder.iterdir()}
    assert found == folders | {"blobs", "partial", "tmp"}
    blobs = {path.name for path in (store.folder / "blobs/sha256").iterdir()}
    assert needed <= blobs <= needed | folders
    assert not list((store.folder / "partial").iterdir())
    assert not list((store.folder / "tmp").iterdir())
