"""A replay's report for people: what was answered beside what would have been."""

from collections.abc import Iterator, Sequence

from roost_cloud.commands.output import show_fields, show_table
from roost_cloud.replay.report import Report, Share, SideReport
from roost_cloud.replay.tally import Change, Example

__all__ = ["show_report"]

Row = tuple[str, ...]


def show_report(report: Report) -> None:
    """Print it."""
    show_fields(_head(report))
    if not report.replayed:
        return
    print_rows(("", "RECORDED", "REPLAYED"), list(_beside(report)))
    if report.changes:
        rows = [(one.change, str(one.share.count), _percent(one.share)) for one in report.changes]
        print_rows(("RECORDED → REPLAYED", "REQUESTS", "SHARE"), rows)
        print_rows(("SAMPLE", "RECORDED", "REPLAYED"), list(map(_example, report.examples)))
    if report.differing:
        print_rows(("SAMPLE", "RECORDED", "BY ITS OWN POLICY"), list(map(_example, report.differing)))


def print_rows(headings: Row, rows: Sequence[Row]) -> None:
    """Print a table of texts; the first heading may be empty."""
    columns = {heading: (lambda row, place=place: row[place]) for place, heading in enumerate(headings)}
    show_table(rows, columns, as_json=False)


def _head(report: Report) -> Iterator[tuple[str, str]]:
    yield "task", report.question.task
    yield "requests", f"{report.replayed:,} replayed of {report.records:,}, standing for {report.stand_for:,.0f}"
    for reason, count in report.left_out.items():
        yield "left out", f"{count:,} {reason}: {report.why_left_out[reason]}"
    if report.question.bundle is not None:
        yield "bundle", f"{report.question.bundle} in place of {report.contestant}, given the time that took"
    if report.as_recorded:
        yield "as recorded", f"{report.as_recorded:,}: {report.contestant} had no score of them"
    same = report.replayed - report.differs_from_recorded.count
    yield "reproduced", f"{same:,} of {report.replayed:,} by their own policy"
    for contestant, count in report.unknown.items():
        yield "unknown", f"{contestant} of {count:,}: nobody knows what it would have said"
    yield "changed", f"{report.changed.count:,} answers, {_percent(report.changed)}"


def _beside(report: Report) -> Iterator[Row]:
    sides = (report.recorded, report.would_be)
    yield "answered at the edge", *(_percent(side.at_edge) for side in sides)
    yield "asked of the cloud", *(_percent(side.asked) for side in sides)
    yield "deadline met", *(_percent(side.deadline_met) for side in sides)
    yield "p50 ms", *(_ms(side.p50_ms) for side in sides)
    yield "p99 ms", *(_ms(side.p99_ms) for side in sides)
    kinds = {(row.contestant or "(default)", row.reason): None for side in sides for row in side.answers}
    for contestant, reason in kinds:
        yield f"{contestant} {reason}", *(_answers(side, contestant, reason) for side in sides)
    if report.judged:
        yield f"right, of {report.judged:,}", *(_right(side) for side in sides)
    for one in report.teachers:
        yield f"agrees with {one.contestant}, of {one.scored:,}", _percent(one.recorded), _percent(one.replayed)


def _answers(side: SideReport, contestant: str, reason: str) -> str:
    for row in side.answers:
        if (row.contestant or "(default)", row.reason) == (contestant, reason):
            return _percent(row.share)
    return "–"


def _right(side: SideReport) -> str:
    return "–" if side.right is None else _percent(side.right)


def _percent(share: Share) -> str:
    """The weighted share, and how many that are."""
    return f"{share.count:,}" if share.share is None else f"{100 * share.share:.1f}% ({share.count:,})"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _example(one: Example) -> Row:
    return f"{one.device}/{one.sample}", _change(one.recorded), _change(one.replayed)


def _change(one: Change) -> str:
    label = "–" if one.label is None else one.label
    return f"{label} by {one.contestant or 'default'}, {one.reason}, {one.elapsed_ms:.1f} ms"
