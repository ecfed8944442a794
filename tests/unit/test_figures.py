"""README's figures are those that were recorded, of every bench there is."""

from datetime import date
from types import SimpleNamespace
from typing import cast

import pytest

from scripts.roost_bench.bench import Bench, Goal, bench_names, load_bench
from scripts.roost_bench.figures import FIGURES, README, Figures, Found, figures_of, in_readme, machine, table


def bench(*goals: Goal) -> Bench:
    return cast("Bench", SimpleNamespace(__doc__="Latency.\n\nMore.", GOALS=goals, COMPARED_WITH="nothing"))


def figures(**benches: Found) -> Figures:
    return Figures(machine=machine(), benches=benches)


def found(**values: float | None) -> Found:
    return Found(taken=date(2026, 12, 1), load=0.1, values=values)


def test_readme_shows_what_was_recorded_of_every_bench() -> None:
    recorded = Figures.load(FIGURES)
    benches = {name: load_bench(name) for name in bench_names()}
    assert recorded.benches.keys() <= benches.keys(), "of benches that are no more"
    for name, one in recorded.benches.items():
        if one.failed is None:
            assert one.values.keys() == {goal.figure for goal in benches[name].GOALS}, name
    readme = README.read_text(encoding="utf-8")
    assert in_readme(readme, table(recorded, benches)) == readme
    for name in benches.keys() - recorded.benches.keys():
        assert f"| {name} | | | | not taken yet |" in readme


@pytest.mark.parametrize(
    ("value", "row"),
    [
        pytest.param(0.5, "| b | `ms` | ≤ 0.5 ms | 0.5 ms | met |", id="met"),
        pytest.param(0.51, "| b | `ms` | ≤ 0.5 ms | 0.51 ms | **missed** |", id="missed"),
        pytest.param(None, "| b | `ms` | ≤ 0.5 ms | - | not measured |", id="not measured"),
    ],
)
def test_a_row_says_what_was_found_beside_what_was_promised(value: float | None, row: str) -> None:
    made = table(figures(b=found(ms=value)), {"b": bench(Goal("ms", at_most=0.5, unit="ms"))})
    assert row in made.splitlines()
    assert "- **b**: Latency. Compared with nothing." in made


def test_a_bench_that_failed_is_not_passed_over() -> None:
    failed = Found(taken=date(2026, 12, 1), load=0.1, failed="it ended with exit code 2")
    made = table(figures(b=failed), {"b": bench(Goal("ms", at_most=1)), "c": bench(Goal("ms", at_most=1))})
    assert "| b | | | | failed: it ended with exit code 2 |" in made
    assert "| c | | | | not taken yet |" in made


def test_figures_are_those_of_the_goals() -> None:
    one = bench(Goal("a.p50", at_most=1), Goal("1.b", at_most=1))
    with pytest.raises(LookupError):
        figures_of(one, {"a": {"p50": 2.0}})
    assert figures_of(bench(Goal("a.p50", at_most=1)), {"a": {"p50": 2.0, "p99": 3.0}}) == {"a.p50": 2.0}


def test_a_readme_without_a_place_for_them_is_refused() -> None:
    with pytest.raises(ValueError, match="has no <!-- figures"):
        in_readme("# Roost\n", "| a |\n")
    text = "# Roost\n<!-- figures: written by scripts/bench --all -->\nold\n<!-- end of figures -->\nmore\n"
    assert in_readme(text, "new\n") == text.replace("old", "new")
