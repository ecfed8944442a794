"""A training run: what opened it, how far it is, its log as it comes, and what the gate said."""

from datetime import datetime
from typing import Final, NamedTuple

from nicegui import ui
from starlette.requests import Request

from roost_cloud.api import runs, verdicts
from roost_cloud.api.pages import LIMIT_MAX
from roost_cloud.api.runs import LineModel, NoteBody, WholeRun
from roost_cloud.api.verdicts import ReasonModel, VerdictModel
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.dialog import confirming
from roost_cloud.dashboard.frame import Part, act, live, page, show
from roost_cloud.dashboard.lineage import Story, graph_of, seek
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag
from roost_cloud.dashboard.matrix import evaluation
from roost_cloud.dashboard.progress import steps
from roost_cloud.dashboard.visitor import Visitor
from roost_cloud.errors import NotFoundError
from roost_cloud.runs.policy import Mode

_LINES: Final = 200
_MODES: Final[dict[Mode, str]] = {
    "tell": "tell: a person approves its start",
    "train": "train: a person approves what came of it",
    "auto": "auto: all by itself",
}
_PICKED: Final = {
    "approve": (
        runs.approve_run,
        "Approve",
        "It goes on: what is proposed is begun, what has passed is registered.",
        "",
    ),
    "cancel": (runs.cancel_run, "Cancel", "It ends; nothing of it gets into the registry.", "harm"),
}


class _Seen(NamedTuple):
    """All that the page shows."""

    run: WholeRun
    verdict: VerdictModel | None
    story: Story | None
    lines: list[LineModel]


class _Log:
    """The last lines of a run's log, asked for behind those that are here."""

    def __init__(self, visitor: Visitor, run: str) -> None:
        self._visitor, self._run = visitor, run
        self._last = 0
        self.lines: list[LineModel] = []

    async def follow(self) -> list[LineModel]:
        """All of them, with what has come since."""
        more = True
        while more:
            told = await self._visitor.call(runs.get_log, run=self._run, limit=LIMIT_MAX, after=self._last)
            self.lines = [*self.lines, *told.items][-_LINES:]
            self._last = told.items[-1].number if told.items else self._last
            more = told.next is not None
        return self.lines


@page("/training/{run}", "Training run")
async def run(visitor: Visitor, asked: Request) -> None:
    """One run."""
    identity = asked.path_params["run"]
    log = _Log(visitor, identity)

    async def load() -> _Seen:
        one = await visitor.call(runs.get_run, run=identity)
        story = await seek(visitor, one.candidate) if one.state == "registered" else None
        return _Seen(one, await _verdict(visitor, one), story, await log.follow())

    first = await load()
    show(tag("p", link(address("training"), "Training"), " / ", identity, kind="dim"))
    show(tag("h1", f"{first.run.candidate} for {first.run.task}"))
    live(
        load,
        Part(lambda seen: show(_state(seen.run, visitor.services.now())), lambda seen: seen.run),
        Part(lambda seen: _draw_orders(visitor, seen.run), lambda seen: seen.run.orders),
        Part(lambda seen: show(_judged(seen.verdict)), lambda seen: seen.verdict),
        Part(lambda seen: show(_came(seen.story)), lambda seen: seen.story),
        Part(lambda seen: show(_went(seen, visitor.services.now())), lambda seen: (seen.run.steps, seen.lines)),
        first=first,
    )


async def _verdict(visitor: Visitor, one: WholeRun) -> VerdictModel | None:
    try:
        return None if one.verdict is None else await visitor.call(verdicts.get_run_verdict, run=one.id)
    except NotFoundError:
        return None


def _draw_orders(visitor: Visitor, one: WholeRun) -> None:
    """A button for each order that can be given now, to whoever may."""
    with ui.element("div").classes("row").style("margin: 0 0 16px"):
        for name, (handler, says, asks, kind) in _PICKED.items():
            if name in one.orders and visitor.may(handler):

                async def give(note: str, name: str = name) -> None:
                    body = NoteBody(note=note or None)
                    handler = _PICKED[name][0]
                    await act(lambda: visitor.call(handler, run=one.id, body=body), "that is done")()

                confirming(says, asks, f"{says} it", give, field="Note", kind=kind)


