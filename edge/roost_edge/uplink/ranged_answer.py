"""An answer to a GET of an object or of the rest of one: what part it says it is, and its bytes as they come.

It promises no more than the server does: whoever reads it knows how many bytes to take, and hashes them.
"""

import re
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

import urllib3
from urllib3.exceptions import HTTPError

from roost_edge.uplink.errors import CloudAnswerError, CloudUnreachableError
from roost_shared.cloud_words import one_line

__all__ = ["RangedAnswer"]

_WHOLE, _PART = 200, 206
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,19})-[0-9]{1,19}/([0-9]{1,19})")


class RangedAnswer:
    """A context manager; closes the connection unless all was read.

    Args:
        reply: as it came, its body unread.
        where: whose answer it is, for people.

    Attributes:
        offset: of the object's bytes, the first that comes.
        size_bytes: of the whole object, as the server says; None if it does not.

    Raises:
        CloudAnswerError: it is no object or part of one.
    """

    def __init__(self, reply: urllib3.BaseHTTPResponse, where: str) -> None:
        self._reply = reply
        self._where = where
        self.offset = 0
        self.size_bytes: int | None = None
        if reply.status == _PART:
            found = _CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", ""))
            if found is None:
                raise CloudAnswerError(f"{where}: a part without a word on which part it is")
            self.offset, self.size_bytes = int(found[1]), int(found[2])
        elif reply.status == _WHOLE:
            length = reply.headers.get("Content-Length", "")
            self.size_bytes = int(length) if length.isascii() and length.isdecimal() else None
        else:
            raise CloudAnswerError(f"{where}: HTTP status {reply.status}; a signed URL leads nowhere else")

    def __enter__(self) -> Self:
        """The answer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the connection, unless the answer was read to its end, which gave it back."""
        self._reply.close()

    def pieces(self, most_bytes: int) -> Iterator[bytes]:
        """Its bytes as they come, at most so many at a time.

        Raises:
            CloudUnreachableError: the connection ended too early, or nothing came for too long.
        """
        try:
            while piece := self._reply.read1(most_bytes, decode_content=False):
                yield piece
        except (HTTPError, OSError) as error:
            raise CloudUnreachableError(f"{self._where}: {one_line(error)}") from error
