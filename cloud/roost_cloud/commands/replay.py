"""`roost replay`: what would have been answered by other rules, or with another bundle."""

import hashlib
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from roost_cloud.client import ApiClient
from roost_cloud.commands.connect import connect
from roost_cloud.commands.moments import moment_of
from roost_cloud.commands.output import AsJson, show_json
from roost_cloud.commands.registry import resolve
from roost_cloud.commands.replay_bar import replay_bar
from roost_cloud.commands.transfer_bar import transfer_bar
from roost_cloud.replay.other_rules import OtherRules, parse_bars, read_rules
from roost_cloud.replay.span import Span
from roost_cloud.replay.truth import Truth, read_truth
from roost_cloud.transfer import Registry, pull_bundle
from roost_shared.bundle import Bundle
from roost_shared.topics import check_name

if TYPE_CHECKING:
    from roost_cloud.replay.other_bundle import OtherBundle

__all__ = ["replay"]


def replay(  # noqa: PLR0913 - a command has as many arguments as options
    context: typer.Context,
    *,
    task: Annotated[str, typer.Option(help="Whose requests.")],
    since: Annotated[str, typer.Option(metavar="WHEN", help="Only received since: 2026-11-24, or 7d ago.")],
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Only received before; now if not given.")] = None,
    rules: Annotated[
        Path | None, typer.Option(help="TOML with rules as a task has them, and its times.", dir_okay=False)
    ] = None,
    bar: Annotated[
        list[str] | None, typer.Option(metavar="CONTESTANT=0.9", help="Another confidence to ask for; repeatable.")
    ] = None,
    bundle: Annotated[
        str | None, typer.Option(help="NAME:VERSION or NAME@ALIAS, run on the inputs that are in the cloud.")
    ] = None,
    contestant: Annotated[
        str | None, typer.Option(help="In whose place it runs; the one that ran a bundle of its name if not given.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV with `sample` and `label`: the truth.", dir_okay=False)
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Keep the progress here: an interrupted replay goes on.", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play recorded requests by other rules or with another bundle: what would have been answered, when, how right."""
    from roost_cloud.commands.replay_text import show_report  # noqa: PLC0415 - what a replay needs, no other command does
    from roost_cloud.replay.replayer import Replayer  # noqa: PLC0415 - see above
    from roost_cloud.replay.report import Question  # noqa: PLC0415 - see above
    from roost_cloud.replay.run import ReplayState, load_state, run_replay  # noqa: PLC0415 - see above
    from roost_cloud.replay.source import ApiSource  # noqa: PLC0415 - see above

    check_name(task, "task")
    span = _span(since, until)
    other, truth = _rules(rules, bar or (), task), read_truth(labels) if labels else Truth({}, "")
    with ExitStack() as stack:
        cloud = stack.enter_context(connect(context))
        pulled = _pull(cloud, bundle, stack) if bundle else None
        question = Question(
            task=task,
            since=since,
            until=until,
            rules=None if other is None else hashlib.sha256(msgspec.json.encode(other)).hexdigest(),
            bundle=None if pulled is None else pulled.reference,
            contestant=contestant,
            labels=truth.digest or None,
        )
        found = (load_state(state, question) if state else None) or ReplayState(question, span)
        source = ApiSource(cloud, task, found.span)
        place = _load(pulled, found.contestant or contestant) if pulled is not None else None
        shown = stack.enter_context(replay_bar())
        player = Replayer(source, other, place)
        report = run_replay(source, player, found, truth=truth.labels, path=state, progress=shown)
    if as_json:
        show_json(report)
    else:
        show_report(report)


def _span(since: str, until: str | None) -> Span:
    now = datetime.now(UTC)
    span = Span(moment_of(since, now), now if until is None else moment_of(until, now))
    if span.until <= span.since:
        raise typer.BadParameter(f"nothing lies between {span.since.isoformat()} and {span.until.isoformat()}")
    return span


def _rules(file: Path | None, bars: Sequence[str], task: str) -> OtherRules | None:
    if file is None and not bars:
        return None
    found = OtherRules() if file is None else read_rules(file, task)
    return msgspec.structs.replace(found, bars={**found.bars, **parse_bars(bars)})


def _pull(cloud: ApiClient, reference: str, stack: ExitStack) -> Bundle:
    registry = Registry(cloud)
    name, version = resolve(registry, reference)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="roost-replay-")))
    with transfer_bar("pulling") as bar:
        return pull_bundle(registry, name, version, folder / "bundle", progress=bar).bundle


def _load(bundle: Bundle, contestant: str | None) -> "OtherBundle":
    from roost_cloud.replay.other_bundle import OtherBundle  # noqa: PLC0415 - loads numpy, Pillow and the runtime

    return OtherBundle(bundle, contestant)
