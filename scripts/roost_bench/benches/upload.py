"""How fast a device brings shards to the cloud, against a bare loop of PUTs; and a long outage's, at its cap."""

import hashlib
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import urllib3

from roost_edge.identity.keys import DeviceKey
from roost_edge.spool.interface import Entry, SealLimits, Stored
from roost_edge.uplink.api import DeviceApi, enrol
from roost_edge.uplink.http import CloudHttp
from roost_edge.upload.shard_cloud import Part, ShardCloud
from roost_edge.upload.token_bucket import TokenBucket
from roost_edge.upload.uploader import Uploader
from roost_shared.enrolment import EnrolmentToken
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.outage import measure_outage
from tests.support.cloud_process import CloudProcess
from tests.support.memory_spool import MemorySpool
from tests.support.shard_inputs import JPEG, ShardInput, make_input, opening_of, tar_of

GOALS = (
    Goal("vs_bare_put", at_least=0.8),
    Goal("drain_vs_cap", at_least=0.95, at_most=1.05),
    Goal("outage.ten_seconds_vs_cap.least", at_least=0.95),
    Goal("outage.ten_seconds_vs_cap.most", at_most=1.05),
    Goal("answers_on_time", at_least=1),
)
COMPARED_WITH = (
    "a bare urllib3 loop that PUTs parts of the same sizes, which lie ready in memory, to signed URLs of the same "
    "`roost cloud serve` (file:// store), in turns with ours, which meanwhile reads, hashes and lays out every input "
    "of a spool in memory. Medians of bytes a second while parts are sent; with opening and commit: `vs_bare_whole`. "
    "Outage: what a device keeps in ten hours at 24 kB every 10 s, nothing scaled, against its cap of 1 MB/s; its "
    "answers meanwhile against those before and after"
)

_INPUT_BYTES: Final = 50_000
_INPUTS: Final = 1300  # 65 MB, a full shard
_QUICK_INPUTS: Final = 400
_ROUNDS: Final = 21
_TIMEOUT_S: Final = 60


class _Run(NamedTuple):
    """One shard brought."""

    size_bytes: int
    put_s: float  # while parts were sent
    whole_s: float  # from before opening to after commit

    @property
    def put_rate(self) -> float:
        return self.size_bytes / self.put_s

    @property
    def whole_rate(self) -> float:
        return self.size_bytes / self.whole_s


class _CheckingSpool(MemorySpool):
    """Makes sure of every input's digest, as the device's spool does."""

    def read(self, entry: Entry) -> Stored:
        stored = super().read(entry)
        if hashlib.sha256(stored.payload).digest() != entry.sha256:
            raise RuntimeError("an input is damaged")
        return stored


class _TimedCloud(ShardCloud):
    """Counts the time that sending parts takes."""

    put_s = 0.0

    def put(self, part: Part, url: str, chunks: Iterable[bytes]) -> None:
        begun = time.perf_counter()
        super().put(part, url, chunks)
        self.put_s += time.perf_counter() - begun


def run(options: Options) -> Result:
    """Bring shards in turns, ours and bare."""
    count, rounds = (_QUICK_INPUTS, 2) if options.quick else (_INPUTS, _ROUNDS)
    ours: list[_Run] = []
    bare: list[_Run] = []
    with tempfile.TemporaryDirectory() as name, CloudProcess(Path(name) / "cloud") as cloud:
        cloud.start()
        api = _device(cloud)
        for number in range(rounds + 1):
            ours.append(_bring(api, _inputs(f"ours{number}", count)))
            bare.append(_bring_bare(api, _inputs(f"bare{number}", count)))
        outage = measure_outage(
            Path(name) / "outage", hours=1 if options.quick else 10, idle_s=4 if options.quick else 30
        )
    told = {key: outage[key] for key in ("drain_vs_cap", "answers_on_time")}
    return {**_figures(ours[1:], bare[1:]), **told, "outage": outage}  # the first of each warms up


def _figures(ours: Sequence[_Run], bare: Sequence[_Run]) -> Result:
    put, bare_put = (statistics.median(one.put_rate for one in runs) for runs in (ours, bare))
    whole, bare_whole = (statistics.median(one.whole_rate for one in runs) for runs in (ours, bare))
    return {
        "vs_bare_put": put / bare_put,
        "vs_bare_whole": whole / bare_whole,
        "put_mb_per_s": put / 1e6,
        "bare_put_mb_per_s": bare_put / 1e6,
        "whole_mb_per_s": whole / 1e6,
        "bare_whole_mb_per_s": bare_whole / 1e6,
        "shards": len(ours),
        "shard_bytes": ours[0].size_bytes,
    }


def _bring(api: DeviceApi, inputs: list[ShardInput]) -> _Run:
    spool, cloud = _CheckingSpool(inputs), _TimedCloud(api)
    uploader = Uploader(spool, cloud, limits=SealLimits(age_s=0), bucket=TokenBucket(None))
    spool.seal(SealLimits(age_s=0), uploader._identify)  # noqa: SLF001 - a sealed list is where uploading begins
    begun = time.perf_counter()
    uploader.upload_next()
    whole_s = time.perf_counter() - begun
    told = uploader.describe()
    if spool.samples or told["problem"] is not None:
        raise RuntimeError(f"the upload did not go through: {told}")
    return _Run(told["sent_bytes"], cloud.put_s, whole_s)


def _bring_bare(api: DeviceApi, inputs: list[ShardInput]) -> _Run:
    opening, tar, pool = opening_of(inputs), tar_of(inputs), urllib3.PoolManager(timeout=_TIMEOUT_S, retries=False)
    begun = time.perf_counter()
    offer: dict[str, Any] = api.call("POST", "/device/shards", dict, body=opening)
    put_begun = time.perf_counter()
    for part in offer["parts"]:
        data = memoryview(tar)[part["offset"] :][: part["size_bytes"]]
        if pool.request("PUT", part["url"], body=bytes(data)).status >= 300:  # noqa: PLR2004 - HTTP's success ends
            raise RuntimeError("a part was refused")
    put_s = time.perf_counter() - put_begun
    api.call("POST", f"/device/shards/{offer['shard']}/commit", dict)
    return _Run(len(tar), put_s, time.perf_counter() - begun)


def _inputs(name: str, count: int) -> list[ShardInput]:
    random = np.random.default_rng(len(name))
    noise = JPEG + random.bytes(_INPUT_BYTES)
    return [make_input(f"{name}-{number}", noise + str(number).encode()) for number in range(count)]


def _device(cloud: CloudProcess) -> DeviceApi:
    """A device that has enrolled itself."""
    made = cloud.client().call("POST", "/tenants", dict, body={"name": "acme"})
    people = cloud.client(made["admin_token"]["token"])
    token = EnrolmentToken.parse(people.call("POST", "/enrolments", dict, body={"device": "cam-01"})["token"])
    key, http = DeviceKey.new(), CloudHttp(cloud.url, None)
    enrol(http, token, key.request())
    return DeviceApi(http, tenant="acme", device="cam-01", key=key)
