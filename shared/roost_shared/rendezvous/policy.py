"""What a task asks for: its contestants, its rules, its deadline; validated once, then read by every request.

Rules only widen with time: a rule opens `after_ms` after receipt and stays open. A request keeps the `TaskPolicy`
it opened with, so replacing a task's policy never changes a request in flight.

```python
policy = TaskPolicy(
    task="meter",
    contestants=(Contestant(name="primary"), Contestant(name="backup")),
    rules=(Rule(accept="primary", min_confidence=0.8), Rule(accept="backup", after_ms=80)),
    deadline_ms=300,
)
```
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from roost_shared.clock import ms_to_ns
from roost_shared.errors import ContentError
from roost_shared.topics import is_name

__all__ = [
    "NO_CONFIDENCE",
    "AskMode",
    "Contestant",
    "PolicyError",
    "Role",
    "Rule",
    "Sample",
    "TaskPolicy",
    "default_rules",
]

Role = Literal["answer", "baseline", "shadow", "decoy"]
NEVER_ANSWER: Final = ("shadow", "decoy")

# A score without confidence lies above no bar and below every other.
NO_BAR: Final = -1.0
NO_CONFIDENCE: Final = -0.5


class PolicyError(ContentError):
    """A task's contestants or rules contradict each other; `key` and `remedy` say where and what to do."""

    code = "policy.invalid"

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{key}: {problem}. {remedy}")
        self.key = key
        self.problem = problem
        self.remedy = remedy


class Sample(msgspec.Struct, frozen=True):
    """Ask for a share of the requests, chosen by a hash of the request id, so that a replay asks the same."""

    sample: float  # 0…1


AskMode = Literal["always", "unsure"] | Sample


