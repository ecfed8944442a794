"""A task: whose answer will do when, what answers came to, how far contestants agree, and what if."""

from typing import Final, NamedTuple

from starlette.requests import Request

from roost_cloud.api import activity_tasks, tasks
from roost_cloud.api import what_if as replays
from roost_cloud.api.activity import HoursQuery
from roost_cloud.api.activity_tasks import ContestantModel, PolicyModel, TaskActivityModel
from roost_cloud.api.tasks import TaskModel
from roost_cloud.dashboard import agreement, parts, what_if, words
from roost_cloud.dashboard.frame import Part, live, page, show
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag
from roost_cloud.dashboard.time_axis import Axis, Opening, Player, draw_axis
from roost_cloud.dashboard.visitor import Visitor
from roost_cloud.errors import NotFoundError
from roost_shared.rendezvous import Contestant, default_rules

_EVERY_S: Final = 10
_REQUESTS: Final = 500  # that are played for a question
_MOODS: Final = {
    "preferred": "good",
    "fallback": "busy",
    "deadline": "bad",
    "default": "bad",
    "overloaded": "bad",
    "forced": "quiet",
}


class _Rules(NamedTuple):
    """What is drawn of a task's rules."""

    title: str
    note: Markup
    axis: Axis


@page("/tasks/{task}", "Task")
async def task(visitor: Visitor, asked: Request) -> None:
    """One task."""
    name, hours = asked.path_params["task"], parts.hours_of(asked.query_params.get("hours"))

    async def load() -> TaskActivityModel:
        return await visitor.call(activity_tasks.get_task_activity, task=name, asked=HoursQuery(hours))

    first = await load()
    rules = await _rules(visitor, name, asked.query_params.get("policy"))
    baselines = sorted({one.name for each in rules for one in each.axis.players if one.role == "baseline"})

    def draw(found: TaskActivityModel) -> None:
        show(_figures(found, hours), _contestants(found), _agreement(found, baselines))

    show(tag("p", link(address("tasks"), "Tasks"), " / ", name, kind="dim"), tag("h1", name), _ways(name))
    drawn = [parts.section(one.title, one.note, draw_axis(one.axis, one.title)) for one in rules]
    show(*drawn or [_no_rules()])
    show(parts.hours_menu(f"tasks/{name}", hours))
    live(load, Part(draw, of=lambda found: found.model_copy(update={"until": None})), first=first, every_s=_EVERY_S)
    await _draw_what_if(visitor, asked, name, hours, rules)


def _ways(name: str) -> Markup:
    """To all there is of the task on other pages."""
    ways = (
        link(address("answers", query={"task": name}), "Its answers"),
        link(address("drift", query={"task": name}), "Its drift"),
        link(address("labelling", query={"task": name}), "Label its inputs"),
        link(address("training", query={"task": name}), "Its training runs"),
    )
    return tag("p", joined(ways, " · "))


async def _rules(visitor: Visitor, name: str, digest: str | None) -> list[_Rules]:
    told = await visitor.call(activity_tasks.list_task_policies, task=name)
    found = []
    if told:
        chosen = next((one for one in told if one.digest == digest), told[0])
        found.append(_Rules("Whose answer will do when, on devices", _which(name, told, chosen), _axis(chosen)))
    try:
        own: TaskModel = await visitor.call(tasks.get_task, task=name)
    except NotFoundError:
        return found
    note = tag("p", f"Version {own.version}, by {own.updated_by}, {words.when(own.updated_at)}.", kind="dim")
    return [*found, _Rules("Whose answer will do when, in the cloud", note, _own_axis(own))]


def _which(name: str, told: list[PolicyModel], chosen: PolicyModel) -> Markup:
    """Which of the policies that devices have told of is drawn, and the way to the others."""
    says = "the newest answer was given by it" if chosen.newest else "an earlier one, or of some devices only"
    ways = [
        link(address("tasks", name, query={"policy": one.digest}), one.digest[:8], kind="code")
        for one in told
        if one is not chosen
    ]
    others = joined([" Others: ", joined(ways, ", "), "."]) if ways else ""
    return tag(
        "p",
        "Policy ",
        tag("span", chosen.digest[:8], kind="code"),
        f", {says}, first heard of {words.when(chosen.first_at)}.",
        others,
        kind="dim",
    )


def _axis(one: PolicyModel) -> Axis:
    return Axis(
        [Player(each.name, each.role, each.where, each.ask) for each in one.contestants],
        [Opening(rule.accept, rule.after_ms, rule.min_confidence) for rule in one.rules],
        one.deadline_ms,
        one.guard_ms,
        one.default,
        one.early_advance,
    )


