"""Labelling: a sheet of inputs, by keyboard; nothing that models say of them is shown, so that it sways nobody."""

from typing import Any, Final

from nicegui import ui
from nicegui.events import KeyEventArguments
from starlette.requests import Request

from roost_cloud.api import bundles, label_queue, sample_labels
from roost_cloud.api.label_queue import QueueBody, QueuedSamples, SummaryModel
from roost_cloud.api.pages import LIMIT, PageQuery
from roost_cloud.api.sample_labels import LabelsBody
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.dialog import button
from roost_cloud.dashboard.frame import act, page, show
from roost_cloud.dashboard.markup import Markup, address, choice, tag
from roost_cloud.dashboard.sheet import COLUMNS, Sheet, keys_of
from roost_cloud.dashboard.visitor import Visitor

_AT_ONCE: Final = 12
_MOVES: Final = {"ArrowLeft": -1, "ArrowRight": 1, "ArrowUp": -COLUMNS, "ArrowDown": COLUMNS}


@page("/labelling", "Labelling")
async def labelling(visitor: Visitor, asked: Request) -> None:
    """A task's samples that wait for a label."""
    tasks = await _tasks(visitor)
    task = asked.query_params.get("task") or next(iter(tasks), "")
    show(tag("h1", "Labelling"))
    if not task:
        says = "No bundle of any task is here yet: its labels are what inputs can be called. Push one:"
        show(parts.empty(says, parts.command("roost bundle push bundles/meter-8")))
        return
    show(_filter([*tasks, *({task} - set(tasks))], task))
    if visitor.may(sample_labels.add_labels):
        await _Desk(visitor, task).begin()
    else:
        show(tag("p", "An operator can label; a viewer sees how the labels stand.", kind="note"))
        show(_summary(await visitor.call(label_queue.get_summary, task=task)))


async def _tasks(visitor: Visitor) -> list[str]:
    """Tasks of the bundles that are here, those of the newest first."""
    names = (await visitor.call(bundles.list_bundles, page=PageQuery(LIMIT))).items
    found: dict[str, None] = {}
    for one in sorted(names, key=lambda each: each.updated_at, reverse=True):
        newest = (await visitor.call(bundles.list_versions, name=one.name, page=PageQuery(1))).items
        found |= {each.task: None for each in newest if each.task}
    return list(found)


def _filter(tasks: list[str], task: str) -> Markup:
    return tag(
        "form",
        tag("label", "Task", choice("task", {one: one for one in tasks}, task)),
        tag("button", "Show", type="submit"),
        method="get",
        action=address("labelling"),
        kind="filter",
    )


def _summary(found: SummaryModel) -> Markup:
    labelled = sum(found.labels.values())
    pairs = [(label, words.count_of(found.labels.get(label, 0))) for label in found.space]
    pairs += [
        (state.replace("_", " "), words.count_of(count))
        for state, count in found.states.items()
        if state != "labelled"
    ]
    title = f"{words.count_of(labelled)} samples are labelled"
    return parts.section(title, parts.facts(pairs))


