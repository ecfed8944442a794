import mmap
import os

import pytest

from roost_edge.workers.payload import SharedPayload, map_payload


def test_a_reader_maps_the_same_bytes() -> None:
    with SharedPayload(b"jpeg bytes") as payload:
        view = map_payload(os.dup(payload.fileno()))
        assert bytes(view) == b"jpeg bytes"
        assert view.readonly
        assert payload.payload_bytes == 10


def test_an_empty_payload_can_be_mapped() -> None:
    with SharedPayload(b"") as payload:
        assert bytes(map_payload(os.dup(payload.fileno()))) == b""


@pytest.mark.parametrize("payload_bytes", [100_000, 3_000_000], ids=["copied", "mapped"])
def test_the_view_outlives_the_descriptor(payload_bytes: int) -> None:
    payload = SharedPayload(memoryview(b"x" * payload_bytes))
    view = map_payload(os.dup(payload.fileno()))
    payload.release()
    assert view.readonly
    assert bytes(view) == b"x" * payload_bytes


def test_mapping_takes_the_descriptor_over() -> None:
    with SharedPayload(b"x") as payload:
        descriptor = os.dup(payload.fileno())
        map_payload(descriptor)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_nobody_can_change_grow_or_shrink_it() -> None:
    with SharedPayload(b"abc") as payload:
        descriptor = payload.fileno()
        with pytest.raises(PermissionError):
            os.pwrite(descriptor, b"X", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 1)
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 10)
        with pytest.raises(PermissionError):
            mmap.mmap(descriptor, 3, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ | mmap.PROT_WRITE)


def test_the_last_holder_closes_it() -> None:
    payload = SharedPayload(b"abc")
    descriptor = payload.fileno()
    assert payload.hold() is payload
    payload.release()
    os.fstat(descriptor)
    payload.release()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize("use", [SharedPayload.fileno, SharedPayload.hold, SharedPayload.release])
def test_a_released_payload_refuses_every_use(use: object) -> None:
    payload = SharedPayload(b"abc")
    payload.release()
    assert callable(use)
    with pytest.raises(ValueError, match="released"):
        use(payload)


def test_the_bytes_can_be_read_as_long_as_somebody_holds_them() -> None:
    payload = SharedPayload(b"image")
    assert payload.read() == payload.read() == b"image"
    payload.release()
    with pytest.raises(ValueError, match="released"):
        payload.read()
