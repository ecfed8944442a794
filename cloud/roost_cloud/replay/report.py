"""What the sums of a replay say; the same sums give the same report, byte for byte."""

from collections.abc import Iterator, Mapping

import msgspec

from roost_cloud.replay.tally import Example, Side, Sum, Tally

__all__ = ["AnswersRow", "ChangeRow", "Question", "Report", "Share", "SideReport", "TeacherRow", "report_of"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for.

    Attributes:
        task: whose requests.
        since: from when on, as it was said.
        until: to when.
        rules: digest of the rules that differ; None: those of then.
        bundle: what was put in a contestant's place.
        contestant: in whose, as it was said.
        labels: digest of the truth.
    """

    task: str
    since: str
    until: str | None = None
    rules: str | None = None
    bundle: str | None = None
    contestant: str | None = None
    labels: str | None = None


class Share(msgspec.Struct, frozen=True):
    """Some of the requests.

    Attributes:
        count: as recorded.
        share: of all, each weighted by how many it stands for; None of none.
        unweighted: of all, as recorded.
    """

    count: int
    share: float | None
    unweighted: float | None


class AnswersRow(msgspec.Struct, frozen=True):
    """Answers of one contestant for one reason."""

    contestant: str | None
    reason: str
    share: Share


class SideReport(msgspec.Struct, frozen=True, kw_only=True):
    """Answers, either as they were or as they would have been; times are weighted, and exact to a percent."""

    answers: list[AnswersRow]
    at_edge: Share
    asked: Share
    deadline_met: Share
    p50_ms: float | None
    p99_ms: float | None
    right: Share | None  # of those whose truth is known


class ChangeRow(msgspec.Struct, frozen=True):
    """Answers that changed alike."""

    change: str
    share: Share


class TeacherRow(msgspec.Struct, frozen=True):
    """How far answers agree with what a contestant said that is asked where answers are unsure, or that came late."""

    contestant: str
    scored: int
    recorded: Share
    replayed: Share


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay found."""

    question: Question
    contestant: str | None  # in whose place the other bundle ran
    records: int
    left_out: dict[str, int]
    why_left_out: dict[str, str]
    replayed: int
    stand_for: float
    differs_from_recorded: Share
    differing: list[Example]
    unknown: dict[str, int]
    unknown_requests: Share
    as_recorded: int
    recorded: SideReport
    would_be: SideReport
    changed: Share
    changes: list[ChangeRow]
    examples: list[Example]
    judged: int
    teachers: list[TeacherRow]


def report_of(tally: Tally, question: Question, contestant: str | None) -> Report:
    """The report of finished sums."""
    total = tally.replayed
    return Report(
        question=question,
        contestant=contestant,
        records=tally.read,
        left_out=dict(sorted(tally.left_out.items())),
        why_left_out=dict(sorted(tally.why_left_out.items())),
        replayed=total.count,
        stand_for=round(total.weight, 3),
        differs_from_recorded=_share(tally.differing, total),
        differing=tally.differing_examples,
        unknown=dict(sorted(tally.unknown.items())),
        unknown_requests=_share(tally.unknown_requests, total),
        as_recorded=tally.as_recorded,
        recorded=_side(tally.was, tally),
        would_be=_side(tally.would_be, tally),
        changed=_share(tally.changed, total),
        changes=[ChangeRow(what, _share(found, total)) for what, found in _largest(tally.changes)],
        examples=tally.changed_examples,
        judged=tally.judged.count,
        teachers=[
            TeacherRow(
                name,
                found.count,
                _share(tally.was.agreeing.get(name, Sum()), found),
                _share(tally.would_be.agreeing.get(name, Sum()), found),
            )
            for name, found in sorted(tally.taught.items())
        ],
    )


def _side(side: Side, tally: Tally) -> SideReport:
    total = tally.replayed
    rows = []
    for what, found in _largest(side.answers):
        contestant, _, reason = what.partition(" ")
        rows.append(AnswersRow(None if contestant == "-" else contestant, reason, _share(found, total)))
    return SideReport(
        answers=rows,
        at_edge=_share(side.at_edge, total),
        asked=_share(side.asked, total),
        deadline_met=_share(side.deadline_met, total),
        p50_ms=_quantile_ms(side.elapsed_us, 0.5),
        p99_ms=_quantile_ms(side.elapsed_us, 0.99),
        right=_share(side.right, tally.judged) if tally.judged.count else None,
    )


def _share(part: Sum, whole: Sum) -> Share:
    if not whole.count:
        return Share(part.count, None, None)
    return Share(part.count, round(part.weight / whole.weight, 6), round(part.count / whole.count, 6))


def _largest(sums: Mapping[str, Sum]) -> Iterator[tuple[str, Sum]]:
    yield from sorted(sums.items(), key=lambda item: (-item[1].count, item[0]))


def _quantile_ms(elapsed_us: Mapping[int, Sum], share: float) -> float | None:
    """The time within which that share of the weighted requests was answered."""
    left = share * sum(found.weight for _, found in sorted(elapsed_us.items()))
    for value_us, found in sorted(elapsed_us.items()):
        left -= found.weight
        if left <= 0:
            return value_us / 1000
    return max(elapsed_us) / 1000 if elapsed_us else None
