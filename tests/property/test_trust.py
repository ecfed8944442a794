"""Whatever somebody without keys does to a repository's bytes, a device believes what was released, or nothing."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from roost_shared.errors import RoostError
from roost_shared.trust import SignedManifest
from tests.support.tuf_repository import MANIFEST, TufRepository

FILES = ["timestamp.json", "2.snapshot.json", "1.targets.json", "2.task.meter.json", "1.root.json"]
EXAMPLES = 60
EARLIER = TufRepository()
FIRST = dict(EARLIER.published)
EARLIER.add("meter", "2", b"another")
EARLIER.release_next()
RELEASED = {
    "1": EARLIER.release.targets["meter/meter:1"],
    "2": EARLIER.release.targets["meter/meter:2"],
}

_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), st.lists, max_leaves=5)


def check(published: dict[str, bytes], folder: Path, version: str) -> None:
    """What is believed is what was released, whether it is the newest or not."""
    repository = EARLIER
    kept, repository.published = repository.published, published
    try:
        client = repository.client(folder, root=FIRST["1.root.json"])
        found = client.verify_manifest("meter", "meter", version)
    except RoostError:
        return
    finally:
        repository.published = kept
    target = RELEASED[version]
    assert found == SignedManifest(target.length, target.hashes["sha256"])


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    file=st.sampled_from(FILES),
    place=st.integers(0, 10_000),
    put=st.binary(max_size=9),
    over=st.integers(0, 9),
    version=st.sampled_from("12"),
)
def test_changed_bytes(file: str, place: int, put: bytes, over: int, version: str) -> None:
    data = EARLIER.published[file]
    place %= len(data)
    changed = data[:place] + put + data[place + over :]
    with tempfile.TemporaryDirectory() as name:
        check({**EARLIER.published, file: changed}, Path(name), version)


@settings(max_examples=EXAMPLES, deadline=None)
@given(file=st.sampled_from(FILES), data=st.data(), version=st.sampled_from("12"))
def test_changed_documents(file: str, data: st.DataObject, version: str) -> None:
    document = json.loads(EARLIER.published[file])
    at: Any = document
    while isinstance(at, dict) and at:
        key = data.draw(st.sampled_from(sorted(at)))
        if not isinstance(at[key], dict) or data.draw(st.booleans()):
            at[key] = data.draw(_JSON)
            break
        at = at[key]
    with tempfile.TemporaryDirectory() as name:
        check({**EARLIER.published, file: json.dumps(document).encode()}, Path(name), version)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    takes=st.lists(st.tuples(st.sampled_from(FILES), st.sampled_from(FILES)), max_size=4),
    older=st.sets(st.sampled_from(FILES)),
    version=st.sampled_from("12"),
)
def test_files_in_each_other_s_place(takes: list[tuple[str, str]], older: set[str], version: str) -> None:
    published = dict(EARLIER.published)
    for name in older:
        first = {"2.snapshot.json": "1.snapshot.json", "2.task.meter.json": "1.task.meter.json"}.get(name, name)
        published[name] = FIRST[first]
    for target, source in takes:
        published[target] = EARLIER.published[source]
    with tempfile.TemporaryDirectory() as name:
        check(published, Path(name), version)


def test_what_is_not_changed_is_believed(tmp_path: Path) -> None:
    client = EARLIER.client(tmp_path)
    assert client.verify_manifest("meter", "meter", "1").length == len(MANIFEST)
