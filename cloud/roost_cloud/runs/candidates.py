"""The candidate of a run: whether it is what was asked for, and where it waits for a person's word."""

import tempfile
from pathlib import Path
from typing import IO, Final, cast

from roost_cloud.db.tables import TrainingRun
from roost_cloud.objects import ObjectStore, build_key
from roost_cloud.runs.packing import pack, unpack
from roost_shared.bundle import Bundle, BundleError, open_bundle
from roost_shared.errors import ContentError

__all__ = ["CANDIDATE", "CandidateError", "archive", "archive_key", "checked", "fetch"]

CANDIDATE: Final = "candidate"


class CandidateError(ContentError):
    """What a trainer left is no bundle, or not the one it was asked for."""

    code = "run.candidate"


def checked(folder: Path, run: TrainingRun) -> Bundle:
    """The candidate in a job's folder, opened: every byte of it checked.

    Raises:
        CandidateError: it is none, or another.
    """
    if folder.is_symlink():
        raise CandidateError("the trainer left a link where its candidate should lie")
    try:
        bundle = open_bundle(folder)
    except BundleError as error:
        raise CandidateError(f"the trainer left no bundle: {error}") from error
    config = bundle.config
    asked = {"name": run.name, "version": run.version, "parent": run.incumbent, "training_run": run.id}
    for what, wanted in asked.items():
        if (said := getattr(config, what)) != wanted:
            raise CandidateError(f"the candidate's {what} is {said}, and not {wanted}")
    return bundle


def archive_key(tenant: str, run: str) -> str:
    """The object in which a candidate waits.

    >>> archive_key("acme", "0123456789abcdef")
    'acme/runs/0123456789abcdef/candidate.tar'
    """
    return build_key(tenant, "runs", run, "candidate.tar")


def archive(objects: ObjectStore, run: TrainingRun, folder: Path) -> None:
    """Keep the candidate in `folder` until a person has decided.

    Raises:
        StoreUnavailableError, StoreFailedError, StoreFullError: the store failed.
    """
    with tempfile.TemporaryFile(dir=folder.parent) as file:
        out = cast("IO[bytes]", file)
        pack(folder.parent, [folder.name], out)
        size_bytes = file.tell()
        file.seek(0)
        objects.put_stream(archive_key(run.tenant, run.id), file, size_bytes)


def fetch(objects: ObjectStore, run: TrainingRun, folder: Path) -> Bundle:
    """Bring the candidate back that waited.

    Raises:
        CandidateError: it is not the one that passed.
        StoreUnavailableError, StoreFailedError, ObjectNotFoundError: the store does not give it.
    """
    with tempfile.TemporaryFile(dir=folder) as file, objects.open(archive_key(run.tenant, run.id)) as reader:
        while chunk := reader.read(1 << 20):
            file.write(chunk)
        file.seek(0)
        unpack(cast("IO[bytes]", file), folder, [CANDIDATE])
    bundle = checked(folder / CANDIDATE, run)
    if bundle.digest != run.candidate:
        raise CandidateError(f"the candidate that was kept is {bundle.digest}, and {run.candidate} passed")
    return bundle
