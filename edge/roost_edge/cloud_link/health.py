"""Whether questions may cross the link, judged by what became of the last ones. Pure.

- `down`: there is no connection.
- `unknown`: there is one, and nothing has come back over it yet. Probes go out; the first to come back makes it good.
- `good`: questions go out. When most of the last ones were lost, it is bad: a link can swallow packets for minutes
  before TCP or MQTT notice, and nobody shall wait for it meanwhile.
- `bad`: probes go out, ever more rarely; two in a row that come back make it good.

>>> link = LinkHealth()
>>> link.connected(now_ns=0)
>>> link.state, link.probe_due_ns
('unknown', 0)
>>> link.probed(now_ns=0, random=0.5)
>>> link.came_back(now_ns=30_000_000)
>>> link.state
'good'
>>> for _ in range(5):
...     link.lost(now_ns=60_000_000)
>>> link.state
'bad'
"""

from collections import deque
from typing import Final, Literal

from roost_shared.backoff import Backoff
from roost_shared.clock import MS, SECOND

__all__ = ["LinkHealth", "LinkState"]

LinkState = Literal["down", "unknown", "good", "bad"]

_WINDOW: Final = 8  # questions
_LOST_AT_LEAST: Final = 4  # of the window, and most of it
_PROOF: Final = 2  # probes in a row that make a bad link good
_FIRST_NS: Final = 1 * SECOND
_LONGEST_NS: Final = 30 * SECOND
_SOON_NS: Final = 250 * MS  # after a probe that came back, while one more is needed


class LinkHealth:
    """What is known of one link."""

    def __init__(self) -> None:
        self._state: LinkState = "down"
        self._window: deque[bool] = deque(maxlen=_WINDOW)  # True: came back
        self._probe_due_ns: int | None = None
        self._in_a_row = 0
        self._growth = Backoff(_FIRST_NS // 2, _LONGEST_NS // 2)

    @property
    def state(self) -> LinkState:
        """The judgement."""
        return self._state

    @property
    def probe_due_ns(self) -> int | None:
        """When the next probe shall go out, monotonic; None for none."""
        return self._probe_due_ns

    def connected(self, now_ns: int) -> None:
        """There is a connection, with everything to learn about it."""
        self._enter("unknown", probe_due_ns=now_ns)

    def disconnected(self) -> None:
        """The connection ended."""
        self._enter("down", probe_due_ns=None)

    def probed(self, now_ns: int, random: float) -> None:
        """A probe went out.

        Args:
            now_ns: monotonic time.
            random: drawn evenly in 0…1: a fleet does not knock all at once.
        """
        ceiling_ns = self._growth.next_ns(1.0)
        self._probe_due_ns = now_ns + ceiling_ns + round(ceiling_ns * random)

    def came_back(self, now_ns: int) -> None:
        """A score or a probe came back, be it late."""
        if self._state == "good":
            self._window.append(True)
        elif self._state == "unknown":
            self._enter("good", probe_due_ns=None)
        elif self._state == "bad":
            self._in_a_row += 1
            if self._in_a_row >= _PROOF:
                self._enter("good", probe_due_ns=None)
            else:
                self._probe_due_ns = now_ns + _SOON_NS

    def lost(self, now_ns: int) -> None:
        """A question or a probe did not come back in its time."""
        self._in_a_row = 0
        if self._state != "good":
            return
        self._window.append(False)
        lost = self._window.count(False)
        if lost >= _LOST_AT_LEAST and 2 * lost > len(self._window):
            self._enter("bad", probe_due_ns=now_ns)

    def _enter(self, state: LinkState, *, probe_due_ns: int | None) -> None:
        self._state = state
        self._window.clear()
        self._in_a_row = 0
        self._growth.reset()
        self._probe_due_ns = probe_due_ns
