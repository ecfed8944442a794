"""One request's mailbox: scores and failures go in, one decision comes out.

The rules, in the words of DESIGN.md section 4:

1. A score is acceptable once an open rule names its contestant and its confidence reaches the rule's bar; the first
   such rule in list order wins. Rules once open stay open.
2. Early advance moves the rule cursor, not the clock. While no outstanding contestant can satisfy an open rule, all
   rules with the next `after_ms` open together. Outstanding: named by a rule and still able to score.
3. When nothing is outstanding, or time is up (deadline − guard), the best arrived score in rule order answers,
   whatever its confidence; if there is none, the default.
4. A cloud contestant that is to be asked when `unsure` is asked once: as soon as no outstanding local contestant can
   satisfy an open rule, or at the last moment at which the round trip still fits. A link that is down, or too slow
   for the time left, is a failure at once.
5. With `force`, only the named contestant may answer, whatever its confidence.

No I/O and no clock: the caller passes `now_ns`, and reads `wake_ns` to learn when to come back.
"""

from bisect import bisect_right
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from roost_shared.clock import MS
from roost_shared.messages import ErrorInfo, Reason
from roost_shared.rendezvous.events import Answer, Link, Request, Score, Seen
from roost_shared.rendezvous.policy import NO_CONFIDENCE, Sample, TaskPolicy

__all__ = ["UNSCHEDULED", "Mailbox", "is_sampled"]

# A timer comes late by a loop's turn. The last moment to ask is therefore set this much earlier,
# or the question would never fit when the timer fires.
ASK_LEAD_NS: Final = 2 * MS

UNSCHEDULED: Final = -1  # no moment of any clock

LINK_DOWN: Final = ErrorInfo("link.down", "the link to the cloud is down")
LINK_SLOW: Final = ErrorInfo("link.slow", "the cloud's round trip does not fit the time left")

Decision = tuple[Reason, Score | None]


