"""Samples to label as a folder: their inputs, and a table to fill in that `roost label import` takes."""

import csv
import io
from pathlib import Path
from typing import Annotated, Final, get_args

import msgspec
from msgspec import Meta

from roost_cloud.client import ApiClient
from roost_shared.durable import make_folders, write_durably
from roost_shared.shards.media import Suffix, media_type
from roost_shared.topics import NAME

__all__ = ["QueuedSample", "check_free", "write_sheet"]

_TABLE: Final = "labels.csv"
_SUFFIXES: Final[dict[str, Suffix]] = {media_type(suffix): suffix for suffix in get_args(Suffix)}


class QueuedSample(msgspec.Struct, frozen=True):
    """A sample to label."""

    device: Annotated[str, Meta(pattern=rf"\A{NAME.pattern}\Z")]  # a folder's and a file's name
    sample: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]+\Z")]
    media_type: str
    input: str
    thumbnail: str


def check_free(folder: Path) -> None:
    """Let pass a folder without a table.

    Raises:
        FileExistsError: it has one, which somebody may have begun to fill in.
    """
    if (folder / _TABLE).exists():
        raise FileExistsError(f"{folder / _TABLE} is there already: import it, or choose another folder")


def write_sheet(cloud: ApiClient, folder: Path, samples: list[QueuedSample]) -> None:
    """Write the inputs and `labels.csv`, whose column `label` is empty.

    Raises:
        RemoteError, ApiUnreachableError, ApiAnswerError: an input cannot be had.
        OSError: the disk refused.
    """
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("device", "sample", "label", "file"))
    for one in samples:
        file = Path(one.device) / f"{one.sample}.{_SUFFIXES.get(one.media_type, 'bin')}"
        make_folders(folder / one.device)
        write_durably(folder / file, cloud.send("GET", f"/samples/{one.device}/{one.sample}/input").data)
        rows.writerow((one.device, one.sample, "", file))
    make_folders(folder)
    write_durably(folder / _TABLE, text.getvalue().encode())
