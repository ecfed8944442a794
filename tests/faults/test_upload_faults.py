"""Uploads of shards through kills, cuts and refusals: every input that was kept gets to the cloud, whole and once."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from roost_cloud.objects.errors import StoreUnavailableError
from roost_cloud.shards import collection, uploads
from roost_edge.identity.keys import DeviceKey
from roost_edge.uplink.http import CloudHttp, CloudUnreachableError
from roost_edge.upload import uploader as uploader_module
from roost_edge.upload.errors import UploadRefusedError
from roost_edge.upload.reachability import can_connect
from roost_edge.upload.token_bucket import TokenBucket
from roost_shared.clock import SECOND, SystemClock
from tests.support.faulty_app import Fault
from tests.support.memory_spool import MemorySpool
from tests.support.shard_inputs import JPEG, ShardInput, make_input, opening_of, tar_of
from tests.support.shard_site import AT_ONCE, ShardSite, serve_shard_site
from tests.support.upload_process import SLOW_INPUTS

pytestmark = pytest.mark.one_database  # tests/integration/test_shards.py has both, and both stores
PATIENCE_S = 60.0
OPEN = r"^POST .*/device/shards$"
ASK = r"^GET .*/device/shards/"
PART = r"^PUT .*/objects/"
COMMIT = r"^POST .*/commit$"
WANTED = r"^GET .*/device/wanted$"
INPUTS = [make_input(f"b-{number}", JPEG + bytes([number]) * 60_000) for number in range(1, 4)]

_Answer = TypeVar("_Answer")


class KilledError(BaseException):
    """The process is no more."""


@pytest.fixture
def site(database_url: str, tmp_path: Path, small_parts: int) -> Iterator[ShardSite]:
    assert small_parts * 2 < len(tar_of(INPUTS)) < small_parts * 3
    with serve_shard_site(tmp_path / "cloud", database_url) as made:
        yield made


class MortalHttp(CloudHttp):
    """Dies before its nth request, or after it was carried out and before anybody hears of it."""

    def __init__(self, url: str, number: int, *, after: bool) -> None:
        super().__init__(url, None)
        self._number = number
        self._after = after
        self._count = 0

    def call(self, *arguments: Any, **options: Any) -> Any:
        return self._mortal(lambda: super(MortalHttp, self).call(*arguments, **options))

    def put_signed(self, url: str, size_bytes: int, chunks: Iterable[bytes]) -> None:
        self._mortal(lambda: super(MortalHttp, self).put_signed(url, size_bytes, chunks))

    def _mortal(self, action: Callable[[], _Answer]) -> _Answer:
        self._count += 1
        if self._count == self._number and not self._after:
            raise KilledError
        answer = action()
        if self._count == self._number:
            raise KilledError
        return answer


@pytest.mark.parametrize("after", [False, True])
def test_uploader_killed_at_any_step_goes_on_after_its_restart(site: ShardSite, after: bool) -> None:  # noqa: FBT001 - a case
    number, brought, killed = 0, [], True
    while killed:
        number += 1
        inputs = [make_input(f"k{number}-{one.sample}", one.payload) for one in INPUTS]
        spool = MemorySpool(inputs)
        try:
            site.uploader(spool, http=MortalHttp(site.url, number, after=after)).upload_next()
            killed = False
        except KilledError:
            assert site.uploader(spool).upload_next()
        assert spool.samples == []
        brought += inputs
    assert number == 9  # nonce, token, what is wanted, open, three parts and commit; then there was no ninth
    site.has_once(brought)
    assert site.under_way() == []


class MortalSpool(MemorySpool):
    """Its process dies after the cloud has said yes, before the spool has noted it."""

    def committed(self, shard: str) -> None:
        if not self.forgotten:
            self.forgotten.append("killed")
            raise KilledError
        super().committed(shard)


def test_shard_that_the_cloud_has_is_not_sent_again(site: ShardSite) -> None:
    spool = MortalSpool(INPUTS)
    with pytest.raises(KilledError):
        site.uploader(spool).upload_next()
    parts = site.app.count(PART)
    assert site.uploader(spool).upload_next()
    assert site.app.count(PART) == parts
    assert spool.samples == []
    site.has_once(INPUTS)


@pytest.mark.parametrize(("status", "body"), [(404, b""), (503, b""), (200, b"?"), (None, b"")])
def test_a_cloud_that_does_not_say_what_is_wanted_gets_everything_all_the_same(
    site: ShardSite, status: int | None, body: bytes
) -> None:
    site.app.faults = [Fault(WANTED, status, body=body)]
    spool = MemorySpool(INPUTS)
    uploader = site.uploader(spool)
    assert uploader.upload_next()
    site.has_once(INPUTS)
    assert not uploader.upload_next()
    assert site.app.count(WANTED) == (status is None)  # nor is it asked again before a minute has passed


@pytest.mark.parametrize("lost", [[OPEN, OPEN], [PART, ASK, ASK], [PART, PART], [COMMIT, ASK]])
def test_lost_answer_costs_nothing_but_time(site: ShardSite, lost: list[str]) -> None:
    site.app.faults = faults = [Fault(what) for what in lost]
    spool = MemorySpool(INPUTS)
    site.uploader(spool).upload_next()
    assert not any(fault.times for fault in faults)
    assert site.app.count(PART) == 3  # a part whose answer was lost has arrived
    assert spool.samples == []
    site.has_once(INPUTS)


@pytest.mark.parametrize("what", [OPEN, PART, COMMIT])
@pytest.mark.parametrize("status", [401, 408, 409, 429, 500, 502, 503, 507])
def test_what_may_pass_passes(site: ShardSite, what: str, status: int) -> None:
    site.app.faults = [Fault(what, status, times=3)]
    spool = MemorySpool(INPUTS)
    uploader = site.uploader(spool)
    uploader.upload_next()
    assert spool.samples == []
    assert uploader.describe()["problem"] is None
    site.has_once(INPUTS)


def test_cloud_says_when_to_come_back(site: ShardSite) -> None:
    site.app.faults = [Fault(OPEN, 503, {"Retry-After": "1"}), Fault(COMMIT, 429, {"Retry-After": "1"})]
    begun_ns = SystemClock().now_ns()
    site.uploader(MemorySpool(INPUTS)).upload_next()
    assert SystemClock().now_ns() - begun_ns >= 2_000_000_000
    site.has_once(INPUTS)


def test_link_that_comes_and_goes_is_no_reason_to_come_back_sooner(site: ShardSite) -> None:
    site.app.faults = [Fault(OPEN, 503, {"Retry-After": "2"})]
    spool = MemorySpool(INPUTS)
    uploader = site.uploader(spool)
    thread = threading.Thread(target=uploader.run)
    begun_ns = SystemClock().now_ns()
    thread.start()
    while spool.samples:
        uploader.wake()
        assert SystemClock().now_ns() - begun_ns < PATIENCE_S * SECOND
        thread.join(0.05)
    assert SystemClock().now_ns() - begun_ns >= 2 * SECOND
    assert site.app.count(OPEN) == 1  # the other did not get that far
    uploader.stop()
    thread.join()
    site.has_once(INPUTS)


class CutHttp(CloudHttp):
    """Its first request of an opening finds nobody."""

    def __init__(self, url: str) -> None:
        super().__init__(url, None)
        self._is_cut = True

    def call(self, method: str, path: str, *arguments: Any, **options: Any) -> Any:
        if self._is_cut and path == "/device/shards":
            self._is_cut = False
            raise CloudUnreachableError("nobody is there")
        return super().call(method, path, *arguments, **options)


@pytest.mark.parametrize("knocks", [[False, False, True], [True, False, True]])
def test_cloud_that_is_back_is_noticed_before_the_wait_is_over(
    site: ShardSite, monkeypatch: pytest.MonkeyPatch, knocks: list[bool]
) -> None:
    monkeypatch.setattr(uploader_module, "_FIRST_NS", 2 * PATIENCE_S * SECOND)
    monkeypatch.setattr(uploader_module, "_KNOCK_PAUSE_S", 0.02)
    monkeypatch.setattr(uploader_module, "_KNOCK_SHARE", 0)
    asked: list[str] = []

    def knock(address: str) -> bool:
        asked.append(address)
        return knocks[len(asked) - 1]

    begun_ns = SystemClock().now_ns()
    spool = MemorySpool(INPUTS)
    assert site.uploader(spool, http=CutHttp(site.url), draw=lambda: 1.0, knock=knock).upload_next()
    assert SystemClock().now_ns() - begun_ns < PATIENCE_S * SECOND
    assert asked == [site.url] * 3
    site.has_once(INPUTS)


def test_cloud_that_takes_connections_all_along_is_left_alone_for_the_whole_wait(
    site: ShardSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploader_module, "_KNOCK_PAUSE_S", 0.2)
    begun_ns = SystemClock().now_ns()
    assert site.uploader(MemorySpool(INPUTS), http=CutHttp(site.url), draw=lambda: 1.0).upload_next()
    assert SystemClock().now_ns() - begun_ns >= SECOND


def test_who_is_at_an_address_is_known_by_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert can_connect(f"http://127.0.0.1:{port}/a/part?signature=1")
    assert not can_connect(f"http://127.0.0.1:{port}")
    assert not can_connect("http://127.0.0.1:99999/")
    assert not can_connect("nonsense")


@pytest.mark.parametrize("what", [OPEN, PART, COMMIT])
@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_refusal_stops_and_says_so(site: ShardSite, what: str, status: int) -> None:
    site.app.faults = [Fault(what, status, times=20)]
    spool = MemorySpool(INPUTS)
    uploader = site.uploader(spool)
    with pytest.raises(UploadRefusedError, match=str(status)) as caught:
        uploader.upload_next()
    assert caught.value.code == "upload.refused"
    assert 20 - site.app.faults[0].times <= 4  # itself, and three cures where there is one
    assert spool.samples == [one.sample for one in INPUTS]
    assert uploader.describe()["refused"] == 1
    site.app.faults = []
    assert site.uploader(spool).upload_next()  # after a restart, or an hour
    site.has_once(INPUTS)


def test_refused_shard_does_not_stand_in_the_way_of_others(site: ShardSite) -> None:
    spool = MemorySpool(INPUTS[:1])
    uploader = site.uploader(spool)
    site.app.faults = [Fault(OPEN, 413)]
    with pytest.raises(UploadRefusedError):
        uploader.upload_next()
    spool.add(*INPUTS[1:])
    assert uploader.upload_next()
    assert spool.samples == ["b-1"]
    site.has_once(INPUTS[1:])


def test_expired_url_is_replaced(site: ShardSite) -> None:
    site.app.faults = [Fault(PART, 403, times=2), Fault(PART, 400, body=b"<Error><Code>ExpiredToken</Code></Error>")]
    site.uploader(MemorySpool(INPUTS)).upload_next()
    site.has_once(INPUTS)


def test_parts_that_the_store_has_lost_are_sent_again(site: ShardSite) -> None:
    """So is the row: the cloud was restored from an old copy."""
    api, tar = site.api(), tar_of(INPUTS)
    offer = api.call("POST", "/device/shards", dict, body=opening_of(INPUTS))
    first = offer["parts"][0]
    api.http.put_signed(first["url"], first["size_bytes"], [tar[: first["size_bytes"]]])
    (row,) = site.under_way()
    store = site.cloud.services.objects
    store.abort_upload(uploads._in_store(uploads.ShardKey("acme", "cam-01", row.shard), row))
    site.uploader(MemorySpool(INPUTS)).upload_next()
    site.has_once(INPUTS)
    assert site.under_way() == []


def test_cloud_that_died_between_the_object_and_its_rows_goes_on(
    site: ShardSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise StoreUnavailableError("the cloud dies here")

    with monkeypatch.context() as patch:
        patch.setattr(uploads, "_keep", die)
        site.app.faults = [Fault("nothing")]
        api, tar = site.api(), tar_of(INPUTS)
        offer = api.call("POST", "/device/shards", dict, body=opening_of(INPUTS))
        for part in offer["parts"]:
            api.http.put_signed(part["url"], part["size_bytes"], [tar[part["offset"] :][: part["size_bytes"]]])
        path = f"/api/v1/device/shards/{offer['shard']}"
        headers = site.device.headers()
        assert site.cloud.client.post(f"{path}/commit", headers=headers).status_code == 503
    assert len(site.objects("shards")) == 1
    parts = site.app.count(PART)
    site.uploader(MemorySpool(INPUTS)).upload_next()
    assert site.app.count(PART) == parts
    site.has_once(INPUTS)


def test_damaged_or_dropped_input_costs_itself_alone(site: ShardSite) -> None:
    spool = MemorySpool(INPUTS)
    uploader = site.uploader(spool)
    spool.seal(AT_ONCE, uploader._identify)
    spool.damaged.add("b-2")
    assert uploader.upload_next()  # it finds out
    assert spool.samples == ["b-1", "b-3"]
    spool.seal(AT_ONCE, uploader._identify)
    spool.drop("b-3")
    for _ in range(3):
        uploader.upload_next()
    assert spool.samples == []
    site.has_once(INPUTS[:1])


def test_bytes_that_were_spoilt_on_the_way_are_sent_again(site: ShardSite) -> None:
    class Spoiling(CloudHttp):
        spoilt = 0

        def put_signed(self, url: str, size_bytes: int, chunks: Iterable[bytes]) -> None:
            data = b"".join(chunks)
            if self.spoilt < 3:
                self.spoilt += 1
                data = data[:-1] + bytes([data[-1] ^ 1])
            super().put_signed(url, size_bytes, [data])

    site.uploader(MemorySpool(INPUTS), http=Spoiling(site.url, None)).upload_next()
    site.has_once(INPUTS)


def test_stop_in_the_middle_of_a_part_is_soon(site: ShardSite) -> None:
    bucket = TokenBucket(1000)  # a part takes a minute
    spool = MemorySpool(INPUTS)
    uploader = site.uploader(spool, bucket=bucket)
    thread = threading.Thread(target=uploader.run)
    thread.start()
    until(lambda: site.app.count(PART) > 0, "no part is under way")
    begun_s = time.monotonic()
    uploader.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert time.monotonic() - begun_s < 30
    assert site.uploader(spool).upload_next()
    site.has_once(INPUTS)


def test_killed_process_leaves_parts_that_are_not_sent_again(site: ShardSite, tmp_path: Path) -> None:
    key = tmp_path / "device.key"
    key.write_bytes(DeviceKey(site.device.key).pem())
    command = [sys.executable, "-m", "tests.support.upload_process", site.url, str(key)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(command, env=environment)
    try:
        until(lambda: parts_arrived(site) > 0 or process.poll() is not None, "no part arrives")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    arrived = parts_arrived(site)
    spool = MemorySpool(SLOW_INPUTS)
    uploader = site.uploader(spool)
    uploader.upload_next()
    assert arrived > 0
    assert uploader.describe()["sent_bytes"] <= len(tar_of(SLOW_INPUTS)) - arrived * (64 << 10)
    site.has_once(SLOW_INPUTS)


def test_what_no_device_comes_back_for_is_cleared_away(site: ShardSite) -> None:
    services = site.cloud.services
    api, tar = site.api(), tar_of(INPUTS)
    offer = api.call("POST", "/device/shards", dict, body=opening_of(INPUTS))
    part = offer["parts"][0]
    api.http.put_signed(part["url"], part["size_bytes"], [tar[: part["size_bytes"]]])
    services.objects.put("acme/shard-uploads/orphan", b"left by a crash")
    now = SystemClock().wall()
    assert collection.collect(services.database, services.objects, services.now()) == (0, 0)
    late = max(now, services.now()) + collection.GRACE * 2
    assert collection.collect(services.database, services.objects, late) == (1, 1)
    assert site.under_way() == []
    assert site.objects("shard-uploads") == []
    site.uploader(MemorySpool(INPUTS)).upload_next()
    assert collection.collect(services.database, services.objects, late) == (0, 0)
    site.has_once(INPUTS)


def test_device_has_few_uploads_under_way(site: ShardSite) -> None:
    api = site.api()
    for number in range(uploads.MAX_UNDER_WAY + 3):
        one: list[ShardInput] = [make_input(f"m-{number}", b"?")]
        api.call("POST", "/device/shards", dict, body=opening_of(one))
    assert len(site.under_way()) == uploads.MAX_UNDER_WAY


def parts_arrived(site: ShardSite) -> int:
    store = site.cloud.services.objects
    return sum(
        len(store.list_parts(uploads._in_store(uploads.ShardKey(row.tenant, row.device, row.shard), row)))
        for row in site.under_way()
    )


def until(condition: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up, what
        time.sleep(0.01)