def is_sampled(request_id: str, share: float) -> bool:
    """Whether a request falls into a share of all requests; the same for every run and machine."""
    digest = blake2b(request_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


class Mailbox:
    """What is known of one request, and the decision it leads to."""

    __slots__ = (
        "answer",
        "asks",
        "awaited",
        "cursor",
        "link",
        "overdue",
        "policy",
        "request",
        "satisfied",
        "satisfying",
        "scheduled_ns",
        "seen",
        "time_up_ns",
        "unasked",
    )

    def __init__(
        self, request: Request, policy: TaskPolicy, absent: Mapping[str, ErrorInfo], link: Link, now_ns: int
    ) -> None:
        self.request = request
        self.policy = policy
        self.link = link
        self.cursor = 0  # rules before it are open
        self.satisfied = len(policy.compiled)  # the first rule, open or not, that an arrived score satisfies
        self.satisfying: Score | None = None  # that score
        self.seen: list[Seen] = []
        self.awaited = set(policy.local)  # contestants that are scoring now; outstanding are those that a rule names
        self.overdue: frozenset[str] = frozenset()  # not waited for any more; what they say still counts
        self.unasked: tuple[str, ...] = ()  # cloud contestants to be asked when unsure
        self.asks: tuple[str, ...] = ()  # questions decided on and not yet handed out
        self.answer: Answer | None = None
        self.scheduled_ns = UNSCHEDULED  # the moment for which the rendezvous holds a timer
        self.time_up_ns = policy.time_up_ns(request.received_ns, request.deadline_ns)
        for name, error in absent.items():
            if name in self.awaited:
                self.awaited.remove(name)
                self.seen.append(Seen(name, 0, None, error))
        if policy.cloud:
            self._open_cloud(absent, now_ns)

    # ---- events

    def record_score(self, score: Score, now_ns: int) -> bool:
        """File a score. False if its contestant takes no part or has been heard before."""
        name = score.contestant
        if name in self.overdue:
            self.overdue -= {name}
            self.seen = [seen for seen in self.seen if seen.contestant != name]
        elif not self._await_no_more(name):
            return False
        self.seen.append(Seen(name, now_ns - self.request.received_ns, score))
        confidence = NO_CONFIDENCE if score.confidence is None else score.confidence
        for place, bar in self.policy.bars.get(name, ()):
            if confidence >= bar:
                if place < self.satisfied:
                    self.satisfied, self.satisfying = place, score
                break
        return True

    def record_failure(self, name: str, error: ErrorInfo, now_ns: int, *, final: bool = True) -> bool:
        """File a failure. False if its contestant takes no part or has been heard before.

        One that is not `final` says that nobody waits any longer; should a score come after all, it is taken.
        """
        if not self._await_no_more(name):
            return False
        self.seen.append(Seen(name, now_ns - self.request.received_ns, None, error))
        if not final:
            self.overdue |= {name}
        return True

    @property
    def expects(self) -> bool:
        """Whether somebody may still say something of this request."""
        return bool(self.awaited or self.overdue)

    def matters(self, name: str) -> bool:
        """Whether hearing from this contestant can change the decision; shadows and most baselines cannot."""
        return self.answer is not None or name in self.policy.named or name == self.request.force

    # ---- the decision

    def decide(self, now_ns: int) -> Answer | None:
        """Answer if what is known at `now_ns` suffices; may add to `asks`. Not to be called after the answer."""
        forced = self.request.force is not None
        decision = self._decide_forced(now_ns) if forced else self._decide_by_rules(now_ns)
        if decision is None:
            return None
        reason, score = decision
        # A question that came up in the same breath is not worth asking any more.
        self.awaited.difference_update(self.asks)
        self.asks = self.unasked = ()
        self.answer = Answer(self.request, reason, score, tuple(self.seen), now_ns - self.request.received_ns)
        return self.answer

    def wake_ns(self) -> int:
        """The next moment at which time alone could change the decision."""
        wake_ns = self.time_up_ns
        if self.request.force is not None:
            return wake_ns
        opening_ns = self.policy.opening_ns
        if self.satisfied < len(opening_ns):
            wake_ns = min(wake_ns, self.request.received_ns + opening_ns[self.satisfied])
        if self.unasked:
            wake_ns = min(wake_ns, self._last_ask_ns())
            if self.cursor == 0:
                wake_ns = min(wake_ns, self.request.received_ns + opening_ns[0])
        return wake_ns

    def _decide_by_rules(self, now_ns: int) -> Decision | None:
        policy = self.policy
        rules = policy.compiled
        self.cursor = bisect_right(policy.opening_ns, now_ns - self.request.received_ns, self.cursor)
        while self.cursor <= self.satisfied:  # no arrived score satisfies an open rule
            if now_ns >= self.time_up_ns:
                return self._best("deadline")
            if self.unasked:
                self._decide_asks(now_ns)
            if not policy.early_advance or not self.awaited.isdisjoint(policy.satisfiers[self.cursor]):
                return None
            if self.cursor == len(rules):
                return self._best("fallback") if self.awaited.isdisjoint(policy.named) else None
            self.cursor = policy.group_end[self.cursor]
        return "preferred" if rules[self.satisfied].first else "fallback", self.satisfying

    def _decide_forced(self, now_ns: int) -> Decision | None:
        name = self.request.force or ""
        if not self.policy.may_be_forced(name):
            return "default", None
        score = self._score_of(name)
        if score is not None:
            return "forced", score
        hopeless = self.policy.early_advance and name not in self.awaited
        return ("default", None) if hopeless or now_ns >= self.time_up_ns else None

    def _best(self, reason: Reason) -> Decision:
        for rule in self.policy.compiled:
            score = self._score_of(rule.accept)
            if score is not None:
                return reason, score
        return "default", None

    def _score_of(self, name: str) -> Score | None:
        return next((seen.score for seen in self.seen if seen.contestant == name), None)

    def _await_no_more(self, name: str) -> bool:
        """Expect nothing more of a contestant. False if nothing was expected."""
        if name in self.awaited:
            self.awaited.remove(name)
        elif name in self.unasked:
            self.unasked = tuple(one for one in self.unasked if one != name)
        else:
            return False
        return True

    # ---- cloud contestants

    def _open_cloud(self, absent: Mapping[str, ErrorInfo], now_ns: int) -> None:
        for contestant in self.policy.cloud:
            name, ask, force = contestant.name, contestant.ask, self.request.force
            if name in absent:
                self.seen.append(Seen(name, 0, None, absent[name]))
            elif name == force or ask == "always":
                self._ask(name, now_ns)
            elif isinstance(ask, Sample):
                if is_sampled(self.request.id, ask.sample):
                    self._ask(name, now_ns)
            else:
                self.unasked += (name,)

    def _decide_asks(self, now_ns: int) -> None:
        unsure = self.cursor > 0 and self.awaited.isdisjoint(self.policy.local_satisfiers[self.cursor])
        if unsure or now_ns >= self._last_ask_ns():
            for name in self.unasked:
                self._ask(name, now_ns)
            self.unasked = ()

    def _ask(self, name: str, now_ns: int) -> None:
        if self.link.up and now_ns + self.link.round_trip_ns <= self.time_up_ns:
            self.awaited.add(name)
            self.asks += (name,)
        else:
            error = LINK_SLOW if self.link.up else LINK_DOWN
            self.seen.append(Seen(name, now_ns - self.request.received_ns, None, error))

    def _last_ask_ns(self) -> int:
        return self.time_up_ns - self.link.round_trip_ns - ASK_LEAD_NS
