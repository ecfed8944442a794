"""A sheet of samples, and the hands of whoever labels it: by keyboard, by mouse, or by tapping."""

from collections.abc import Callable
from functools import partial
from typing import Final

from nicegui import ui
from nicegui.events import KeyEventArguments

from roost_cloud.api import label_help, label_queue, sample_labels
from roost_cloud.api.label_help import GuessBody, GuessModel
from roost_cloud.api.label_queue import QueueBody, QueuedSamples
from roost_cloud.api.sample_labels import LabelsBody
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.dialog import button
from roost_cloud.dashboard.frame import act, show
from roost_cloud.dashboard.guess import guess_shown
from roost_cloud.dashboard.labelling_state import progress, summary
from roost_cloud.dashboard.markup import Markup, address, tag
from roost_cloud.dashboard.sheet import COLUMNS, Sheet, keys_of
from roost_cloud.dashboard.visitor import Visitor

__all__ = ["Desk"]

_AT_ONCE: Final = 12
_MOVES: Final = {"ArrowLeft": -1, "ArrowRight": 1, "ArrowUp": -COLUMNS, "ArrowDown": COLUMNS}
_GUESS: Final = "Show what models guess"
_NOT_BLIND: Final = (
    "The label of an input it was shown for is noted as not blind: models learn from it, and none is judged by it."
)


class _Item:
    """A sample's place on the sheet, drawn once; what changes is changed in it, so that the focus stays."""

    def __init__(self, number: int, picture: Markup, device: str, choose: Callable[[], None]) -> None:
        async def chosen() -> None:
            choose()

        self._number = number
        with ui.element("li"):
            self._button = ui.element("button").props('type="button"').on("click", chosen)
            with self._button:
                ui.html(str(picture), sanitize=False, tag="span")
                self._said = ui.html("", sanitize=False, tag="span")
                ui.html(str(tag("span", device, kind="dim")), sanitize=False, tag="span")

    def scroll_to(self) -> None:
        """Bring it in sight, above the buttons that stay at a phone's lower end."""
        ui.run_javascript(f"getHtmlElement({self._button.id})?.scrollIntoView({{block: 'nearest'}})")

    def become(self, says: str, *, is_current: bool, is_done: bool) -> None:
        """Show how it stands."""
        self._said.set_content(str(tag("strong", says)))
        self._button.props(f'aria-label="input {self._number}: {_quoted(says)}"')
        if is_current:
            self._button.props("aria-current=true")
        else:
            self._button.props(remove="aria-current")
        self._button.classes(add="done" if is_done else None, remove=None if is_done else "done")


