"""What a device says of itself on its retained `state` topic, and what it makes of what it reads there. Pure.

The broker holds one state for a device. A birth (`online`) replaces it on each connection; the will (`offline`,
`lost`) replaces it when the broker loses us; a graceful stop leaves `offline`, `stopped`. Each names its boot and
session, because a will can be late and overwrite a newer birth. So the device reads its own topic:

- A state that is not its live one, arriving after its birth has come back to it, has overwritten the birth: it is
  born anew. What arrives before that is older than the birth, for a broker keeps a topic's messages in order.
- A state of another boot, once this boot has been online, means that another device uses our identity (a cloned
  card): a *takeover*, as is the broker's MQTT 5 reason "session taken over". Whichever shows first counts, once.
- After three takeovers in a minute the device stands down for a minute or more, growing, so that two clones do not
  throw each other out without end, and reports `duplicate_identity` until ten minutes pass without a takeover.

>>> presence = Presence(boot="b1", version="1.0")
>>> presence.next_session().reason  # the will of the coming connection
'lost'
>>> [birth] = presence.connected(now_ns=0)
>>> birth.state.state, birth.state.boot, birth.state.session
('online', 'b1', 1)
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

from roost_shared.backoff import Backoff
from roost_shared.clock import SECOND
from roost_shared.messages import State

__all__ = ["Announce", "Effect", "HoldOff", "Presence"]

DUPLICATE_IDENTITY: Final = "duplicate_identity"
_TAKEOVERS: Final = 3
_WITHIN_NS: Final = 60 * SECOND
_HOLD_OFF_NS: Final = 60 * SECOND
_HOLD_OFF_GROWTH_LIMIT_NS: Final = 30 * 60 * SECOND
_CALM_NS: Final = 10 * 60 * SECOND


@dataclass(frozen=True)
class Announce:
    """Publish `state`, retained, at QoS 1."""

    state: State


@dataclass(frozen=True)
class HoldOff:
    """Leave the broker, and stay away for `wait_ns`."""

    wait_ns: int


Effect = Announce | HoldOff


class Presence:
    """One boot of one device.

    Args:
        boot: unique to this start of the agent.
        version: of the agent.
    """

    def __init__(self, *, boot: str, version: str | None = None) -> None:
        self._boot = boot
        self._version = version
        self._session = 0
        self._problem: str | None = None
        self._live = False  # connected, so that there is a birth to defend
        self._echoed = False  # this session's birth came back: later states are newer than it
        self._was_online = False  # some birth of this boot came back
        self._end_counted = False  # the last session's end was counted as a takeover already
        self._takeovers: deque[int] = deque(maxlen=_TAKEOVERS)  # when, monotonic
        self._last_takeover_ns = 0
        self._growth = Backoff(_HOLD_OFF_NS, _HOLD_OFF_GROWTH_LIMIT_NS)

    @property
    def problem(self) -> str | None:
        """What is wrong with our identity, None if nothing is known to be."""
        return self._problem

    @property
    def wake_ns(self) -> int | None:
        """When `tick` has something to do; None for never."""
        return None if self._problem is None else self._last_takeover_ns + _CALM_NS

    def next_session(self) -> State:
        """A connection will be tried: a new session; return its will."""
        self._session += 1
        self._live = self._echoed = False
        return self._state("offline", reason="lost")

    def connected(self, now_ns: int) -> list[Effect]:
        """The broker took us."""
        self._live = True
        self._recover(now_ns)
        return [Announce(self._birth())]

    def seen(self, state: State | None, now_ns: int, random: float) -> list[Effect]:
        """Our `state` topic was published to.

        Args:
            state: what it says; None if it cannot be read, or was cleared.
            now_ns: monotonic time.
            random: drawn evenly in 0…1, for the time to stand down.
        """
        if not self._live:
            return []
        if state is not None and self._is_live(state):
            self._echoed = self._was_online = True
            self._end_counted = False
            return []
        effects: list[Effect] = []
        if state is not None and state.boot != self._boot and self._is_takeover(state):
            effects = self._taken_over(now_ns, random)
        if self._echoed and not effects:
            self._echoed = False
            return [Announce(self._birth())]
        return effects

    def lost(self, *, taken_over: bool, now_ns: int, random: float) -> list[Effect]:
        """The connection ended; `taken_over` if the broker said that another client took our place."""
        was_live, self._live = self._live, False
        if not (was_live and taken_over):
            return []
        self._end_counted = True
        return self._taken_over(now_ns, random)

    def tick(self, now_ns: int) -> list[Effect]:
        """Time has passed."""
        if self._problem is None or not self._recover(now_ns) or not self._live:
            return []
        self._echoed = False
        return [Announce(self._birth())]

    def farewell(self) -> State:
        """What to leave behind on a graceful stop."""
        self._live = False
        return self._state("offline", reason="stopped")

    def _is_live(self, state: State) -> bool:
        return (state.state, state.boot, state.session) == ("online", self._boot, self._session)

    def _is_takeover(self, state: State) -> bool:
        if self._echoed:
            return state.state == "online"  # a late will of a boot before ours is none
        counted, self._end_counted = self._end_counted, True
        return self._was_online and not counted

    def _taken_over(self, now_ns: int, random: float) -> list[Effect]:
        self._last_takeover_ns = now_ns
        self._takeovers.append(now_ns)
        if len(self._takeovers) < _TAKEOVERS or now_ns - self._takeovers[0] > _WITHIN_NS:
            return []
        self._takeovers.clear()
        self._problem = DUPLICATE_IDENTITY
        self._live = False
        return [HoldOff(_HOLD_OFF_NS + self._growth.next_ns(random))]

    def _recover(self, now_ns: int) -> bool:
        if self._problem is None or now_ns - self._last_takeover_ns < _CALM_NS:
            return False
        self._problem = None
        self._growth.reset()
        return True

    def _birth(self) -> State:
        return self._state("online", reason=None)

    def _state(self, state: Literal["online", "offline"], *, reason: str | None) -> State:
        return State(
            state=state,
            boot=self._boot,
            session=self._session,
            reason=reason,
            version=self._version,
            problem=self._problem,
        )
