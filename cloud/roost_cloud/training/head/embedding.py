"""What the incumbent's base makes of inputs, and what φ is measured of them: run once, kept in the job's cache.

The cache is a file for each base and preprocessing, of rows named by the digest of their input. What is in it is
looked at before it is believed; a file that makes no sense is made anew.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.errors import TrainingError
from roost_cloud.training.head.anatomy import Anatomy
from roost_cloud.training.job import TrainingExample, cache_of, input_of
from roost_cloud.training.progress import Progress
from roost_shared.digest import digest_of
from roost_shared.durable import write_durably
from roost_shared.errors import InputError
from roost_shared.limits import InputLimits
from roost_shared.pipeline import Features
from roost_shared.runtimes import BadOutputError, ModelRunError

__all__ = ["Embedded", "embed"]

_UNREADABLE: Final = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
_MOST_UNREAD: Final = 0.5  # of the inputs


@dataclass(frozen=True)
class Embedded:
    """Rows of what the head takes, flat and in real units, and of φ.

    Attributes:
        features: by digest, (features,) float32.
        phi: by digest, (statistics,); empty where the bundle measures none.
        unread: digests of inputs that cannot be scored.
    """

    features: Mapping[str, NDArray[np.float32]]
    phi: Mapping[str, NDArray[np.float64]]
    unread: frozenset[str]


def embed(anatomy: Anatomy, examples: Iterable[TrainingExample], folder: Path, progress: Progress) -> Embedded:
    """Run the base on every input that the cache does not hold.

    Args:
        anatomy: whose base.
        examples: whose inputs; each is run once, however often it occurs.
        folder: the job's.
        progress: told of each input.

    Raises:
        TrainingError: an input is not there or not what it is called, the base fails, or more than half of the inputs
            cannot be scored.
        TrainingCancelledError: the run was cancelled.
    """
    wanted = {example.sha256: example.media_type for example in examples}
    cache = cache_of(folder) / f"features-{_key(anatomy)}.npz"
    rows = {sha256: row for sha256, row in _read(cache, anatomy).items() if sha256 in wanted}
    missing = [sha256 for sha256 in wanted if sha256 not in rows]
    unread = set()
    for number, sha256 in enumerate(missing):
        progress.step(number, len(missing), "embedding inputs")
        try:
            rows[sha256] = _embed(anatomy, _payload(folder, sha256), wanted[sha256])
        except (InputError, BadOutputError) as error:
            unread.add(sha256)
            progress.log(f"{sha256}: {error}")
        except ModelRunError as error:
            raise TrainingError(f"the base failed on {sha256}: {error}") from error
    progress.step(len(missing), len(missing), "embedding inputs")
    if len(unread) > _MOST_UNREAD * len(wanted):
        raise TrainingError(f"{len(unread)} of {len(wanted)} inputs cannot be scored by {anatomy.bundle.reference}")
    if missing and rows:
        _write(cache, rows)
    return Embedded(
        {sha256: row[0] for sha256, row in rows.items()},
        {sha256: row[1] for sha256, row in rows.items()},
        frozenset(unread),
    )


Row = tuple[NDArray[np.float32], NDArray[np.float64]]


def _embed(anatomy: Anatomy, payload: bytes, media_type: str) -> Row:
    prepared = anatomy.base.prepare(payload, content_type=media_type or None, limits=InputLimits())
    given = anatomy.base.run(prepared)
    phi = anatomy.base.choose_phi()
    return _real(given, anatomy), np.array([] if phi is None else phi.of(prepared, given))


def _real(given: Features, anatomy: Anatomy) -> NDArray[np.float32]:
    row = given[0].reshape(-1).astype(np.float32)
    quantization = anatomy.embedding.quantization
    if quantization is not None:
        row = (row - quantization.zero_point) * np.float32(quantization.scale)
    if not np.isfinite(row).all():
        raise BadOutputError("the base gives values for it that are infinite or not a number")
    return row


def _payload(folder: Path, sha256: str) -> bytes:
    try:
        payload = input_of(folder, sha256).read_bytes()
    except OSError as error:
        raise TrainingError(f"the input {sha256} cannot be read: {error}") from error
    if hashlib.sha256(payload).hexdigest() != sha256:
        raise TrainingError(f"the input {sha256} holds other bytes than it is called by")
    return payload


def _key(anatomy: Anatomy) -> str:
    parts = (digest_of(next(iter(anatomy.bases.values()))), anatomy.bundle.config.preprocessing)
    phi = anatomy.base.choose_phi()
    text = msgspec.json.encode((*parts, None if phi is None else (phi.kind.number, phi.source)), order="deterministic")
    return hashlib.sha256(text).hexdigest()[:32]


def _read(path: Path, anatomy: Anatomy) -> dict[str, Row]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            names, features, phi = file["names"], file["features"], file["phi"]
    except _UNREADABLE:
        return {}
    statistics = anatomy.base.choose_phi()
    expected = (len(names), 0 if statistics is None else len(statistics.kind.statistics))
    if not (_is(features, np.float32, (len(names), anatomy.embedding.elements)) and _is(phi, np.float64, expected)):
        return {}
    return {str(name): (features[number], phi[number]) for number, name in enumerate(names)}


def _is(array: NDArray[Any], dtype: type, shape: tuple[int, int]) -> bool:
    return array.dtype == dtype and array.shape == shape and bool(np.isfinite(array).all())


def _write(path: Path, rows: Mapping[str, Row]) -> None:
    file = io.BytesIO()
    names = sorted(rows)
    features, phi = (np.stack([rows[name][part] for name in names]) for part in (0, 1))
    np.savez(file, names=np.array(names), features=features, phi=phi)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, file.getvalue())