def _state(one: WholeRun, now: datetime) -> Markup:
    inside: list[object] = [tag("p", parts.pill(one.state), f" {one.reason}", kind="lead")]
    if one.problem:
        inside.append(tag("p", f"{one.problem_code}: {one.problem}", kind="note bad", role="alert"))
    alarms = [link(address("alarms", alarm), alarm) for alarm in one.alarms]
    labels = f"{words.count_of(one.labels_wanted)} wanted"
    if one.labels_had is not None:
        labels = f"{words.count_of(one.labels_had)} of {labels}"
    pairs: list[tuple[str, object]] = [
        ("How far", _how_far(one)),
        ("Starts from", parts.bundle(one.incumbent)),
        ("Candidate", parts.bundle(one.candidate) if one.state == "registered" else one.candidate),
        ("Trainer", f"{one.trainer} {one.trainer_version or ''}"),
        ("Mode", _MODES[one.mode]),
        ("Labels", labels),
        ("Opened", joined([parts.dated(one.opened_at, now), f" by {one.opened_by}"])),
        ("World changed since", parts.dated(one.since, now)),
        ("Devices", "all" if one.devices is None else ", ".join(one.devices)),
        (
            "Its data",
            _data(one),
        ),
        ("Alarms it sees to", joined(alarms, ", ") or "none"),
        ("Attempt", f"{one.attempt}, {one.failures} failed"),
        ("Worker", one.worker or "none has it"),
    ]
    return tag("section", *inside, parts.facts(pairs))


def _how_far(one: WholeRun) -> object:
    if one.ended_at:
        return "it has ended"
    if "approve" in one.orders:
        return "a person has to approve it"
    return steps(one.done, one.total, one.what)


def _data(one: WholeRun) -> object:
    if one.snapshot is None:
        return "none yet"
    return link(address("datasets", one.snapshot), "what it learnt from")


def _judged(verdict: VerdictModel | None) -> Markup:
    if verdict is None:
        return parts.section("What the gate says", parts.empty("Nothing yet: it judges once there is a candidate."))
    word = parts.pill("pass", "passed") if verdict.passed else parts.pill("refused")
    inputs = f"by {words.count_of(verdict.inputs.new)} new and {words.count_of(verdict.inputs.old)} old inputs"
    heads = ("Check", "Passed", "Found", "Asked for", "In words")
    against = tag("p", word, " against ", parts.bundle(verdict.incumbent), f", {inputs}.", kind="lead")
    shown = table(heads, map(_reason, verdict.reasons), caption="Checks of the gate")
    sides = [evaluation(one, verdict.incumbent, verdict.candidate) for one in verdict.evaluations]
    return joined([parts.section("What the gate says", against, shown), *sides])


def _came(story: Story | None) -> Markup:
    """From alarms to rollouts, once there is a bundle."""
    if story is None:
        return Markup()
    one = story.version
    answers = address("answers", query={"bundle": f"{one.name}:{one.version}", "task": one.task})
    ways = [
        link(address("models", one.name, one.version), f"{one.name}:{one.version}"),
        link(answers, "Answers that it gave"),
    ]
    return parts.section("What came of it", graph_of(story), tag("p", joined(ways, " · ")))


def _reason(one: ReasonModel) -> tuple[object, ...]:
    word = parts.pill("pass", "yes") if one.passed else parts.pill("failed", "no")
    return one.check, word, _number(one.figure), _number(one.bound), one.sentence


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _went(seen: _Seen, now: datetime) -> Markup:
    gone = [
        tag(
            "li",
            tag("div", parts.dated(one.at, now), " ", tag("span", one.actor, kind="dim")),
            tag("div", parts.pill(one.after), f" {one.why}"),
        )
        for one in reversed(seen.run.steps)
    ]
    figures = [(name, words.measured(name, value)) for name, value in sorted(seen.run.metrics.items())]
    log = "\n".join(f"{one.at:%H:%M:%S} {one.text}" for one in seen.lines) or "Nothing was logged yet."
    return tag(
        "div",
        parts.section("Steps", tag("ul", *gone, kind="line")),
        parts.section("Figures", parts.facts(figures) if figures else tag("p", "None yet.", kind="dim")),
        parts.section(f"Last {_LINES} lines of its log, times in UTC", parts.command(log)),
    )
