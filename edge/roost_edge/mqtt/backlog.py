"""Which messages the broker had queued while we were away. Pure.

MQTT does not mark them. A broker that kept our session sends what it queued at once after its CONNACK, before
anything new, so: from the CONNACK of a resumed session on, QoS 1 messages are backlog until the broker was
first quiet although it was free to send. It is free while fewer than `in_flight` messages await our
acknowledgement, and quiet when nothing came for 20 ms, or for two round trips where those take longer: after
our acknowledgement its next message cannot be here sooner. A message marked DUP was sent before, so it is
backlog whenever it comes. Retained and QoS 0 messages are not queued and tell nothing.

A stream that leaves no such gap would look like a backlog for ever; after a minute it no longer does. Being
wrong costs a message its turn (a backlog runs at lowest priority), never its answer.
"""

from typing import Final

from roost_shared.clock import MS, SECOND

__all__ = ["Backlog"]

_QUIET_NS: Final = 20 * MS
_LIMIT_NS: Final = 60 * SECOND


class Backlog:
    """Whether a connection is still delivering its session's backlog."""

    def __init__(self) -> None:
        self._draining = False
        self._quiet_ns = _QUIET_NS
        self._quiet_at_ns = 0
        self._limit_at_ns = 0

    def connected(self, *, session_present: bool, round_trip_ns: int, now_ns: int) -> int | None:
        """A connection begins; return when to `look`, None for never.

        Args:
            session_present: whether the broker kept our session.
            round_trip_ns: from our CONNECT to its CONNACK, in nanoseconds.
            now_ns: monotonic time.
        """
        self._draining = session_present
        self._quiet_ns = max(_QUIET_NS, 2 * round_trip_ns)
        self._quiet_at_ns = now_ns + self._quiet_ns
        self._limit_at_ns = now_ns + _LIMIT_NS
        return self._quiet_at_ns if session_present else None

    def disconnected(self) -> None:
        """The connection ended."""
        self._draining = False

    def received(self, *, qos: int, dup: bool, retain: bool, now_ns: int) -> bool:
        """Whether a message just received belongs to the backlog."""
        if dup:
            return True
        if not self._draining or qos == 0 or retain:
            return False
        self._quiet_at_ns = now_ns + self._quiet_ns
        return True

    def freed(self, now_ns: int) -> None:
        """An acknowledgement of ours made a broker that was not free to send free again."""
        self._quiet_at_ns = now_ns + self._quiet_ns

    def look(self, *, free: bool, now_ns: int) -> int | None:
        """See whether the backlog is over, after the socket was read; return when to look again, None if it is.

        Args:
            free: whether the broker may send, that is, waits for no acknowledgement of ours.
            now_ns: monotonic time.
        """
        if not self._draining or now_ns >= self._limit_at_ns or (free and now_ns >= self._quiet_at_ns):
            self._draining = False
            return None
        return max(self._quiet_at_ns, now_ns + self._quiet_ns if not free else 0)
