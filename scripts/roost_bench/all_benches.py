"""Every bench after the other, each in a process of its own: what one leaves behind, or its end, is not the next's."""

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from scripts.roost_bench.bench import Bench, bench_names, load_bench
from scripts.roost_bench.figures import FIGURES, README, Figures, Found, figures_of, in_readme, machine, table
from scripts.roost_bench.report import merge_into

__all__ = ["run_all"]

_MISSED: Final = 1  # exit code


def run_all(console: Console, names: list[str], *, quick: bool, json_file: Path | None = None) -> bool:
    """Run benches, record their figures and write README's table anew; a quick run only tries whether they run.

    Args:
        console: where each bench's own table goes.
        names: of the benches. Figures of others stay.
        quick: few repetitions; nothing is recorded.
        json_file: to write all that they found to, besides.

    Returns:
        Whether all ran, and met their goals.
    """
    all_met = True
    with tempfile.TemporaryDirectory() as name:
        for bench in names:
            result = Path(name) / "result.json"
            found, met = _run(bench, result, quick=quick)
            if json_file is not None and result.exists():
                merge_into(json_file, json.loads(result.read_bytes()))
            all_met = all_met and met
            if found.failed is not None:
                console.print(f"{bench}: {found.failed}\n", markup=False)
            if not quick:
                _record(bench, found)
    return all_met


def _run(name: str, file: Path, *, quick: bool) -> tuple[Found, bool]:
    """One bench; what it found, and whether that is what was promised."""
    load, today = os.getloadavg()[0], datetime.now(UTC).date()
    command = [sys.executable, "-P", "-m", "scripts.roost_bench", name, "--json", str(file)]
    file.unlink(missing_ok=True)
    code = subprocess.run([*command, *(["--quick"] if quick else [])], check=False).returncode
    if code not in (0, _MISSED) or not file.exists():
        return Found(taken=today, load=load, failed=f"it ended with exit code {code}"), False
    result = json.loads(file.read_bytes())[name]
    return Found(taken=today, load=load, values=figures_of(load_bench(name), result)), code == 0


def _record(name: str, found: Found) -> None:
    """At once: whoever ends the run keeps what was found until then."""
    known = Figures.load(FIGURES).benches if FIGURES.exists() else {}
    figures = Figures(machine=machine(), benches=dict(sorted((known | {name: found}).items())))
    figures.save(FIGURES)
    benches: dict[str, Bench] = {each: load_bench(each) for each in bench_names()}
    README.write_text(in_readme(README.read_text(encoding="utf-8"), table(figures, benches)), encoding="utf-8")
