"""Bytes that come to both stores in parts, by URLs: what is offered, and what a crash leaves to be done."""

import pytest

from roost_cloud.objects import PART_BYTES, MissingPartsError, ObjectNotFoundError, Upload, UploadNotFoundError
from roost_cloud.objects.receiving import assemble, hash_object, offer_all_parts, offer_parts
from roost_shared.digest import digest_of
from tests.support.objects import Objects

KEY = "acme/shards/0a1b"
PLACE = "acme/kept/0a1b"
DATA = bytes(range(256)) * (PART_BYTES // 256) + b"the rest"


def missing(objects: Objects, upload: Upload) -> list[int]:
    return [part.number for part, url in offer_parts(objects.store, upload) if url is not None]


def send(objects: Objects, upload: Upload, *numbers: int) -> None:
    for part, url in offer_parts(objects.store, upload):
        if url is not None and part.number in numbers:
            assert objects.send(url, DATA[part.offset : part.offset + part.size_bytes]) == 200


def test_only_what_did_not_arrive_is_offered_again(objects: Objects) -> None:
    upload = objects.store.begin_upload(KEY, len(DATA))
    assert [(part.number, part.size_bytes) for part, _ in offer_all_parts(objects.store, upload)] == [
        (1, PART_BYTES),
        (2, 8),
    ]
    assert all(url is not None for _, url in offer_all_parts(objects.store, upload))
    send(objects, upload, 2)
    assert missing(objects, upload) == [1]
    with pytest.raises(MissingPartsError):
        assemble(objects.store, upload)
    send(objects, upload, 1)
    assert missing(objects, upload) == []


def test_what_was_assembled_is_so_for_whoever_asks_again(objects: Objects) -> None:
    upload = objects.store.begin_upload(KEY, len(DATA))
    send(objects, upload, 1, 2)
    for _ in range(2):  # the second time as after a crash
        assemble(objects.store, upload)
        assert missing(objects, upload) == []
    assert hash_object(objects.store, KEY) == digest_of(DATA)


def test_what_was_moved_on_is_under_way_no_more(objects: Objects) -> None:
    upload = objects.store.begin_upload(KEY, len(DATA))
    send(objects, upload, 1, 2)
    assemble(objects.store, upload)
    objects.store.move(KEY, PLACE)
    with pytest.raises(UploadNotFoundError):
        offer_parts(objects.store, upload)
    with pytest.raises(ObjectNotFoundError):
        assemble(objects.store, upload)
    with pytest.raises(ObjectNotFoundError):
        hash_object(objects.store, KEY)
    assert hash_object(objects.store, PLACE) == digest_of(DATA)
