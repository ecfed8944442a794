"""Recorded requests as a replay reads them: in pages, the newest first, with the policies they were answered by."""

from datetime import datetime
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import quote

import msgspec

from roost_cloud.client import ApiAnswerError, ApiClient, Page, RemoteError
from roost_cloud.replay.span import Span

__all__ = ["ApiSource", "Recorded", "Source"]

_EACH: Final = 200  # requests in a page


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A request as its device told of it.

    Attributes:
        device: whose.
        sample: names it within the device.
        received_at: when the cloud heard of it.
        record: as `records.encode_record` made it.
        late: the same of each score that came after the answer.
        probability: with which its input was kept, after all thinning; None: the input is not in the cloud.
    """

    device: str
    sample: str
    received_at: datetime
    record: bytes
    late: list[bytes] = []
    probability: float | None = None


class Source(Protocol):
    """Where they come from; the same pages each time, as long as the span lies in the past."""

    def page(self, after: str | None) -> Page[Recorded]:
        """The page behind that one, or the first."""
        ...

    def policy(self, digest: str) -> bytes | None:
        """The document of a policy of the task; None if it never came."""
        ...

    def payload(self, device: str, sample: str) -> bytes | None:
        """An input; None if it is not in the cloud."""
        ...


class ApiSource:
    """Those that a cloud has of a task.

    Args:
        cloud: which.
        task: its name.
        span: of which time.
    """

    def __init__(self, cloud: ApiClient, task: str, span: Span) -> None:
        self._cloud = cloud
        self._task = task
        self._query = {
            "task": task,
            "since": span.since.isoformat(),
            "until": span.until.isoformat(),
        }
        self._limit = _EACH

    def page(self, after: str | None) -> Page[Recorded]:
        """See `Source.page`; records may be large, and a page that is too large for an answer is asked for in halves.

        Raises:
            ApiAnswerError: not even a single record can be read.
            RemoteError, ApiUnreachableError: as `ApiClient.call`.
        """
        while True:
            query = {**self._query, "after": after, "limit": self._limit}
            try:
                return self._cloud.get("/recorded", Page[Recorded], query=query)
            except ApiAnswerError:
                if self._limit == 1:
                    raise
                self._limit //= 2

    def policy(self, digest: str) -> bytes | None:
        """See `Source.policy`."""
        return self._find(f"/policies/{quote(self._task)}/{quote(digest, safe='')}")

    def payload(self, device: str, sample: str) -> bytes | None:
        """See `Source.payload`."""
        return self._find(f"/samples/{quote(device)}/{quote(sample, safe='')}/input")

    def _find(self, path: str) -> bytes | None:
        try:
            return self._cloud.send("GET", path).data
        except RemoteError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
