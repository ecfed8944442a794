"""The budget of false alarms: what it is, whether it can be promised, what others would have come to."""

from typing import Final

from nicegui import ui

from roost_cloud.api import drift, drift_settings
from roost_cloud.api.drift import PromiseModel, SimulatedModel
from roost_cloud.api.drift_settings import SettingsModel
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.dialog import button, confirming
from roost_cloud.dashboard.frame import act, show
from roost_cloud.dashboard.markup import Markup, table, tag
from roost_cloud.dashboard.visitor import Visitor
from roost_shared.errors import ContentError

__all__ = ["draw_budget"]

_TIMES: Final = (0.5, 1.0, 2.0, 5.0)  # what is set, that others are looked at


_WEEK_S: Final = 7 * 86_400


class BadBudgetError(ContentError):
    """What somebody entered is no number of alarms."""

    code = "dashboard.budget"


async def draw_budget(visitor: Visitor) -> None:
    """A section with the budget, and what may be done about it."""
    place = ui.element("section").classes("budget")

    async def draw() -> None:
        settings = await visitor.call(drift_settings.get_settings)
        split = await visitor.call(drift.get_budget)
        place.clear()
        with place:
            show(tag("h2", "Budget of false alarms"), _state(settings, split))
            _draw_actions(settings)

    def _draw_actions(settings: SettingsModel) -> None:
        with ui.element("div").classes("row"):
            if visitor.may(drift_settings.set_settings):
                says = "How many false alarms a week you bear, over all devices, tasks and kinds. Fewer come later."
                begins = f"{settings.alarms_a_week:g}"
                confirming("Change the budget", says, "Set it", change, field="False alarms a week", begins=begins)
            button("What would other budgets have come to?", act(tell, None), kind="plain")
        answer.append(ui.element("div"))

    answer: list[ui.element] = []

    async def change(entered: str) -> None:
        async def do() -> None:
            settings = await visitor.call(drift_settings.get_settings)
            body = SettingsModel.model_validate(settings.model_dump() | {"alarms_a_week": _number(entered)})
            await visitor.call(drift_settings.set_settings, body=body)
            await draw()

        await act(do, "the budget is set; decisions from now on follow it")()

    async def tell() -> None:
        settings = await visitor.call(drift_settings.get_settings)
        budgets = [settings.alarms_a_week * times for times in _TIMES]
        found = await visitor.call(drift.get_simulation, budget=budgets, since=None, task=None)
        answer[-1].clear()
        with answer[-1]:
            show(_simulated(found))

    await draw()


def _number(entered: str) -> float:
    try:
        return float(entered.replace(",", "."))
    except ValueError:
        raise BadBudgetError(f"{entered[:40]!r} is no number of alarms a week") from None


def _state(settings: SettingsModel, split: list[PromiseModel]) -> Markup:
    lead = tag("p", tag("strong", f"{words.short_of(settings.alarms_a_week)} a week"), " over everything", kind="lead")
    if not split:
        says = "How it is split is said once devices are commissioned: their first week is what they are judged by."
        return tag("div", lead, tag("p", says, kind="dim"))
    rows = [
        (
            f"{one.task}: {parts.DRIFT_WORDS[one.kind]}",
            words.count_of(one.devices),
            f"{words.short_of(one.alarms_a_week)} a week",
            "yes" if one.is_promised else _not_yet(one),
        )
        for one in split
    ]
    heads = ("Task and what of it", "Devices", "False alarms allowed", "Can that be promised?")
    return tag("div", lead, table(heads, rows, caption="How the budget is split"))


def _not_yet(one: PromiseModel) -> str:
    wanted, recorded = (words.span_of(weeks * _WEEK_S) for weeks in (one.weeks_wanted, one.weeks))
    return f"after {wanted}; {recorded} are recorded"


def _simulated(found: list[SimulatedModel]) -> Markup:
    if not found:
        return parts.empty("Nothing is recorded yet that it could be told by: devices have to be commissioned first.")
    rows = [
        (
            f"{words.short_of(one.alarms_a_week_allowed)} a week",
            parts.DRIFT_WORDS[one.kind],
            words.count_of(one.alarms),
            words.short_of(one.alarms_a_week),
            f"{words.count_of(one.decisions)} in {one.weeks:.2g} weeks",
            words.count_of(one.raised),
        )
        for one in found
    ]
    heads = ("Budget", "What", "Alarms there would have been", "A week", "Decisions", "Alarms there were")
    return table(heads, rows, caption="What recorded decisions would have come to under other budgets")
