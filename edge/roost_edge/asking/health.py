"""Whether questions may cross the link, judged by what became of the last ones. Pure.

- `down`: there is no connection.
- `unknown`: there is one, and nothing has come back over it yet. Probes go out; whatever comes back makes it good.
- `good`: questions go out. When most of the last ones were lost, it is bad: a link can swallow packets for minutes
  before TCP or MQTT notice, and nobody shall wait for it meanwhile. After a lost question, and when nothing has come
  back for a while, a probe goes out; three lost in a row say the same.
- `bad`: probes go out, ever more rarely; two in a row that come back make it good.

Probes that come back prove the way, not that anybody scores: a link that turns bad again before a single question has
come back waits longer for its next probe than the time before.

>>> link = LinkHealth()
>>> link.connected(now_ns=0)
>>> link.state, link.probe_due_ns
('unknown', 0)
>>> link.probed(now_ns=0, random=0.5)
>>> link.probe_returned(now_ns=30_000_000)
>>> link.state
'good'
>>> for _ in range(5):
...     link.question_lost(now_ns=60_000_000)
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
_PROBES_LOST: Final = 3  # in a row, that make a good link bad
_PROOF: Final = 2  # probes in a row that make a bad link good
_FIRST_NS: Final = 1 * SECOND
_LONGEST_NS: Final = 30 * SECOND
_SOON_NS: Final = 250 * MS  # after a probe that came back, while one more is needed
_QUIET_NS: Final = 30 * SECOND  # without a word over a good link


class LinkHealth:
    """What is known of one link."""

    def __init__(self) -> None:
        self._state: LinkState = "down"
        self._window: deque[bool] = deque(maxlen=_WINDOW)  # of questions; True: came back
        self._probe_due_ns: int | None = None
        self._returned = 0  # probes in a row
        self._lost = 0  # probes in a row
        self._probing = False  # a probe is under way
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
        self._growth.reset()
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
        self._probing = True
        if self._state == "good":
            self._probe_due_ns = now_ns + _QUIET_NS
        elif self._state != "down":
            self._probe_due_ns = now_ns + self._pause_ns(random)

    def probe_returned(self, now_ns: int) -> None:
        """A probe came back, be it late."""
        self._probing = False
        if self._state == "good":
            self._lost = 0
            self._probe_due_ns = now_ns + _QUIET_NS
        else:
            self._heard(now_ns)

    def probe_lost(self, now_ns: int) -> None:
        """A probe did not come back in its time."""
        self._probing = False
        self._returned = 0
        if self._state != "good":
            return
        self._lost += 1
        if self._lost >= _PROBES_LOST:
            self._turn_bad(now_ns)
        else:
            self._probe_due_ns = now_ns + _SOON_NS

    def question_returned(self, now_ns: int) -> None:
        """Somebody answered a question, with a score or by declining, be it late."""
        if self._state == "good":
            self._growth.reset()
            self._window.append(True)
            self._lost = 0
            self._probe_due_ns = now_ns + _QUIET_NS
        else:
            self._heard(now_ns)

    def question_lost(self, now_ns: int) -> None:
        """Nobody answered a question in its time."""
        self._returned = 0
        if self._state != "good":
            return
        self._window.append(False)
        lost = self._window.count(False)
        if lost >= _LOST_AT_LEAST and 2 * lost > len(self._window):
            self._turn_bad(now_ns)
        elif not self._probing and not self._lost:
            self._probe_due_ns = now_ns

    def _heard(self, now_ns: int) -> None:
        if self._state == "unknown":
            self._enter("good", probe_due_ns=now_ns + _QUIET_NS)
        elif self._state == "bad":
            self._returned += 1
            if self._returned >= _PROOF:
                self._enter("good", probe_due_ns=now_ns + _QUIET_NS)
            else:
                self._probe_due_ns = now_ns + _SOON_NS

    def _turn_bad(self, now_ns: int) -> None:
        self._enter("bad", probe_due_ns=now_ns + self._pause_ns(0.0))

    def _enter(self, state: LinkState, *, probe_due_ns: int | None) -> None:
        self._state = state
        self._window.clear()
        self._returned = self._lost = 0
        self._probing = False
        self._probe_due_ns = probe_due_ns

    def _pause_ns(self, random: float) -> int:
        """The next pause between probes, each longer than the one before."""
        ceiling_ns = self._growth.next_ns(1.0)
        return ceiling_ns + round(ceiling_ns * random)
