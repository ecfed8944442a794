"""What to do after a request of an upload failed. Pure.

Whatever may pass is waited for: no answer, a fault of the cloud's own, and of its refusals those that say "not now".
Any other refusal ends the upload, but for a few that have a cure: what the cloud has lost is begun again, an expired
URL replaced, and bytes that were spoilt on the way sent once more; a few times in a row, for a cure that does not help
is none.
"""

from typing import Final, Literal

from roost_edge.uplink.http import CloudRefusedError
from roost_shared.clock import SECOND
from roost_shared.errors import TransportError

__all__ = ["CURES", "Cure", "Step", "cure_of", "retry_wait_ns"]

Step = Literal["open", "ask", "part", "commit"]
Cure = Literal["open_again", "ask_again"]

CURES: Final = 3  # in a row, without a part having arrived in between
_NOT_NOW: Final = frozenset({401, 408, 409, 429})
_FAILURES: Final = range(500, 600)
_LONGEST_NS: Final = 3600 * SECOND  # that we let the cloud ask for
_EXPIRED, _GONE, _UNPROCESSABLE = 403, 404, 422
_CURED_AT_COMMIT: Final[dict[str, Cure]] = {
    "objects.parts_missing": "ask_again",
    "shard.wrong_bytes": "open_again",
}
_LATE: Final = "RequestTimeout"  # S3 says so with 400
_STALE: Final = "ExpiredToken"  # and so of a URL signed by credentials that ended before it


def retry_wait_ns(error: TransportError, backoff_ns: int) -> int | None:
    """How long to wait before trying again, in nanoseconds; None: that would change nothing.

    >>> retry_wait_ns(CloudRefusedError(503, "database.unavailable", "restarting", 2.0), 5)
    2000000000
    >>> retry_wait_ns(CloudRefusedError(413, "request.too_large", "no"), 5) is None
    True
    """
    if not isinstance(error, CloudRefusedError):
        return backoff_ns
    if error.status in _FAILURES or error.status in _NOT_NOW or error.reason == _LATE:
        asked_ns = round((error.retry_after_s or 0) * SECOND)
        return max(min(asked_ns, _LONGEST_NS), backoff_ns)
    return None


def cure_of(error: TransportError, step: Step) -> Cure | None:
    """What may help against a refusal that waiting does not; None: nothing.

    >>> cure_of(CloudRefusedError(403, "objects.url_expired", "…"), "part")
    'ask_again'
    >>> cure_of(CloudRefusedError(403, "auth.forbidden", "…"), "commit") is None
    True
    """
    if not isinstance(error, CloudRefusedError):
        return None
    if step == "part" and (error.status == _EXPIRED or error.reason == _STALE):
        return "ask_again"
    if step != "open" and error.status == _GONE:
        return "ask_again" if step == "part" else "open_again"
    if step == "commit" and error.status == _UNPROCESSABLE:
        return _CURED_AT_COMMIT.get(error.reason)
    return None
