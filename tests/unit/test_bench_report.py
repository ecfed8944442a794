"""The bench runner judges figures by their goals and keeps what other benches recorded."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from scripts.roost_bench.bench import Bench, Goal, Result
from scripts.roost_bench.report import merge_into, print_result


def bench(*goals: Goal) -> Bench:
    return cast("Bench", SimpleNamespace(__doc__="Latency.\n\nMore.", GOALS=goals, COMPARED_WITH="nothing"))


def printed(goal: Goal, result: Result) -> tuple[bool, str]:
    output = io.StringIO()
    return print_result(Console(file=output, width=120), "answer", bench(goal), result), output.getvalue()


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        pytest.param(Goal("ms.p50", at_most=0.5), True, id="on the upper bound"),
        pytest.param(Goal("ms.p50", at_most=0.4), False, id="above the upper bound"),
        pytest.param(Goal("ms.p50", at_least=0.5), True, id="on the lower bound"),
        pytest.param(Goal("ms.p50", at_least=0.6), False, id="below the lower bound"),
    ],
)
def test_a_figure_is_judged_by_its_bounds(goal: Goal, met: bool) -> None:  # noqa: FBT001 - an expectation
    all_met, text = printed(goal, {"ms": {"p50": 0.5}})
    assert all_met is met
    assert ("missed" in text) is not met


def test_a_figure_that_could_not_be_measured_is_no_miss() -> None:
    all_met, text = printed(Goal("ms", at_most=1, unit="ms"), {"ms": None})
    assert all_met
    assert "not measured" in text


def test_a_figure_of_a_list_is_found_by_its_place() -> None:
    goal = Goal("1.ms", at_most=1)
    assert goal.value([{"ms": 3}, {"ms": 0.5}]) == 0.5
    output = io.StringIO()
    assert print_result(Console(file=output, width=120), "refine", bench(goal), [{"ms": 3}, {"ms": 0.5}])


def test_a_result_without_a_promised_figure_is_an_error() -> None:
    with pytest.raises(KeyError):
        printed(Goal("ms", at_most=1), {})


def test_a_record_keeps_what_other_benches_said(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    merge_into(file, {"answer": {"ms": 1}, "policy": {"us": 2}})
    merge_into(file, {"answer": {"ms": 3}})
    assert json.loads(file.read_text()) == {"answer": {"ms": 3}, "policy": {"us": 2}}


def test_a_record_that_is_no_object_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text("[1]")
    with pytest.raises(ValueError, match="no JSON object"):
        merge_into(file, {})
    assert file.read_text() == "[1]"
