"""The cloud's `/device/shards` as the uploader uses it. Every method raises what `CloudHttp.call` does."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from roost_edge.uplink.api import DeviceApi
from roost_shared.shards import ShardEntry

__all__ = ["Offer", "Opening", "Part", "ShardCloud", "Wanted"]


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A shard that we have."""

    shard: str
    task: str
    size_bytes: int  # of its tar
    entries: list[ShardEntry]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a shard's tar."""

    number: int
    offset: int
    size_bytes: int
    url: str | None  # None: it arrived


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """How far the cloud has a shard."""

    state: Literal["uploading", "committed"]
    parts: list[Part]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What people want to see before anything else."""

    samples: list[str] = []


class ShardCloud:
    """One device's shards.

    Args:
        api: the cloud, and who we are there.
    """

    def __init__(self, api: DeviceApi) -> None:
        self._api = api

    @property
    def url(self) -> str:
        """Where it is."""
        return self._api.http.url

    def wanted(self) -> Wanted:
        """Which of our samples people wait for; some of them may be here no more."""
        return self._api.call("GET", "/device/wanted", Wanted)

    def open(self, opening: Opening) -> Offer:
        """Begin to bring a shard, or go on with it."""
        return self._api.call("POST", "/device/shards", Offer, body=opening)

    def ask(self, shard: str) -> Offer:
        """What is still to come of a shard, and where to."""
        return self._api.call("GET", f"/device/shards/{shard}", Offer)

    def put(self, part: Part, url: str, chunks: Iterable[bytes]) -> None:
        """Send a part."""
        self._api.http.put_signed(url, part.size_bytes, chunks)

    def commit(self, shard: str) -> Offer:
        """Have the cloud check the shard, and keep it."""
        return self._api.call("POST", f"/device/shards/{shard}/commit", Offer)
