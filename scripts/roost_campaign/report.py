"""What a campaign leaves behind: JSON for programs, Markdown for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from roost_shared.durable import write_durably
from scripts.roost_campaign.journal import Done
from scripts.roost_campaign.outcome import added_up
from scripts.roost_campaign.stalls import Stall

__all__ = ["as_markdown", "summary", "write_report"]


def summary(seed: int, done: Sequence[Done], stalls: Sequence[Stall], names: Sequence[str]) -> dict[str, Any]:
    """All that came of a campaign.

    Args:
        seed: of the campaign.
        done: its steps.
        stalls: of the machine, since the campaign was last started.
        names: of the scenarios that it was to run.
    """
    total = added_up(one.outcome for one in done)
    victims = Counter[str]()
    for point, times in total.kills.items():
        victims[point.partition(":")[0]] += times
    return {
        "seed": seed,
        "seconds": round(sum(one.seconds for one in done), 1),
        "steps": dict(sorted(Counter(one.scenario for one in done).items())),
        "not_run": sorted(set(names) - {one.scenario for one in done}),
        "kills": total.killed,
        "kills_by_victim": dict(sorted(victims.items())),
        "kills_by_point": total.kills,
        "counts": total.counts,
        "skipped": total.skipped,
        "machine": {
            "stalls": len(stalls),
            "longest_stall_ms": round(1000 * max((one.late_s for one in stalls), default=0.0)),
            "stalled_s": round(sum(one.late_s for one in stalls), 1),
        },
        "violations": [
            {"step": f"{one.scenario}:{one.number}", "invariant": each.invariant, "detail": each.detail}
            for one in done
            for each in one.outcome.violations
        ],
    }


def as_markdown(found: Mapping[str, Any]) -> str:
    """The same for people."""
    violations: list[dict[str, str]] = found["violations"]
    verdict = f"{len(violations)} violations" if violations else "no violation"
    lines = [
        f"# Campaign, seed {found['seed']}: {verdict}",
        "",
        f"{sum(found['steps'].values())} steps in {found['seconds'] / 60:.1f} minutes, {found['kills']} kills.",
        "",
    ]
    for one in violations:
        lines += [f"- **{one['invariant']}**: {one['detail']}"]
        lines += [f"  repeat: `scripts/campaign --seed {found['seed']} --repeat {one['step']}`"]
    if violations:
        lines.append("")
    lines += _table("steps", found["steps"]) + _table("killed", found["kills_by_victim"])
    lines += _table("counted", found["counts"])
    machine = found["machine"]
    stalls = f"{machine['stalls']} times, {machine['stalled_s']} s together, {machine['longest_stall_ms']} ms at most"
    lines += [f"The machine gave a sleeper no turn {stalls}.", ""]
    lines += [f"- not run, for want of time: {name}" for name in found["not_run"]]
    lines += [f"- skipped: {text}" for text in found["skipped"]]
    return "\n".join([*lines, ""])


def write_report(folder: Path, found: Mapping[str, Any]) -> None:
    """Write `report.json` and `report.md`."""
    write_durably(folder / "report.json", msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    write_durably(folder / "report.md", as_markdown(found).encode())


def _table(title: str, counted: Mapping[str, int]) -> list[str]:
    if not counted:
        return []
    return [f"| {title} | |", "|---|---:|", *(f"| {name} | {times} |" for name, times in counted.items()), ""]
