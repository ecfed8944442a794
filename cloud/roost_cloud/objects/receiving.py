"""Receiving an object in parts from somebody who holds only URLs, through crashes of either side.

    upload = store.begin_upload(build_key(tenant, kind, random_name), size_bytes)  # remember its three fields
    offer_parts(store, upload)     # as often as the sender asks: what is still to come, and where to PUT it
    assemble(store, upload)        # one object of the parts; also if that was done before
    hash_object(store, upload.key) # before anybody believes the bytes, and moves them to where they belong

The key is to be the upload's alone until then: what is found there is taken for the whole of its parts. Rooms that
receive have a `kind` each, for each clears away what it forgot. Nothing is remembered here, and nothing decided about
what the bytes are.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from roost_cloud.objects.errors import ObjectNotFoundError, UploadNotFoundError
from roost_cloud.objects.parts import Part, missing_parts, plan_parts
from roost_cloud.objects.store import ObjectStore, Upload
from roost_shared.digest import digest_of_stream

__all__ = ["OfferedPart", "assemble", "hash_object", "offer_all_parts", "offer_parts"]

_URL_LIFETIME_S: Final = 3600  # whoever takes longer asks for fresh ones


class OfferedPart(NamedTuple):
    """A planned part, and where to PUT its bytes."""

    part: Part
    url: str | None
    """None: it arrived."""


def offer_parts(store: ObjectStore, upload: Upload) -> list[OfferedPart]:
    """Every part of an upload under way. All have arrived once they were assembled and the object is at its key.

    Raises:
        UploadNotFoundError: the store has lost the upload, or it ended; begin another.
    """
    try:
        missing = missing_parts(upload.size_bytes, store.list_parts(upload))
    except UploadNotFoundError:
        if not _is_assembled(store, upload):
            raise
        missing = []
    return _offer(store, upload, missing)


def offer_all_parts(store: ObjectStore, upload: Upload) -> list[OfferedPart]:
    """Every part of an upload begun just now: nothing has arrived, and the store need not be asked."""
    return _offer(store, upload, missing_parts(upload.size_bytes, ()))


def assemble(store: ObjectStore, upload: Upload) -> None:
    """Make one object of the parts, at the upload's key, unless that was done before.

    Raises:
        MissingPartsError: parts are missing; the upload goes on.
        ObjectNotFoundError: there is no upload, and nothing at its key: it was lost, aborted or moved on.
    """
    try:
        store.complete_upload(upload)
    except UploadNotFoundError:
        store.head(upload.key)


def hash_object(store: ObjectStore, key: str) -> str:
    """The digest of an object, all of which is read for that.

    Raises:
        ObjectNotFoundError: there is none.
    """
    with store.open(key) as reader:
        return digest_of_stream(reader)


def _offer(store: ObjectStore, upload: Upload, missing: Iterable[int]) -> list[OfferedPart]:
    urls = {number: store.part_url(upload, number, expires_s=_URL_LIFETIME_S) for number in missing}
    return [OfferedPart(part, urls.get(part.number)) for part in plan_parts(upload.size_bytes)]


def _is_assembled(store: ObjectStore, upload: Upload) -> bool:
    try:
        store.head(upload.key)
    except ObjectNotFoundError:
        return False
    return True
