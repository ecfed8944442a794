"""One shard on its way to the cloud: attempts, each of which goes on where the cloud says the last one came to.

open ──▶ missing parts ──▶ commit
▲  ▲──── ask again ◀──┘ │
└────── open again ◀────┘
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from roost_edge.upload.errors import UploadRefusedError
from roost_edge.upload.retrying import CURES, Step, cure_of, retry_wait_ns
from roost_edge.upload.shard_cloud import Offer, Part, ShardCloud
from roost_edge.upload.shard_tar import ShardTar
from roost_shared.errors import TransportError

__all__ = ["Delivery"]


class Delivery:
    """A shard on its way.

    Args:
        cloud: where to.
        tar: the shard.
        chunk_bytes: to send at a time.
        pace: hands chunks on no faster than they may be sent.
        spend: hears of other bytes that are sent, as many as a list is long.

    Attributes:
        sent_bytes: of parts that arrived, as often as they did.
        address: the URL of the cloud or the object store, whoever was asked last.
    """

    def __init__(
        self,
        cloud: ShardCloud,
        tar: ShardTar,
        chunk_bytes: int,
        pace: Callable[[Iterable[bytes]], Iterator[bytes]],
        spend: Callable[[int], None],
    ) -> None:
        self._cloud = cloud
        self._tar = tar
        self._chunk_bytes = chunk_bytes
        self._pace = pace
        self._spend = spend
        self._step: Step = "open"
        self._opened = False
        self._cures = 0
        self.sent_bytes = 0
        self.address = cloud.url

    def attempt(self) -> None:
        """Go on, up to the cloud's word that it has the shard.

        Raises:
            TransportError: it was cut or refused; `judge` says what then.
            SpoolError: an entry cannot be read, is damaged or gone.
        """
        self.address = self._cloud.url
        offer = self._ask() if self._opened else self._open()
        self._opened = True
        if offer.state == "committed":
            return
        self._step = "part"
        for part in offer.parts:
            if part.url is not None:
                self.address = part.url
                self._put(part, part.url)
        self._step, self.address = "commit", self._cloud.url
        self._cloud.commit(self._tar.shard)

    def judge(self, error: TransportError, backoff_ns: int) -> int:
        """How long to wait before the next attempt after one that failed so, in nanoseconds.

        Raises:
            UploadRefusedError: there is no use in another.
        """
        wait_ns = retry_wait_ns(error, backoff_ns)
        if wait_ns is not None:
            return wait_ns
        cure = cure_of(error, self._step)
        self._cures += 1
        if cure is None or self._cures > CURES:
            raise UploadRefusedError(self._tar.shard, error) from error
        self._opened = cure == "ask_again"
        return 0 if self._cures == 1 else backoff_ns

    def _ask(self) -> Offer:
        self._step = "ask"
        return self._cloud.ask(self._tar.shard)

    def _open(self) -> Offer:
        self._step = "open"
        self._spend(len(msgspec.json.encode(self._tar.opening)))
        return self._cloud.open(self._tar.opening)

    def _put(self, part: Part, url: str) -> None:
        chunks = self._tar.stream(part.offset, part.size_bytes, self._chunk_bytes)
        self._cloud.put(part, url, self._pace(chunks))
        self.sent_bytes += part.size_bytes
        self._cures = 0  # it gets on
