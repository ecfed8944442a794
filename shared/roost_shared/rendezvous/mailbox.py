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

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from typing import Final

from roost_shared.clock import MS
from roost_shared.messages import ErrorInfo, Reason
from roost_shared.rendezvous.events import Answer, Link, Request, Score, Seen
from roost_shared.rendezvous.policy import NO_CONFIDENCE, Contestant, Sample, TaskPolicy

__all__ = ["Mailbox", "is_sampled"]

# A timer comes late by a loop's turn. The last moment to ask is therefore set this much earlier,
# or the question would never fit when the timer fires.
ASK_LEAD_NS: Final = 2 * MS

_UNHEARD: Final = -2.0  # below even "no bar"

LINK_DOWN: Final = ErrorInfo("link.down", "the link to the cloud is down")
LINK_SLOW: Final = ErrorInfo("link.slow", "the cloud's round trip does not fit the time left")


def is_sampled(request_id: str, share: float) -> bool:
    """Whether a request falls into a share of all requests; the same for every run and machine."""
    digest = blake2b(request_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


class Mailbox:
    """What is known of one request, and the decision it leads to."""

    __slots__ = (
        "answer",
        "asks",
        "confidences",
        "cursor",
        "link",
        "policy",
        "request",
        "scheduled_ns",
        "scores",
        "seen",
        "time_up_ns",
        "unasked",
        "unsettled",
    )

    def __init__(self, request: Request, policy: TaskPolicy, absent: Mapping[str, ErrorInfo], link: Link) -> None:
        self.request = request
        self.policy = policy
        self.link = link
        self.cursor = 0  # rules before it are open
        self.scores: dict[str, Score] = {}
        self.confidences: dict[str, float] = {}
        self.seen: list[Seen] = []
        self.unsettled = set(policy.local)  # contestants that are scoring now
        self.unasked: list[Contestant] = []  # cloud contestants that may still be asked
        self.asks: list[str] = []  # questions decided on and not yet handed out
        self.answer: Answer | None = None
        self.scheduled_ns = 0  # the moment for which the rendezvous holds a timer
        deadline_ns = policy.deadline_ns
        if request.deadline_ns is not None:
            deadline_ns = max(0, min(request.deadline_ns, policy.max_deadline_ns))
        self.time_up_ns = request.received_ns + max(0, deadline_ns - policy.guard_ns)
        for name, error in absent.items():
            if name in self.unsettled:
                self.unsettled.remove(name)
                self.seen.append(Seen(name, 0, None, error))
        if policy.cloud:
            self._open_cloud(absent)

    # ---- events

    def record_score(self, score: Score, now_ns: int) -> bool:
        """File a score. False if its contestant takes no part or has been heard before."""
        name = score.contestant
        if name not in self.unsettled and not self._drop_unasked(name):
            return False
        self.unsettled.discard(name)
        self.scores[name] = score
        self.confidences[name] = NO_CONFIDENCE if score.confidence is None else score.confidence
        self.seen.append(Seen(name, now_ns - self.request.received_ns, score))
        return True

    def record_failure(self, name: str, error: ErrorInfo, now_ns: int) -> bool:
        """File a failure. False if its contestant takes no part or has been heard before."""
        if name not in self.unsettled and not self._drop_unasked(name):
            return False
        self.unsettled.discard(name)
        self.seen.append(Seen(name, now_ns - self.request.received_ns, None, error))
        return True

    def matters(self, name: str) -> bool:
        """Whether hearing from this contestant can change the decision; shadows and most baselines cannot."""
        return self.answer is not None or name in self.policy.named or self.request.force is not None

    # ---- the decision

    def decide(self, now_ns: int) -> Answer | None:
        """Decide with what is known at `now_ns`; fills `asks`. Answers once; afterwards always None."""
        if self.answer is not None:
            return None
        decision = self._decide_forced(now_ns) if self.request.force else self._decide_by_rules(now_ns)
        if decision is None:
            return None
        reason, score = decision
        elapsed_ns = now_ns - self.request.received_ns
        self.answer = Answer(self.request, reason, score, tuple(self.seen), elapsed_ns)
        self.asks.clear()
        self.unasked.clear()
        return self.answer

    def wake_ns(self) -> int:
        """The next moment at which time alone could change the decision."""
        wake_ns = self.time_up_ns
        if self.confidences:
            rules = self.policy.compiled
            for place in range(self.cursor, len(rules)):
                rule = rules[place]
                if self.confidences.get(rule.accept, _UNHEARD) >= rule.bar:
                    wake_ns = min(wake_ns, self.request.received_ns + rule.after_ns)
                    break
        if self.unasked:
            wake_ns = min(wake_ns, self._last_ask_ns())
        return wake_ns

    def _decide_by_rules(self, now_ns: int) -> tuple[Reason, Score | None] | None:
        rules = self.policy.compiled
        elapsed_ns = now_ns - self.request.received_ns
        cursor = self.cursor
        while cursor < len(rules) and rules[cursor].after_ns <= elapsed_ns:
            cursor += 1
        if cursor == 0 and self.policy.early_advance:
            cursor = self.policy.group_end[0]  # no rule is open, so nobody can satisfy one
        self.cursor = cursor
        while True:
            accepted = self._accepted()
            if accepted is not None:
                return accepted
            if now_ns >= self.time_up_ns:
                return self._best("deadline")
            if self.unasked:
                self._decide_asks(now_ns)
            if not self.policy.early_advance or self._can_satisfy(self.unsettled):
                return None
            if self.cursor < len(rules):
                self.cursor = self.policy.group_end[self.cursor]
            elif self.unsettled.isdisjoint(self.policy.named):
                return self._best("fallback")
            else:
                return None

    def _decide_forced(self, now_ns: int) -> tuple[Reason, Score | None] | None:
        name = self.request.force or ""
        score = self.scores.get(name)
        if score is not None:
            return "forced", score
        for contestant in list(self.unasked):
            self._ask(contestant, now_ns)
        settled = name not in self.unsettled
        if now_ns >= self.time_up_ns or (settled and self.policy.early_advance):
            return "default", None
        return None

    def _accepted(self) -> tuple[Reason, Score] | None:
        if not self.confidences:
            return None
        rules = self.policy.compiled
        for place in range(self.cursor):
            rule = rules[place]
            if self.confidences.get(rule.accept, _UNHEARD) >= rule.bar:
                return ("preferred" if rule.first else "fallback"), self.scores[rule.accept]
        return None

    def _best(self, reason: Reason) -> tuple[Reason, Score | None]:
        for rule in self.policy.compiled:
            score = self.scores.get(rule.accept)
            if score is not None:
                return reason, score
        return "default", None

    def _can_satisfy(self, outstanding: AbstractSet[str]) -> bool:
        rules = self.policy.compiled
        for place in range(self.cursor):
            rule = rules[place]
            if rule.satisfiable and rule.accept in outstanding:
                return True
        return False

    # ---- cloud contestants

    def _open_cloud(self, absent: Mapping[str, ErrorInfo]) -> None:
        for contestant in self.policy.cloud:
            error = absent.get(contestant.name)
            if error is not None:
                self.seen.append(Seen(contestant.name, 0, None, error))
            elif self._is_to_be_asked(contestant):
                self.unasked.append(contestant)

    def _is_to_be_asked(self, contestant: Contestant) -> bool:
        if self.request.force is not None and contestant.ask == "unsure":
            return contestant.name == self.request.force  # nobody else could settle the doubt
        if isinstance(contestant.ask, Sample):
            return contestant.name == self.request.force or is_sampled(self.request.id, contestant.ask.sample)
        return True

    def _decide_asks(self, now_ns: int) -> None:
        no_local_left = self.cursor > 0 and not self._can_satisfy(self.unsettled & self.policy.local)
        last_moment = now_ns >= self._last_ask_ns()
        for contestant in list(self.unasked):
            if contestant.ask != "unsure" or no_local_left or last_moment:
                self._ask(contestant, now_ns)

    def _ask(self, contestant: Contestant, now_ns: int) -> None:
        self.unasked.remove(contestant)
        elapsed_ns = now_ns - self.request.received_ns
        if not self.link.up:
            self.seen.append(Seen(contestant.name, elapsed_ns, None, LINK_DOWN))
        elif now_ns + self.link.round_trip_ns > self.time_up_ns:
            self.seen.append(Seen(contestant.name, elapsed_ns, None, LINK_SLOW))
        else:
            self.unsettled.add(contestant.name)
            self.asks.append(contestant.name)

    def _last_ask_ns(self) -> int:
        return self.time_up_ns - self.link.round_trip_ns - ASK_LEAD_NS

    def _drop_unasked(self, name: str) -> bool:
        for contestant in self.unasked:
            if contestant.name == name:
                self.unasked.remove(contestant)
                return True
        return False
