"""An export: planned, then made piece by piece. Interrupted anywhere, it goes on with the first that is not there.

{out}/inputs/{device}/{sample}.{kind}, {out}/samples.jsonl    as a folder
{out}/samples-000000.tar, …                                   as WebDataset
{out}/.export/                                                while it is under way
"""

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from roost_cloud.client import ApiClient
from roost_cloud.export.errors import ExportExistsError
from roost_cloud.export.plan import Entry, Format, Plan, make_plan
from roost_cloud.export.source import fetch, fetch_document, fetch_input
from roost_cloud.export.writers import file_of, holds_input, join_lines, keep_input, write_lines, write_tar
from roost_cloud.transfer.progress import Progress
from roost_shared.durable import make_folders

__all__ = ["Exported", "export_samples"]

_AT_ONCE: Final = 8  # samples fetched at a time
_PAGE: Final = 1000

_Made = TypeVar("_Made")


class Exported(NamedTuple):
    """What an export holds."""

    samples: int
    size_bytes: int  # of their inputs


class _Place(msgspec.Struct, frozen=True):
    media_type: str
    size_bytes: int
    sha256: str


class _Listed(msgspec.Struct, frozen=True):
    device: str
    sample: str
    input: _Place


def export_samples(
    cloud: ApiClient,
    out: Path,
    kind: Format,
    query: Mapping[str, str | None],
    progress: Progress,
    *,
    said: Mapping[str, str | None],
) -> Exported:
    """Export the samples whose inputs are in the cloud.

    Args:
        cloud: where they are.
        out: the folder to make, or to go on with.
        kind: its format.
        query: which samples, as `GET /samples` takes it.
        progress: told of every input.
        said: the same as it was asked for, by which an unfinished export is known again: `7d` is another week each
            time.

    Raises:
        ExportExistsError: tars of a finished export are there.
        OtherExportError: an unfinished export of other samples is there.
        DamagedPlanError: the plan of an unfinished export is damaged.
        AlteredInputError: the cloud gives other bytes than it promised.
        SampleGoneError: a sample was removed since the export was planned.
        RemoteError, ApiUnreachableError, ApiAnswerError: the cloud said no, or not enough; call again to go on.
        OSError: the disk refused.
    """
    work = out / ".export"
    if kind == "webdataset" and not work.exists() and next(out.glob("samples-*.tar"), None) is not None:
        raise ExportExistsError(f"{out} holds a finished export: choose another folder")
    make_folders(out)
    told = {name: value for name, value in said.items() if value is not None}
    plan = make_plan(work, kind, told, _entries(cloud, query))
    progress.expect(plan.size_bytes)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="export") as threads:
        make = _make_folder if kind == "folder" else _make_tars
        make(cloud, out, plan, progress, threads)
    shutil.rmtree(work)
    return Exported(plan.samples, plan.size_bytes)


def _entries(cloud: ApiClient, query: Mapping[str, str | None]) -> Iterator[Entry]:
    asked = {**query, "has_input": "true", "limit": _PAGE}
    for one in cloud.each("/samples", _Listed, query=asked):
        yield Entry(device=one.device, sample=one.sample, **msgspec.structs.asdict(one.input))


def _make_folder(cloud: ApiClient, out: Path, plan: Plan, progress: Progress, threads: ThreadPoolExecutor) -> None:
    def bring(entry: Entry) -> dict[str, Any]:
        file = file_of(out, entry)
        if not holds_input(file, entry):
            keep_input(file, fetch_input(cloud, entry))
        return fetch_document(cloud, entry)

    parts = []
    for number, piece in enumerate(plan.pieces()):
        parts.append(out / ".export" / f"{number:06}.jsonl")
        if parts[-1].exists():
            progress.moved(_size_bytes(piece))
        else:
            write_lines(parts[-1], _in_order(threads, bring, piece, progress))
    join_lines(out / "samples.jsonl", parts)


def _make_tars(cloud: ApiClient, out: Path, plan: Plan, progress: Progress, threads: ThreadPoolExecutor) -> None:
    for number, piece in enumerate(plan.pieces()):
        file = out / f"samples-{number:06}.tar"
        if file.exists():
            progress.moved(_size_bytes(piece))
        else:
            write_tar(file, _in_order(threads, lambda entry: fetch(cloud, entry), piece, progress))


def _in_order(
    threads: ThreadPoolExecutor, make: Callable[[Entry], _Made], entries: Iterable[Entry], progress: Progress
) -> Iterator[_Made]:
    """What is made of entries, a few at a time, and no more of them in memory than that."""
    under_way: deque[tuple[Entry, Future[_Made]]] = deque()
    try:
        for entry in entries:
            under_way.append((entry, threads.submit(make, entry)))
            if len(under_way) == _AT_ONCE:
                yield _next(under_way, progress)
        while under_way:
            yield _next(under_way, progress)
    finally:
        for _, future in under_way:
            future.cancel()


def _next(under_way: deque[tuple[Entry, Future[_Made]]], progress: Progress) -> _Made:
    entry, future = under_way.popleft()
    made = future.result()
    progress.moved(entry.size_bytes)
    return made


def _size_bytes(piece: Iterable[Entry]) -> int:
    return sum(entry.size_bytes for entry in piece)