class _Desk:
    """A sheet of samples, and the hands of whoever labels it."""

    def __init__(self, visitor: Visitor, task: str) -> None:
        self._visitor = visitor
        self._task = task
        self._taken = QueuedSamples(items=[], until=visitor.services.now(), labels=[])
        self._sheet = Sheet(0)
        self._keys: dict[str, str] = {}
        self._saving = False

    async def begin(self) -> None:
        """Draw it, with the first samples."""
        self._said = ui.element("div").props('aria-live="polite"').classes("note")
        self._place = ui.element("section")
        self._how_far = ui.element("div")
        await self._take()
        # Also while a button has the focus, as after a click on one; a field that is typed in has its keys for itself.
        ui.keyboard(self._pressed, ignore=["input", "select", "textarea"])

    async def _take(self) -> None:
        body = QueueBody.model_validate({"task": self._task, "count": _AT_ONCE})
        self._taken = await self._visitor.call(label_queue.take_samples, body=body)
        self._sheet, self._keys = Sheet(len(self._taken.items)), keys_of(self._taken.labels)
        found = await self._visitor.call(label_queue.get_summary, task=self._task)
        self._how_far.clear()
        with self._how_far:
            show(_summary(found))
        self._draw()

    async def _pressed(self, event: KeyEventArguments) -> None:
        if not event.action.keydown or event.modifiers.ctrl or event.modifiers.alt or event.modifiers.meta:
            return
        name = event.key.name
        if name == "s":
            await self._save()
        elif name == "u":
            self._become(self._sheet.undo())
        elif name == "x":
            self._become(self._sheet.choose(None))
        elif name in _MOVES:
            self._become(self._sheet.move(_MOVES[name]))
        elif name in self._keys:
            self._become(self._sheet.choose(self._keys[name]))

    def _become(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._draw()

    async def _save(self) -> None:
        if not self._sheet.chosen or self._saving:
            return
        self._saving = True
        try:
            await act(self._send, f"{len(self._sheet.chosen)} labels are saved")()
        finally:
            self._saving = False

    async def _send(self) -> None:
        said = [
            {"device": one.device, "sample": one.sample, "label": self._sheet.chosen[place]}
            for place, one in enumerate(self._taken.items)
            if place in self._sheet.chosen
        ]
        body = LabelsBody.model_validate({"labels": said})
        await self._visitor.call(sample_labels.add_labels, body=body)
        await self._take()

    def _draw(self) -> None:
        self._said.clear()
        with self._said:
            show(self._words())
        self._place.clear()
        with self._place:
            if not self._taken.items:
                says = "No input of this task waits for a label. What devices keep is in [tasks.NAME.capture]."
                show(parts.empty(says))
                return
            show(tag("ul", *map(self._item, range(self._sheet.count)), kind="answers sheet"))
            self._draw_buttons()

    def _words(self) -> str:
        if not self._taken.items:
            return "Nothing to label."
        current = self._sheet.chosen.get(self._sheet.at, "")
        says = "cannot tell" if current is None else current or "not labelled"
        done = len(self._sheet.chosen)
        place = f"Input {self._sheet.at + 1} of {self._sheet.count}: {says}."
        return f"{place} {done} chosen, saved with S; yours until {words.when(self._taken.until)}."

    def _item(self, place: int) -> Markup:
        one = self._taken.items[place]
        says = "not labelled"
        if place in self._sheet.chosen:
            says = self._sheet.chosen[place] or "cannot tell"
        return tag(
            "li",
            tag(
                "img",
                src=address("pictures", one.device, one.sample),
                alt=f"input {place + 1}",
                width="96",
                height="96",
            ),
            tag("div", tag("strong", says)),
            tag("div", one.device, kind="dim"),
            aria_current="true" if place == self._sheet.at else None,
        )

    def _draw_buttons(self) -> None:
        with ui.element("div").classes("row").style("margin: 14px 0 0"):
            for key, label in self._keys.items():
                self._draw_key(key, label, lambda label=label: self._sheet.choose(label))
            self._draw_key("X", "Cannot tell", lambda: self._sheet.choose(None))
            self._draw_key("U", "Undo", self._sheet.undo)
            done = len(self._sheet.chosen)
            save = button(f"Save {done} and go on" if done else "Save and go on", self._save)
            if not done:
                save.props("disabled")
        show(tag("p", tag("kbd", "←"), " ", tag("kbd", "→"), " another input, ", tag("kbd", "S"), " save", kind="dim"))

    def _draw_key(self, key: str, says: str, become: Any) -> None:
        async def pressed() -> None:
            self._become(become())

        made = ui.element("button").classes("plain").props('type="button"').on("click", pressed)
        with made:
            ui.html(str(tag("span", tag("kbd", key), "" if key == says else f" {says}")), sanitize=False, tag="span")
