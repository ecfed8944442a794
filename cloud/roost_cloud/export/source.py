"""A sample's document and its input's bytes, as the API gives them, checked against the plan."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final, NamedTuple, get_args
from urllib.parse import quote

from roost_cloud.client import ApiClient, RemoteError
from roost_cloud.export.errors import SampleGoneError
from roost_cloud.export.plan import Entry
from roost_shared.errors import ContentError
from roost_shared.shards.media import Suffix, media_type

__all__ = ["AlteredInputError", "Fetched", "fetch", "fetch_document", "fetch_input", "name_of"]

_SUFFIXES: Final[dict[str, Suffix]] = {media_type(suffix): suffix for suffix in get_args(Suffix)}


class AlteredInputError(ContentError):
    """The cloud gives other bytes than those whose digest it tells."""

    code = "export.altered_input"


class Fetched(NamedTuple):
    """A sample, all of it."""

    entry: Entry
    document: dict[str, Any]
    payload: bytes


def name_of(entry: Entry) -> str:
    """What an input's file is called, below its device's folder; up to its first dot it is WebDataset's key."""
    return f"{entry.sample}.{_SUFFIXES.get(entry.media_type, 'bin')}"


def fetch(cloud: ApiClient, entry: Entry) -> Fetched:
    """A sample's document and input; raises as the two do."""
    return Fetched(entry, fetch_document(cloud, entry), fetch_input(cloud, entry))


def fetch_document(cloud: ApiClient, entry: Entry) -> dict[str, Any]:
    """What is known of a sample, as an export says it: labels, scores, how probable its being here was.

    Raises:
        SampleGoneError: it was removed, or its input was.
        RemoteError, ApiUnreachableError, ApiAnswerError: as `ApiClient.get`.
    """
    with _expecting(entry):
        whole: dict[str, Any] = cloud.get(_path(entry), dict[str, Any])
    place = whole.pop("input")
    if place is None:
        raise _gone(entry)
    told = {"file": f"{entry.device}/{name_of(entry)}", "media_type": entry.media_type}
    weight = {"probability": place["probability"], "weight": 1 / place["probability"]}
    return whole | told | weight | {"size_bytes": entry.size_bytes, "sha256": entry.sha256}


def fetch_input(cloud: ApiClient, entry: Entry) -> bytes:
    """An input.

    Raises:
        AlteredInputError: its digest is another.
        SampleGoneError: it was removed.
        RemoteError, ApiUnreachableError, ApiAnswerError: as `ApiClient.send`.
    """
    with _expecting(entry):
        payload = cloud.send("GET", f"{_path(entry)}/input").data
    if hashlib.sha256(payload).hexdigest() != entry.sha256:
        raise AlteredInputError(f"{entry.device}/{entry.sample}: the cloud gives other bytes than {entry.sha256}")
    return payload


@contextmanager
def _expecting(entry: Entry) -> Iterator[None]:
    """What the cloud had when the export was planned may have grown too old since."""
    try:
        yield
    except RemoteError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise _gone(entry) from error
        raise


def _gone(entry: Entry) -> SampleGoneError:
    return SampleGoneError(
        f"{entry.device}/{entry.sample} was removed from the cloud after this export was planned, which can no longer"
        " be whole: remove its folder and export again, with a later --since"
    )


def _path(entry: Entry) -> str:
    return f"/samples/{quote(entry.device, safe='')}/{quote(entry.sample, safe='')}"
