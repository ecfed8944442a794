"""How often the uploader looks for inputs that have come due."""

import pytest

from roost_edge.cloud_api import DeviceApi
from roost_edge.cloud_http import CloudHttp
from roost_edge.identity.keys import DeviceKey
from roost_edge.spool.interface import SealLimits
from roost_edge.upload.shard_cloud import ShardCloud
from roost_edge.upload.token_bucket import TokenBucket
from roost_edge.upload.uploader import Uploader
from tests.support.memory_spool import MemorySpool


@pytest.mark.parametrize(("age_s", "every_s"), [(600, 5.0), (1.5, 1.5), (0, 0.1)])
def test_it_looks_as_often_as_inputs_may_come_due(age_s: float, every_s: float) -> None:
    api = DeviceApi(CloudHttp("http://127.0.0.1:1", None), tenant="acme", device="cam-01", key=DeviceKey.new())
    limits = SealLimits(age_s=age_s)
    uploader = Uploader(MemorySpool([]), ShardCloud(api), limits=limits, bucket=TokenBucket(None))
    assert uploader._look_every_s == every_s
