"""Why: from an answer to who said what, by which model, on which device, and on to rollouts and alarms around it."""

from datetime import datetime
from typing import Final, NamedTuple

from starlette.requests import Request

from roost_cloud.api import alarms, rollouts, samples
from roost_cloud.api.alarms import AlarmModel
from roost_cloud.api.pages import PageQuery
from roost_cloud.api.rollout_models import DeviceRolloutModel
from roost_cloud.api.samples import LateModel, ScoreModel, WholeModel
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.frame import page, show
from roost_cloud.dashboard.lineage import Story, graph_of, seek
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag
from roost_cloud.dashboard.visitor import Visitor

_ALARMS: Final = 20
_REASONS: Final = {
    "preferred": "by a rule that was open from the start",
    "fallback": "by a rule that opened later, as those before it were not satisfied",
    "deadline": "as time was up: the best that had been said",
    "default": "as nobody had said anything",
    "forced": "as an operator had asked for that contestant",
    "overloaded": "as there were more inputs than could be scored",
}


class _Around(NamedTuple):
    """What else happened on the device."""

    rollouts: list[DeviceRolloutModel]
    alarms: list[AlarmModel]
    story: Story | None


@page("/answers/{device}/{sample}", "Why?")
async def answer(visitor: Visitor, asked: Request) -> None:
    """One answer that was kept."""
    device, sample = asked.path_params["device"], asked.path_params["sample"]
    one = await visitor.call(samples.get_sample, device=device, sample=sample)
    chosen = alarms.ChosenQuery(device=device, task=one.task)
    around = _Around(
        await visitor.call(rollouts.list_rollouts_of_device, device=device),
        (await visitor.call(alarms.list_alarms, page=PageQuery(_ALARMS), chosen=chosen)).items,
        await seek(visitor, _answering(one)),
    )
    now = visitor.services.now()
    show(tag("p", link(address("devices", device), device), " / ", sample, kind="dim"))
    show(tag("h1", f"Why {one.label or 'no answer'}?"))
    show(_answer(one, now), _said(one), _came(one, around.story), _on_device(around, one, now))


def _answering(one: WholeModel) -> str | None:
    """The bundle that gave the answer."""
    return next((each.bundle for each in one.candidates if each.contestant == one.contestant), None)


def _came(one: WholeModel, story: Story | None) -> Markup:
    """Where the model that answered comes from: its run, its data, its alarms, and the rollouts that brought it."""
    title = "Where its model comes from"
    if story is None:
        reference = words.bundle_of(_answering(one))
        says = "Nobody answered." if one.contestant is None else f"The registry does not have {reference}."
        return parts.section(title, parts.empty(says))
    made = story.version
    answers = address("answers", query={"bundle": f"{made.name}:{made.version}", "task": one.task})
    way = tag("p", link(answers, f"Other answers by {made.name}:{made.version}"))
    return parts.section(title, graph_of(story), way)


def _answer(one: WholeModel, now: datetime) -> Markup:
    by = f"{one.contestant} answered" if one.contestant else "Nobody answered"
    pairs: list[tuple[str, object]] = [
        ("Answer", tag("strong", one.label or "none")),
        ("Confidence", words.share_of(one.confidence)),
        ("Took", f"{one.elapsed_ms:.1f} ms"),
        ("Deadline", parts.pill("confirmed", "met") if one.deadline_met else parts.pill("failed", "missed")),
        ("People say", one.truth or "nothing yet"),
        ("Task", joined([one.task, " (", link(address("drift", one.device, one.task), "its drift"), ")"])),
        ("Received", parts.dated(one.received_at, now)),
        ("Kept for", ", ".join(one.kept_for).replace("_", " ") or "nothing: its input was not kept"),
        ("Kept with probability", words.share_of(one.probability)),
    ]
    input_ = parts.picture(one.device, one.sample, one.label) if one.input else Markup()
    why = tag("p", f"{by}, {_REASONS.get(one.reason, one.reason)}.", kind="lead")
    return tag("section", why, input_, parts.facts(pairs))


def _said(one: WholeModel) -> Markup:
    rows = [_score(each, "in time") for each in one.candidates]
    rows += [_score(each, "differs, late" if each.differs else "late") for each in one.late]
    if not rows:
        return parts.section("Who said what", parts.empty("Nobody said anything of it."))
    heads = ("Contestant", "Bundle", "Said", "Confidence", "After", "When")
    return parts.section("Who said what", table(heads, rows, caption="What contestants said"))


def _score(one: ScoreModel | LateModel, when: str) -> tuple[object, ...]:
    error = one.error if isinstance(one, ScoreModel) else None
    said = tag("span", error, kind="dim") if error else one.label or "–"
    return (
        one.contestant,
        parts.bundle(one.bundle),
        said,
        words.share_of(one.confidence),
        f"{one.elapsed_ms:.1f} ms",
        when,
    )


def _on_device(around: _Around, one: WholeModel, now: datetime) -> Markup:
    lines = [
        tag(
            "li",
            parts.moment(each.since, now),
            " rollout ",
            link(address("rollouts", each.rollout), words.bundle_of(each.bundle)),
            f" in place of {each.before}: ",
            parts.pill(each.state),
        )
        for each in around.rollouts
        if each.task == one.task
    ]
    lines += [
        tag(
            "li", parts.moment(each.since, now), " alarm ", link(address("alarms", each.id), each.summary or each.kind)
        )
        for each in around.alarms
    ]
    title = f"Rollouts and alarms of {one.task} on {one.device}"
    if not lines:
        return parts.section(title, parts.empty("None: its models have stayed, and its inputs are as they were."))
    return parts.section(title, joined([tag("ul", *lines, kind="line")]))