class Desk:
    """A task's sheet.

    Args:
        visitor: who labels.
        task: of which.
        rollout: only inputs on which this rollout's candidate disagrees; None: all that wait.
    """

    def __init__(self, visitor: Visitor, task: str, rollout: str | None = None) -> None:
        self._visitor = visitor
        self._task = task
        self._rollout = rollout
        self._taken = QueuedSamples(items=[], until=visitor.services.now(), labels=[])
        self._sheet = Sheet(0)
        self._keys: dict[str, str] = {}
        self._items: list[_Item] = []
        self._guesses: dict[int, GuessModel] = {}
        self._guessing = False
        self._saving = False

    async def begin(self) -> None:
        """Draw it, with the first samples."""
        self._standing = ui.element("div")
        self._said = ui.element("div").props('aria-live="polite"').classes("note")
        self._place = ui.element("section")
        self._guess = ui.element("div").props('aria-live="polite"')
        self._how_far = ui.element("div")
        await self._take()
        # Also while a button has the focus, as after a click on one; a field that is typed in has its keys for itself.
        ui.keyboard(self._pressed, ignore=["input", "select", "textarea"])

    async def _take(self) -> None:
        asked = {"task": self._task, "count": _AT_ONCE, "rollout": self._rollout}
        self._taken = await self._visitor.call(label_queue.take_samples, body=QueueBody.model_validate(asked))
        self._sheet, self._keys = Sheet(len(self._taken.items)), keys_of(self._taken.labels)
        self._guesses = {}
        found = await self._visitor.call(label_queue.get_summary, task=self._task)
        near = await self._visitor.call(label_help.get_progress, task=self._task)
        for place, shown in ((self._standing, progress(near)), (self._how_far, summary(found))):
            place.clear()
            with place:
                show(shown)
        self._draw()
        await self._ask_guess()

    async def _pressed(self, event: KeyEventArguments) -> None:
        if not event.action.keydown or event.modifiers.ctrl or event.modifiers.alt or event.modifiers.meta:
            return
        name = event.key.name
        if name == "s":
            await self._save()
        elif name == "u":
            await self._become(self._sheet.undo())
        elif name == "x":
            await self._become(self._sheet.choose(None))
        elif name in _MOVES:
            await self._become(self._sheet.move(_MOVES[name]))
        elif name in self._keys:
            await self._become(self._sheet.choose(self._keys[name]))

    async def _become(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._refresh()
        if self._items:
            self._items[sheet.at].scroll_to()
        await self._tell_guess()

    async def _save(self) -> None:
        if not self._sheet.chosen or self._saving:
            return
        self._saving = True
        try:
            await act(self._send, f"{len(self._sheet.chosen)} labels are saved")()
        finally:
            self._saving = False

    async def _send(self) -> None:
        # Whether a guess was shown is said here as well: what the cloud noted of it ends with the claim's time.
        said = [
            {
                "device": one.device,
                "sample": one.sample,
                "label": self._sheet.chosen[place],
                "informed": place in self._guesses,
            }
            for place, one in enumerate(self._taken.items)
            if place in self._sheet.chosen
        ]
        await self._visitor.call(sample_labels.add_labels, body=LabelsBody.model_validate({"labels": said}))
        await self._take()

    def _draw(self) -> None:
        """All of it, for new samples."""
        self._place.clear()
        self._items = []
        with self._place:
            if not self._taken.items:
                says = "No input of this task waits for a label. What devices keep is in [tasks.NAME.capture]."
                show(parts.empty(says))
            else:
                with ui.element("ul").classes("answers sheet"):
                    self._items = [self._item(place) for place in range(self._sheet.count)]
                self._draw_buttons()
        self._refresh()

    def _item(self, place: int) -> _Item:
        one = self._taken.items[place]
        picture = tag("span", one.media_type, kind="none")
        if one.media_type.startswith("image/"):
            picture = tag("img", src=address("pictures", one.device, one.sample), alt="", width="96", height="96")

        def choose() -> None:
            self._sheet = self._sheet.move(place - self._sheet.at)
            self._refresh()
            ui.timer(0, self._tell_guess, once=True)

        return _Item(place + 1, picture, one.device, choose)

    def _refresh(self) -> None:
        """What a key or a tap has changed."""
        self._said.clear()
        with self._said:
            show(self._words())
        for place, item in enumerate(self._items):
            is_done = place in self._sheet.chosen
            says = (self._sheet.chosen[place] or "cannot tell") if is_done else "not labelled"
            item.become(says, is_current=place == self._sheet.at, is_done=is_done)
        if self._items:
            done = len(self._sheet.chosen)
            self._save_says.set_content(str(tag("span", f"Save {done} and go on" if done else "Save and go on")))
            self._save_button.props(**({"remove": "disabled"} if done else {"add": "disabled"}))

    def _words(self) -> str:
        if not self._taken.items:
            return "Nothing to label."
        current = self._sheet.chosen.get(self._sheet.at, "")
        says = "cannot tell" if current is None else current or "not labelled"
        done = len(self._sheet.chosen)
        place = f"Input {self._sheet.at + 1} of {self._sheet.count}: {says}."
        return f"{place} {done} chosen, saved with S; yours until {words.when(self._taken.until)}."

    def _draw_buttons(self) -> None:
        with ui.element("div").classes("row labels"):
            for key, label in self._keys.items():
                self._draw_key(key, label, partial(self._chosen, label))
            self._draw_key("X", "Cannot tell", partial(self._chosen, None))
            self._draw_key("U", "Undo", self._undone)
            self._save_button = ui.element("button").props('type="button"').on("click", self._save)
            with self._save_button:
                self._save_says = ui.html("", sanitize=False, tag="span")
        keys = [tag("kbd", key) for key in ("←", "→", "↑", "↓", "S", "U")]
        says = ("Keys: ", keys[0], keys[1], keys[2], keys[3], " another input, ", keys[5], " undo, ", keys[4], " save")
        show(tag("p", *says, kind="dim"))
        if self._rollout is None:
            self._guess_button = button(_GUESS, self._turn_guess, kind="plain pressed" if self._guessing else "plain")
            self._guess_button.props(f'aria-pressed="{str(self._guessing).lower()}"')
            show(tag("p", _NOT_BLIND, kind="dim"))

    def _chosen(self, label: str | None) -> Sheet:
        return self._sheet.choose(label)

    def _undone(self) -> Sheet:
        return self._sheet.undo()

    async def _turn_guess(self) -> None:
        self._guessing = not self._guessing
        self._guess_button.props(f'aria-pressed="{str(self._guessing).lower()}"')
        self._guess_button.classes(
            add="pressed" if self._guessing else None, remove=None if self._guessing else "pressed"
        )
        await self._tell_guess()

    async def _tell_guess(self) -> None:
        """What models say of the one that is looked at, or why that cannot be told."""
        await act(self._ask_guess, None)()

    async def _ask_guess(self) -> None:
        """Ask, by which the cloud notes that it was shown; other samples may have been taken until it answers."""
        place, taken, guesses = self._sheet.at, self._taken, self._guesses
        if not self._wants_guess(taken, place):
            self._guess.clear()
            return
        one = taken.items[place]
        if place not in guesses:
            body = GuessBody.model_validate({"device": one.device, "sample": one.sample})
            guesses[place] = await self._visitor.call(label_help.show_guess, body=body)
        if self._wants_guess(taken, place):
            self._guess.clear()
            with self._guess:
                show(guess_shown(one.device, place + 1, guesses[place]))

    def _wants_guess(self, taken: QueuedSamples, place: int) -> bool:
        """Whether a guess of that one is to be shown now."""
        return self._guessing and bool(taken.items) and taken is self._taken and place == self._sheet.at

    def _draw_key(self, key: str, says: str, become: Callable[[], Sheet]) -> None:
        async def pressed() -> None:
            await self._become(become())

        made = ui.element("button").classes("plain").props('type="button"').on("click", pressed)
        with made:
            ui.html(str(tag("span", tag("kbd", key), "" if key == says else f" {says}")), sanitize=False, tag="span")


def _quoted(text: str) -> str:
    """Text as NiceGUI's props take it."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