class Contestant(msgspec.Struct, frozen=True, kw_only=True):
    """A model taking part in a task."""

    name: str
    role: Role = "answer"
    where: Literal["local", "cloud"] = "local"
    ask: AskMode = "unsure"  # cloud only: when to spend a question on it
    has_confidence: bool = True  # False: its scores satisfy only rules without `min_confidence`


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From `after_ms` on, a score of contestant `accept` will do if its confidence reaches `min_confidence`."""

    accept: str
    after_ms: float = 0
    min_confidence: float | None = None


class CompiledRule(msgspec.Struct, frozen=True, gc=False):
    """A rule as the mailbox reads it: whole nanoseconds, and a bar that one comparison tells."""

    accept: str
    after_ns: int
    bar: float  # `NO_BAR` if any score will do
    first: bool  # opens with the first rules: its answer is `preferred`
    satisfiable: bool  # False: it has a bar and its contestant gives no confidence


class TaskPolicy:
    """A task's contestants, rules and times. Immutable by convention: requests in flight hold on to it.

    Args:
        task: its name.
        contestants: who takes part; names are unique.
        rules: whose scores will do, and when; kept sorted by `after_ms`.
        deadline_ms: milliseconds from receipt to the answer.
        max_deadline_ms: a caller's own deadline is capped here; None: at `deadline_ms`.
        guard_ms: time is up this much before the deadline, so that answers leave in time.
        default: the label when nobody scored.
        early_advance: off: the clock alone opens rules, and nothing but the deadline ends the wait.
        agreement_tolerance: outputs agree if no value differs by more; None: labels must be equal.

    Raises:
        PolicyError: rules or contestants contradict each other.
    """

    def __init__(
        self,
        *,
        task: str,
        contestants: Sequence[Contestant],
        rules: Sequence[Rule],
        deadline_ms: float,
        max_deadline_ms: float | None = None,
        guard_ms: float = 5,
        default: str | None = None,
        early_advance: bool = True,
        agreement_tolerance: float | None = None,
    ) -> None:
        self.task = task
        self.contestants = tuple(contestants)
        self.default = default
        self.early_advance = early_advance
        self.agreement_tolerance = agreement_tolerance
        self.deadline_ms = deadline_ms
        _check_times(deadline_ms, max_deadline_ms, guard_ms)
        if agreement_tolerance is not None and not 0 <= agreement_tolerance < math.inf:
            raise PolicyError("agreement_tolerance", f"{agreement_tolerance} is no distance", "Give 0 or more")
        self.deadline_ns = ms_to_ns(deadline_ms)
        self.max_deadline_ns = ms_to_ns(deadline_ms if max_deadline_ms is None else max_deadline_ms)
        self.guard_ns = ms_to_ns(guard_ms)

        by_name = _by_name(self.contestants)
        _check_rules(rules, by_name, deadline_ms)
        self.rules = tuple(sorted(rules, key=lambda rule: rule.after_ms))
        self.compiled = _compile(self.rules, by_name)
        self.opening_ns = tuple(rule.after_ns for rule in self.compiled)
        # For each rule, the index after the last rule that opens together with it.
        self.group_end = tuple(bisect_right(self.opening_ns, after_ns) for after_ns in self.opening_ns)
        self.named = frozenset(rule.accept for rule in self.rules)
        # For each contestant, place and bar of its rules, in list order.
        self.bars = {
            name: tuple((place, rule.bar) for place, rule in enumerate(self.compiled) if rule.accept == name)
            for name in self.named
        }
        self.local = frozenset(one.name for one in contestants if one.role != "decoy" and one.where == "local")
        self.cloud = tuple(one for one in contestants if one.role != "decoy" and one.where == "cloud")
        # For each number of open rules, the contestants whose score could satisfy one of them.
        self.satisfiers = tuple(_satisfiers(self.compiled[:cursor]) for cursor in range(len(rules) + 1))
        self.local_satisfiers = tuple(names & self.local for names in self.satisfiers)

    def time_allowed_ns(self, own_ns: int | None) -> int:
        """From a request's receipt to its deadline; `own_ns` is the caller's own, None: it has none."""
        return self.deadline_ns if own_ns is None else min(own_ns, self.max_deadline_ns)

    def time_up_ns(self, received_ns: int, own_ns: int | None) -> int:
        """The moment to answer a request received at `received_ns` with the best there is; `own_ns` as above."""
        return received_ns + max(0, self.time_allowed_ns(own_ns) - self.guard_ns)

    def may_be_forced(self, name: str) -> bool:
        """Whether a request may name this contestant as the only one to answer it."""
        return any(one.name == name and one.role not in NEVER_ANSWER for one in self.contestants)


def default_rules(contestants: Sequence[Contestant], deadline_ms: float) -> tuple[Rule, ...]:
    """Rules for a task that names none: answering contestants in their order, the first at once.

    Each of the others opens a little later, evenly over the first half of the deadline.

    >>> pair = (Contestant(name="primary"), Contestant(name="backup"))
    >>> [(rule.accept, rule.after_ms) for rule in default_rules(pair, 300)]
    [('primary', 0.0), ('backup', 75.0)]
    """
    answering = [contestant.name for contestant in contestants if contestant.role == "answer"]
    step_ms = deadline_ms / 2 / max(1, len(answering))
    return tuple(Rule(accept=name, after_ms=place * step_ms) for place, name in enumerate(answering))


def _by_name(contestants: Sequence[Contestant]) -> dict[str, Contestant]:
    by_name: dict[str, Contestant] = {}
    for place, contestant in enumerate(contestants):
        key = f"contestants[{place}]"
        if not is_name(contestant.name):
            raise PolicyError(f"{key}.name", f"{contestant.name!r} is not a name", "Use a-z, 0-9, '.', '_', '-'")
        if contestant.name in by_name:
            raise PolicyError(f"{key}.name", f"{contestant.name!r} is taken", "Give each contestant its own name")
        if isinstance(contestant.ask, Sample) and not 0 <= contestant.ask.sample <= 1:
            raise PolicyError(f"{key}.ask", "a share lies between 0 and 1", "Write { sample = 0.02 } for 2 %")
        by_name[contestant.name] = contestant
    return by_name


def _check_times(deadline_ms: float, max_deadline_ms: float | None, guard_ms: float) -> None:
    if not 0 < deadline_ms < math.inf:
        raise PolicyError("deadline_ms", f"{deadline_ms} is no deadline", "Give milliseconds above 0")
    if not 0 <= guard_ms < deadline_ms:
        raise PolicyError("guard_ms", f"{guard_ms} leaves no time to answer", "Keep it below deadline_ms")
    if max_deadline_ms is not None and not deadline_ms <= max_deadline_ms < math.inf:
        raise PolicyError("max_deadline_ms", f"{max_deadline_ms} is no limit", "Give deadline_ms or more")


def _check_rules(rules: Sequence[Rule], by_name: dict[str, Contestant], deadline_ms: float) -> None:
    if not rules:
        raise PolicyError("rules", "nothing could ever answer", "Accept at least one contestant with role 'answer'")
    for place, rule in enumerate(rules):
        key = f"rules[{place}]"
        contestant = by_name.get(rule.accept)
        if contestant is None:
            known = ", ".join(by_name) or "none"
            raise PolicyError(f"{key}.accept", f"no contestant is named {rule.accept!r}", f"There are: {known}")
        if contestant.role in NEVER_ANSWER:
            remedy = "Give it role = 'answer', or drop the rule"
            raise PolicyError(f"{key}.accept", f"{rule.accept!r} is a {contestant.role} and never answers", remedy)
        if not 0 <= rule.after_ms < deadline_ms:
            remedy = f"Open it earlier than {deadline_ms}, at 0 or more"
            raise PolicyError(f"{key}.after_ms", f"{rule.after_ms} is not within the deadline", remedy)
        if rule.min_confidence is not None and not 0 <= rule.min_confidence <= 1:
            raise PolicyError(f"{key}.min_confidence", "a confidence lies between 0 and 1", "Write 0.8 for 80 %")


def _compile(rules: Sequence[Rule], by_name: dict[str, Contestant]) -> tuple[CompiledRule, ...]:
    first_ns = ms_to_ns(rules[0].after_ms)
    return tuple(
        CompiledRule(
            accept=rule.accept,
            after_ns=ms_to_ns(rule.after_ms),
            bar=NO_BAR if rule.min_confidence is None else rule.min_confidence,
            first=ms_to_ns(rule.after_ms) == first_ns,
            satisfiable=rule.min_confidence is None or by_name[rule.accept].has_confidence,
        )
        for rule in rules
    )


def _satisfiers(rules: Sequence[CompiledRule]) -> frozenset[str]:
    return frozenset(rule.accept for rule in rules if rule.satisfiable)
