"""`scripts/bench`: run benches, print each figure beside its goal, and record them.

Exit code 0 if every goal that could be measured was met, 1 if one was missed.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from rich.console import Console

from scripts.roost_bench.all_benches import run_all
from scripts.roost_bench.bench import Measured, Options, bench_names, load_bench
from scripts.roost_bench.report import merge_into, print_result

_DATA: Final = Path(__file__).parents[2].parent / "shared" / "data"


def main() -> int:
    """Run the benches the command line names."""
    arguments = _parse()
    console = Console()
    if arguments.all:
        names = arguments.benches or bench_names()
        return 0 if run_all(console, names, quick=arguments.quick, json_file=arguments.json) else 1
    options = Options(quick=arguments.quick, data=_DATA if _DATA.is_dir() else None, rows=arguments.rows)
    results: dict[str, Measured] = {}
    all_met = True
    for name in arguments.benches or bench_names():
        bench = load_bench(name)
        results[name] = bench.run(options)
        all_met = print_result(console, name, bench, results[name]) and all_met
        if arguments.json is not None:
            merge_into(arguments.json, results)
    return 0 if all_met else 1


def _parse() -> argparse.Namespace:
    names = bench_names()
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure what Roost promises.")
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"of {', '.join(names)}; default: all")
    parser.add_argument(
        "--all",
        action="store_true",
        help="each in a process of its own; and record the figures in README's table, those of other benches staying",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, under each bench's name")
    parser.add_argument("--quick", action="store_true", help="few repetitions: a trial, not a measurement")
    parser.add_argument("--rows", type=int, metavar="N", help="of `ingest`: records in its tables; default a million")
    arguments = parser.parse_args()
    if unknown := set(arguments.benches) - set(names):
        parser.error(f"no bench named {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
