"""A snapshot's inputs as files: those to learn from for the trainer, those to judge by for the gate.

They go to two folders, and the second is made when the trainer's process has ended: no trainer comes upon what it will
be judged by. Each input is checked against its digest before it has its name. To go on with a folder that is half
filled is safe.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import select

from roost_cloud.datasets import store as room
from roost_cloud.datasets.errors import InputsGoneError, SnapshotDamagedError
from roost_cloud.datasets.judged import JudgedExample, JudgedSet, judged_of
from roost_cloud.datasets.references import find_config, read_references
from roost_cloud.datasets.snapshot import SnapshotItem
from roost_cloud.datasets.store import key_of
from roost_cloud.db import Database
from roost_cloud.db.among import among, batches
from roost_cloud.db.tables import SampleInput
from roost_cloud.errors import NotFoundError
from roost_cloud.labels.teachers import SampleKey
from roost_cloud.objects import ObjectNotFoundError, ObjectStore
from roost_cloud.registry import versions
from roost_cloud.samples.whole import open_input
from roost_cloud.training.job import TrainingExample, input_of

__all__ = ["Told", "materialise_job", "materialise_judged"]

Told = Callable[[int, int], None]
"""Is told how many inputs of how many are there; what it raises ends the work."""

_READERS: Final = 8


def _nobody(done: int, total: int) -> None:
    """Tells nobody."""


def materialise_job(
    database: Database, store: ObjectStore, tenant: str, digest: str, folder: Path, *, progress: Told = _nobody
) -> tuple[TrainingExample, ...]:
    """Write what a trainer learns from to `{folder}/inputs/`.

    Args:
        database: where samples are.
        store: where the document and the inputs are.
        tenant: whose.
        digest: the snapshot's.
        folder: the job's; made if it is not there.
        progress: is told how far it is.

    Returns:
        The job's examples, in the snapshot's order.

    Raises:
        ObjectNotFoundError: there is no such snapshot.
        InputsGoneError: inputs have expired; names them.
        SnapshotDamagedError, ReferenceSetError: what is stored is not what it was.
        StoreUnavailableError, StoreFailedError: the store failed; call again to go on.
        OSError: the disk refused.
    """
    snapshot = room.read(store, tenant, digest)
    items = [item for item in snapshot.items if item.part != "test"]
    _Fetching(database, store, tenant, snapshot.incumbent, folder, progress).fetch(items)
    return tuple(
        TrainingExample(
            key=item.sample,
            sha256=item.sha256,
            media_type=item.media_type,
            label=item.label,
            weight=item.weight,
            device=item.device,
            world=item.world,
            part="train" if item.part == "train" else "validation",
        )
        for item in items
    )


def materialise_judged(
    database: Database, store: ObjectStore, tenant: str, digest: str, folder: Path, *, progress: Told = _nobody
) -> JudgedSet:
    """Write what a candidate is judged by: `judged.json` and `inputs/` of a folder; else as `materialise_job`."""
    snapshot = room.read(store, tenant, digest)
    items = [item for item in snapshot.items if item.part == "test"]
    _Fetching(database, store, tenant, snapshot.incumbent, folder, progress).fetch(items)
    judged = JudgedSet(
        snapshot=digest,
        task=snapshot.task,
        incumbent=snapshot.incumbent,
        labels=snapshot.labels,
        split=snapshot.split,
        examples=tuple(
            JudgedExample(
                key=item.sample,
                sha256=item.sha256,
                media_type=item.media_type,
                label=item.label,
                weight=item.weight,
                device=item.device,
                world=item.world,
            )
            for item in items
            if item.label is not None
        ),
    )
    _write(judged_of(folder), msgspec.json.encode(judged))
    return judged


class _Fetching:
    """Fetches inputs to a folder."""

    def __init__(
        self, database: Database, store: ObjectStore, tenant: str, incumbent: str, folder: Path, progress: Told
    ) -> None:
        self._database = database
        self._store = store
        self._tenant = tenant
        self._incumbent = incumbent
        self._folder = folder
        self._progress = progress

    def fetch(self, items: Sequence[SnapshotItem]) -> None:
        """Make the files of these inputs, those that are not there."""
        input_of(self._folder, "").mkdir(parents=True, exist_ok=True)
        missing = [item for item in items if not input_of(self._folder, item.sha256).exists()]
        samples = {key: item for item in missing if (key := key_of(item.sample)) is not None}
        references = {item.sha256: item for item in missing if key_of(item.sample) is None}
        places = dict(self._places(samples))
        gone = [item.sample for key, item in samples.items() if not _is_still(places.get(key), item)]
        if gone:
            raise InputsGoneError(sorted(gone))
        done = len(items) - len(missing)
        self._progress(done, len(items))
        for _ in self._fetch_references(references):
            done += 1
            self._progress(done, len(items))
        with ThreadPoolExecutor(_READERS) as threads:
            reading = [threads.submit(self._fetch_sample, places[key], item) for key, item in samples.items()]
            try:
                for future in as_completed(reading):
                    future.result()
                    done += 1
                    self._progress(done, len(items))
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _places(self, keys: Iterable[SampleKey]) -> Iterator[tuple[SampleKey, SampleInput]]:
        for some in batches(keys):
            query = select(SampleInput).where(among(SampleInput, self._tenant, some))
            with self._database.read() as session:
                yield from [(SampleKey(row.device, row.sample), row) for row in session.scalars(query)]

    def _fetch_sample(self, place: SampleInput, item: SnapshotItem) -> None:
        try:
            with open_input(self._store, place) as reader:
                payload = reader.read()
        except ObjectNotFoundError as error:
            raise InputsGoneError([item.sample]) from error
        self._keep(payload, item)

    def _fetch_references(self, wanted: dict[str, SnapshotItem]) -> Iterator[None]:
        """Those that are wanted of the incumbent's reference set, one after another."""
        if not wanted:
            return
        names = sorted(item.sample for item in wanted.values())
        try:
            with self._database.read() as session:
                manifest = versions.manifest_of(session, self._tenant, self._incumbent)
            config = find_config(self._store, self._tenant, manifest)
            for one in read_references(self._store, self._tenant, config):
                if (item := wanted.pop(one.sha256, None)) is not None:
                    self._keep(one.payload, item)
                    yield
        except NotFoundError as error:
            raise InputsGoneError(names) from error
        if wanted:
            raise SnapshotDamagedError(f"{self._incumbent} holds no {', '.join(sorted(wanted)[:3])} any more")

    def _keep(self, payload: bytes, item: SnapshotItem) -> None:
        if hashlib.sha256(payload).hexdigest() != item.sha256:
            raise SnapshotDamagedError(f"{item.sample}: the store gives other bytes than {item.sha256}")
        _write(input_of(self._folder, item.sha256), payload)


def _is_still(place: SampleInput | None, item: SnapshotItem) -> bool:
    """Whether a sample's input is here, and the one that the snapshot was made of."""
    return place is not None and place.sha256 == item.sha256


def _write(path: Path, data: bytes) -> None:
    """Write a file that is whole when it has its name; what it is for does not outlive a power cut."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
