"""A device's uploader in a process of its own, to be killed: `python -m tests.support.upload_process URL KEY_FILE`."""

import sys
from pathlib import Path
from typing import Final

from roost_edge.identity.keys import DeviceKey
from roost_edge.spool.interface import SealLimits
from roost_edge.uplink.api import DeviceApi
from roost_edge.uplink.http import CloudHttp
from roost_edge.upload.shard_cloud import ShardCloud
from roost_edge.upload.token_bucket import TokenBucket
from roost_edge.upload.uploader import Uploader
from tests.support.memory_spool import MemorySpool
from tests.support.shard_inputs import JPEG, make_input

__all__ = ["SLOW_INPUTS"]

SLOW_INPUTS: Final = [make_input(f"s-{number}", JPEG + bytes([number]) * 60_000) for number in range(1, 9)]
_RATE: Final = 100_000  # bytes a second: some parts arrive, and then there is time to be killed


def _main() -> None:
    url, key_file = sys.argv[1:]
    key = DeviceKey.read(Path(key_file).read_bytes())
    api = DeviceApi(CloudHttp(url, None), tenant="acme", device="cam-01", key=key)
    limits = SealLimits(age_s=0)
    Uploader(MemorySpool(SLOW_INPUTS), ShardCloud(api), limits=limits, bucket=TokenBucket(_RATE)).upload_next()


if __name__ == "__main__":
    _main()
