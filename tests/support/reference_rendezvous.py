"""The rendezvous policy once more, slowly: DESIGN.md section 4 read sentence by sentence.

For one request. It keeps a history of what happened and works everything else out anew at each event, with no
index, cursor or timer, so that a mistake of the fast policy is not repeated here.
"""

from collections.abc import Mapping

from roost_shared.clock import MS, ms_to_ns
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import Contestant, Link, Request, Rule, Sample, Score, TaskPolicy, is_sampled

__all__ = ["ReferenceRendezvous"]


class ReferenceRendezvous:
    """Tell it what happens; it says `ask NAME` and `answer REASON [NAME]`."""

    def __init__(self, request: Request, policy: TaskPolicy, absent: Mapping[str, ErrorInfo], link: Link) -> None:
        own_ns = policy.deadline_ns if request.deadline_ns is None else request.deadline_ns
        self.time_up_ns = request.received_ns + max(0, min(own_ns, policy.max_deadline_ns) - policy.guard_ns)
        self.request, self.policy, self.link = request, policy, link
        self.takes_part = [one for one in policy.contestants if one.role != "decoy"]
        self.heard: dict[str, Score | None] = {one.name: None for one in self.takes_part if one.name in absent}
        self.asked: set[str] = set()
        self.opened_early_ms = -1.0
        self.answered = False

    def on(self, now_ns: int, name: str = "", say: Score | ErrorInfo | Link | None = None) -> list[str]:
        """Something happens, or (told nothing) time has passed."""
        if isinstance(say, Link):
            self.link = say
        elif name:
            if name in self.heard or not any(self._may_speak(one, name) for one in self.takes_part):
                return []
            believable = isinstance(say, Score) and (say.confidence is None or 0 <= say.confidence <= 1)
            self.heard[name] = say if isinstance(say, Score) and believable else None
            if name not in {rule.accept for rule in self.policy.rules} | {self.request.force}:
                return []  # hearing from somebody nobody waits for is no occasion to decide
        said: list[str] = []
        while not self.answered and (word := self._next(now_ns)):
            self.answered = word.startswith("answer")
            said.append(word)
        # A question that comes up in the breath of the answer is not sent, unless it was to be asked anyway.
        unsure = {
            f"ask {one.name}" for one in self.takes_part if one.ask == "unsure" and one.name != self.request.force
        }
        return [word for word in said if not (self.answered and word in unsure)]

    def _next(self, now_ns: int) -> str | None:
        # Those that are asked whatever is said come before those that are asked when unsure.
        for one in sorted(self.takes_part, key=lambda one: one.ask == "unsure" and one.name != self.request.force):
            if self._should_ask(one, now_ns):
                fits = now_ns + self.link.round_trip_ns <= self.time_up_ns
                if self.link.up and fits:
                    self.asked.add(one.name)
                    return f"ask {one.name}"
                self.heard[one.name] = None
                return self._next(now_ns)
        return self._forced(now_ns) if self.request.force is not None else self._by_rules(now_ns)

    def _forced(self, now_ns: int) -> str | None:
        name = self.request.force or ""
        if not any(one.name == name and one.role in ("answer", "baseline") for one in self.takes_part):
            return "answer default"
        if self.heard.get(name):
            return f"answer forced {name}"
        given_up = name not in self._outstanding() and self.policy.early_advance
        return "answer default" if given_up or now_ns >= self.time_up_ns else None

    def _by_rules(self, now_ns: int) -> str | None:
        rules = self.policy.rules
        for rule in self._open(now_ns):
            if self._satisfies(self.heard.get(rule.accept), rule):
                return f"answer {'preferred' if rule.after_ms == rules[0].after_ms else 'fallback'} {rule.accept}"
        waiting = self.policy.early_advance is False or self._somebody_can(self._outstanding(), now_ns)
        still_to_open = [rule.after_ms for rule in rules if rule not in self._open(now_ns)]
        if now_ns < self.time_up_ns:
            if waiting:
                return None
            if still_to_open:
                self.opened_early_ms = min(still_to_open)
                return self._next(now_ns)
            if self._outstanding() & {rule.accept for rule in rules}:
                return None
        best = [rule.accept for rule in rules if self.heard.get(rule.accept)]
        reason = "deadline" if now_ns >= self.time_up_ns else "fallback"
        return f"answer {reason} {best[0]}" if best else "answer default"

    def _should_ask(self, one: Contestant, now_ns: int) -> bool:
        if one.where == "local" or one.name in self.heard or one.name in self.asked:
            return False
        if one.ask == "always" or one.name == self.request.force:
            return True
        if isinstance(one.ask, Sample):
            return is_sampled(self.request.id, one.ask.sample)
        if self.request.force is not None or now_ns >= self.time_up_ns:
            return False
        if any(self._satisfies(self.heard.get(rule.accept), rule) for rule in self._open(now_ns)):
            return False
        local = self._outstanding() & {other.name for other in self.takes_part if other.where == "local"}
        unsure = bool(self._open(now_ns)) and not self._somebody_can(local, now_ns)
        return unsure or now_ns >= self.time_up_ns - self.link.round_trip_ns - 2 * MS

    def _open(self, now_ns: int) -> list[Rule]:
        elapsed_ns = now_ns - self.request.received_ns
        early_ms = self.opened_early_ms
        return [one for one in self.policy.rules if ms_to_ns(one.after_ms) <= elapsed_ns or one.after_ms <= early_ms]

    def _outstanding(self) -> set[str]:
        return {
            one.name
            for one in self.takes_part
            if one.name not in self.heard and (one.where == "local" or one.name in self.asked)
        }

    def _somebody_can(self, names: set[str], now_ns: int) -> bool:
        tells = {one.name: one.has_confidence for one in self.takes_part}
        return any(
            rule.accept in names and (rule.min_confidence is None or tells[rule.accept]) for rule in self._open(now_ns)
        )

    def _satisfies(self, score: Score | None, rule: Rule) -> bool:
        if score is None:
            return False
        return rule.min_confidence is None or (
            score.confidence is not None and score.confidence >= rule.min_confidence
        )

    def _may_speak(self, one: Contestant, name: str) -> bool:
        if one.name != name:
            return False
        unasked_by_choice = one.ask == "unsure" and not self.answered
        return one.where == "local" or name in self.asked or unasked_by_choice
