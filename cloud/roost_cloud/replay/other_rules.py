"""What of a policy shall be different: rules and times from a file, or a single bar. Pure but for reading the file.

The file holds what a task of agent.toml does: `[[rules]]`, and `deadline_ms`, `guard_ms`, `default`, `early_advance`
where they shall change too. Contestants are as they were recorded.

>>> document = PolicyDocument(
...     task="meter", contestants=[], rules=[Rule(accept="a", min_confidence=0.8), Rule(accept="a")], deadline_ms=300
... )
>>> [rule.min_confidence for rule in OtherRules(bars={"a": 0.9}).of(document).rules]
[0.9, None]
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from roost_shared.config_file import convert, read_toml
from roost_shared.errors import ContentError
from roost_shared.rendezvous import PolicyDocument, Rule
from roost_shared.topics import NAME

__all__ = ["BadBarError", "OtherRules", "parse_bars", "read_rules"]

_BAR: Final = re.compile(rf"(?P<contestant>{NAME.pattern})=(?P<bar>0|1|0?\.[0-9]+|1\.0+)")
_NOT_HERE: Final = ("contestants", "folder", "inject", "capture")  # of a task in agent.toml, and no rules


class BadBarError(ContentError):
    """It is no bar of anybody's."""

    code = "replay.bad_bar"


class OtherRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is different; what is not set stays as it was recorded.

    Attributes:
        bars: the confidence that contestants need, in each of their rules that asks for some; where none does, in
            their first.
    """

    rules: list[Rule] = []
    deadline_ms: float | None = None
    max_deadline_ms: float | None = None
    guard_ms: float | None = None
    default: str | UnsetType = UNSET
    early_advance: bool | None = None
    bars: dict[str, float] = {}

    def of(self, document: PolicyDocument) -> PolicyDocument:
        """A policy with these differences.

        Raises:
            BadBarError: no rule accepts a contestant whose bar shall be another.
        """
        rules = list(self.rules or document.rules)
        for contestant, bar in self.bars.items():
            rules = _raised(rules, contestant, bar)
        deadline_ms = document.deadline_ms if self.deadline_ms is None else self.deadline_ms
        longest_ms = document.max_deadline_ms if self.max_deadline_ms is None else self.max_deadline_ms
        if self.max_deadline_ms is None and longest_ms == document.deadline_ms:
            longest_ms = deadline_ms  # nobody had set it
        changed: dict[str, Any] = {"rules": rules, "deadline_ms": deadline_ms, "max_deadline_ms": longest_ms}
        if self.guard_ms is not None:
            changed["guard_ms"] = self.guard_ms
        if self.default is not UNSET:
            changed["default"] = self.default
        if self.early_advance is not None:
            changed["early_advance"] = self.early_advance
        return msgspec.structs.replace(document, **changed)


def read_rules(path: Path, task: str) -> OtherRules:
    """Those of a file: of the task as agent.toml has it, or without anything around.

    Raises:
        ConfigError: the file is none, or holds something else.
    """
    raw = read_toml(path)
    tasks = raw.get("tasks")
    prefix = ""
    if isinstance(tasks, dict) and isinstance(tasks.get(task), dict):
        raw, prefix = {key: value for key, value in tasks[task].items() if key not in _NOT_HERE}, f"tasks.{task}"
    return convert(raw, OtherRules, where=str(path), prefix=prefix)


def parse_bars(texts: Sequence[str]) -> dict[str, float]:
    """Bars as a command line gives them, `CONTESTANT=0.9`.

    Raises:
        BadBarError: one is none.
    """
    bars = {}
    for text in texts:
        found = _BAR.fullmatch(text)
        if found is None:
            raise BadBarError(f"{text!r} is no bar: write CONTESTANT=0.9")
        bars[found["contestant"]] = float(found["bar"])
    return bars


def _raised(rules: Sequence[Rule], contestant: str, bar: float) -> list[Rule]:
    places = [place for place, rule in enumerate(rules) if rule.accept == contestant]
    barred = [place for place in places if rules[place].min_confidence is not None] or places[:1]
    if not barred:
        raise BadBarError(f"no rule accepts {contestant!r}")
    return [
        msgspec.structs.replace(rule, min_confidence=bar) if place in barred else rule
        for place, rule in enumerate(rules)
    ]
