"""What a run of benches leaves behind: a table for people, a JSON file for comparing runs."""

import json
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from roost_shared.durable import write_durably
from scripts.roost_bench.bench import Bench, Goal, Measured

__all__ = ["merge_into", "print_result"]


def print_result(console: Console, name: str, bench: Bench, result: Measured) -> bool:
    """Print the goals of one bench, met or missed, and return whether all that could be measured were met."""
    summary = (bench.__doc__ or "").partition("\n")[0]
    table = Table(title=f"{name}: {summary}", title_justify="left", title_style="bold")
    for heading in ("figure", "measured", "goal", ""):
        table.add_column(heading, justify="left" if heading in {"figure", ""} else "right")
    all_met = True
    for goal in bench.GOALS:
        measured, verdict = _judge(goal, result)
        table.add_row(goal.figure, measured, str(goal), verdict)
        all_met = all_met and verdict != "missed"
    console.print(table)
    console.print(f"compared with {bench.COMPARED_WITH}", markup=False)
    if isinstance(result, Mapping) and "limited_by" in result:
        console.print(f"limited by {result['limited_by']}", markup=False)
    console.print()
    return all_met


def merge_into(file: Path, results: dict[str, Measured]) -> None:
    """Write `results` to the JSON object in `file`, by bench; what it says of other benches stays.

    Raises:
        ValueError: `file` holds something other than a JSON object.
    """
    merged = json.loads(file.read_text()) if file.exists() else {}
    if not isinstance(merged, dict):
        raise ValueError(f"{file} holds no JSON object")  # noqa: TRY004 - the content is wrong, not a type of ours
    write_durably(file, (json.dumps(merged | results, indent=2) + "\n").encode())


def _judge(goal: Goal, result: Measured) -> tuple[str, str]:
    value = goal.value(result)
    if value is None:
        return "-", "not measured"
    return f"{value:.4g} {goal.unit}".strip(), "met" if goal.is_met(value) else "missed"