def _own_axis(own: TaskModel) -> Axis:
    document = own.document
    rules = [Opening(rule.accept, rule.after_ms, rule.min_confidence) for rule in document.rules]
    if not rules:
        named = [Contestant(name=one.name, role=one.role, where=one.where) for one in document.contestants]
        rules = [Opening(one.accept, one.after_ms, None) for one in default_rules(named, document.deadline_ms)]
    players = [Player(one.name, one.role, one.where, "always") for one in document.contestants]
    deadline_ms, guard_ms = document.deadline_ms, document.guard_ms
    return Axis(players, rules, deadline_ms, guard_ms, document.default, document.early_advance)


def _no_rules() -> Markup:
    return parts.section(
        "Whose answer will do when",
        parts.empty(
            "No device has told of the task's rules yet. They do so with the first input that is kept or recorded:",
            parts.command("[tasks.NAME.capture]\nbase_rate = 0.02"),
        ),
    )


def _figures(found: TaskActivityModel, hours: int) -> Markup:
    title = f"Answers, {parts.HOURS[hours]}"
    if not found.answers:
        says = "No device has told of an answer in this time. It does once a minute, with this in its agent.toml:"
        return parts.section(title, parts.empty(says, parts.command("[tasks.NAME.monitor]")))
    pairs: list[tuple[str, object]] = [
        ("Answers", tag("strong", words.count_of(found.answers))),
        ("Deadline met", parts.met(found.deadline_rate)),
        ("Fallback rate", words.share_of(found.other_share)),
        ("Latency p50", parts.latency(found.p50_ms)),
        ("Latency p95", parts.latency(found.p95_ms)),
        ("Latency p99", parts.latency(found.p99_ms)),
    ]
    since = f"Of windows that came since {words.when(found.since)}. {parts.FALLBACK} "
    since += "Latencies are exact to a factor of 1.4."
    return parts.section(title, parts.facts(pairs), _by_reason(found), tag("p", since, kind="dim"))


def _by_reason(found: TaskActivityModel) -> Markup:
    some = {reason: count for reason, count in found.reasons.items() if count}
    whole = sum(some.values())
    pieces = [tag("i", kind=_MOODS[reason], style=f"flex: {count}") for reason, count in some.items()]
    told = [
        tag("li", parts.spot(_MOODS[reason]), f"{reason} {words.share_of(count / whole)} ({words.count_of(count)})")
        for reason, count in some.items()
    ]
    return joined([tag("div", *pieces, kind="bar", aria_hidden="true"), tag("ul", *told, kind="legend")])


def _contestants(found: TaskActivityModel) -> Markup:
    if not found.contestants:
        return Markup()
    heads = ("Contestant", "Scores", "Gave answers", "p50", "p95", "p99", "Median confidence")
    rows = [
        (
            one.contestant,
            words.count_of(one.scores),
            _gave(one),
            parts.latency(one.p50_ms),
            parts.latency(one.p95_ms),
            parts.latency(one.p99_ms),
            words.share_of(one.confidence),
        )
        for one in found.contestants
    ]
    return parts.section("Contestants", table(heads, rows, caption="What contestants said"))


def _gave(one: ContestantModel) -> object:
    told = [f"{words.count_of(count)} {reason}" for reason, count in one.answers.items() if count]
    return ", ".join(told) or tag("span", "none", kind="dim")


def _agreement(found: TaskActivityModel, baselines: list[str]) -> Markup:
    if not found.contestants:
        return Markup()
    beside = agreement.against_baselines(found.contestants, found.pairs, baselines)
    matrix = agreement.matrix(found.pairs)
    return joined([parts.section("How far contestants agree", matrix), parts.section("Beside the baseline", beside)])


async def _draw_what_if(visitor: Visitor, asked: Request, name: str, hours: int, rules: list[_Rules]) -> None:
    if not rules:
        return
    axis = rules[0].axis
    named = list(dict.fromkeys(rule.accept for rule in axis.rules))
    other = what_if.asked_of(dict(asked.query_params), named)
    says = (
        f"The newest recorded requests, {_REQUESTS} at most, go through the rules again with what you change here. "
        "Nothing is changed on any device."
    )
    form = what_if.draw_form(name, named, other, hours, axis.deadline_ms)
    report: object = ""
    if other.is_something:
        found = await visitor.call(
            replays.what_if,
            task=name,
            contestant=other.contestant,
            bar=other.bar,
            deadline_ms=other.deadline_ms,
            limit=_REQUESTS,
            hours=parts.LONGEST_HOURS,
        )
        report = what_if.draw_report(found)
    show(tag("section", tag("h2", "What if"), tag("p", says), form, report, id="what-if"))
