"""`roost gate explain`."""

import re
from typing import Annotated, Final
from urllib.parse import quote

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.output import AsJson, number, printable, show_json, show_table
from roost_cloud.commands.registry import resolve
from roost_cloud.transfer import Registry

__all__ = ["app"]

_RUN: Final = re.compile("[0-9a-f]{16}")

app = typer.Typer(no_args_is_help=True, help="The gate: why a candidate may take its incumbent's place, or may not.")


@app.callback()
def _gate() -> None:
    """The gate: why a candidate may take its incumbent's place, or may not."""


class _Reason(msgspec.Struct, frozen=True):
    check: str
    passed: bool
    sentence: str
    figure: float | None = None
    bound: float | None = None


class _Bar(msgspec.Struct, frozen=True):
    contestant: str
    old: float
    new: float


class _Inputs(msgspec.Struct, frozen=True):
    new: int
    old: int


class _Disagreement(msgspec.Struct, frozen=True):
    new: float | None
    old: float | None


class _Verdict(msgspec.Struct, frozen=True, kw_only=True):
    run: str
    candidate: str
    candidate_digest: str | None
    incumbent: str
    passed: bool
    inputs: _Inputs
    reasons: list[_Reason]
    bars: list[_Bar]
    disagreement: _Disagreement


@app.command()
def explain(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(metavar="RUN|BUNDLE", help="A run's id; or NAME:VERSION, NAME@ALIAS, as an answer names it."),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Show what the gate found of a run's candidate, check by check."""
    with connect(context) as cloud:
        if _RUN.fullmatch(what):
            path = f"/runs/{what}/verdict"
        else:
            name, version = resolve(Registry(cloud), what)
            path = f"/bundles/{quote(name, safe='')}/versions/{quote(version, safe='')}/verdict"
        verdict = cloud.get(path, _Verdict)
    if as_json:
        show_json(verdict)
        return
    came = "passed" if verdict.passed else "refused"
    typer.echo(
        printable(
            f"{verdict.candidate} of run {verdict.run}: {came}, beside {verdict.incumbent}, by {verdict.inputs.new}"
            f" inputs of the changed world and {verdict.inputs.old} of the reference data"
        )
    )
    columns = {
        "CHECK": lambda one: one.check,
        "": lambda one: "passed" if one.passed else "REFUSED",
        "FOUND": lambda one: number(one.figure),
        "ASKED": lambda one: number(one.bound),
        "WHY": lambda one: one.sentence,
    }
    show_table(verdict.reasons, columns, as_json=False)
