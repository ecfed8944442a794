"""An object of S3 being read."""

from types import TracebackType
from typing import Protocol, Self

from roost_cloud.objects.s3_faults import s3_faults
from roost_cloud.objects.store import ObjectInfo

__all__ = ["Body", "S3Reader"]


class Body(Protocol):
    """A response's body."""

    def read(self, amt: int | None = None, /) -> bytes:
        """At most `amt` bytes, or all."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class S3Reader:
    """An `ObjectReader` of a response's body, which it closes."""

    def __init__(self, body: Body, info: ObjectInfo) -> None:
        self.info = info
        self._body = body

    def read(self, size: int = -1, /) -> bytes:
        """See `ObjectReader.read`."""
        with s3_faults():
            return self._body.read(None if size < 0 else size)

    def close(self) -> None:
        """Let go of the connection."""
        self._body.close()

    def __enter__(self) -> Self:
        """The reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
