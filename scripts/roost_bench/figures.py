"""The figures that README shows: what was found, on which machine, beside what was promised.

They are kept in `figures.json`, and README's table is made of it, so that neither can say what the other does not.
"""

import os
import platform
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from roost_shared.durable import write_durably
from scripts.roost_bench.bench import Bench, Goal, Measured

__all__ = ["FIGURES", "README", "Figures", "Found", "Machine", "figures_of", "in_readme", "machine", "table"]

FIGURES: Final = Path(__file__).with_name("figures.json")
README: Final = Path(__file__).parents[2] / "README.md"
_BEGINS: Final = "<!-- figures: written by scripts/bench --all -->\n"
_ENDS: Final = "<!-- end of figures -->\n"


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where figures were taken.

    Attributes:
        processor: as the kernel names it.
        cores: that the benches could use.
        memory_gb: in all.
        system: kernel and Python.
    """

    processor: str
    cores: int
    memory_gb: float
    system: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one bench found.

    Attributes:
        taken: on which day.
        load: the machine's load average of the minute before it began: what else it had to do.
        values: by goal; None: could not be measured.
        failed: why there are none.
    """

    taken: date
    load: float
    values: dict[str, float | None] = {}
    failed: str | None = None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of a whole run."""

    machine: Machine
    benches: dict[str, Found]

    @classmethod
    def load(cls, file: Path) -> "Figures":
        """Read them.

        Raises:
            OSError: there is no such file.
            msgspec.ValidationError: it holds something else.
        """
        return msgspec.json.decode(file.read_bytes(), type=cls)

    def save(self, file: Path) -> None:
        """Write them, for people to compare by line."""
        write_durably(file, msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def machine() -> Machine:
    """This one."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 0),
        system=f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}",
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Hardware"):
            return value.strip()
    return platform.machine()


def figures_of(bench: Bench, result: Measured) -> dict[str, float | None]:
    """What a bench's goals are about."""
    return {goal.figure: goal.value(result) for goal in bench.GOALS}


def table(figures: Figures, benches: Mapping[str, Bench]) -> str:
    """Markdown: every goal of every bench, what was found, and what each is compared with."""
    on = figures.machine
    lines = [
        f"Taken on {on.cores} cores of {on.processor}, {on.memory_gb:g} GB, {on.system}, which other machines share.",
        "",
        "| bench | figure | goal | found | |",
        "|---|---|---:|---:|---|",
    ]
    for name, bench in benches.items():
        lines += _rows(name, bench.GOALS, figures.benches.get(name))
    lines += ["", "<details><summary>What each is compared with</summary>", ""]
    for name, bench in benches.items():
        summary = (bench.__doc__ or "").partition("\n")[0]
        lines.append(f"- **{name}**: {summary} Compared with {bench.COMPARED_WITH}.")
    return "\n".join([*lines, "", "</details>", ""])


def _rows(name: str, goals: Iterable[Goal], found: Found | None) -> list[str]:
    if found is None or found.failed is not None:
        return [f"| {name} | | | | {'not taken yet' if found is None else f'failed: {found.failed}'} |"]
    rows = []
    for goal in goals:
        value = found.values.get(goal.figure)
        if value is None:
            shown, verdict = "-", "not measured"
        else:
            shown, verdict = f"{value:.4g} {goal.unit}".strip(), "met" if goal.is_met(value) else "**missed**"
        rows.append(f"| {name} | `{goal.figure}` | {goal} | {shown} | {verdict} |")
    return rows


def in_readme(readme: str, made: str) -> str:
    """README with this table in the place of the one that is there.

    Raises:
        ValueError: it has no such place.
    """
    before, begins, rest = readme.partition(_BEGINS)
    _, ends, after = rest.partition(_ENDS)
    if not begins or not ends:
        raise ValueError(f"README.md has no {_BEGINS.strip()} with {_ENDS.strip()} after it")
    return f"{before}{begins}{made}{ends}{after}"
