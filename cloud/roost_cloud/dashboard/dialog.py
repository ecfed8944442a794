"""A button that asks before it does what it says."""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from roost_cloud.dashboard.frame import show
from roost_cloud.dashboard.markup import tag

__all__ = ["button", "confirming"]


def button(says: str, do: Callable[[], Awaitable[None]], *, kind: str = "", name: str | None = None) -> ui.element:
    """A button.

    Args:
        says: what is on it.
        do: what it does.
        kind: how it looks: plain, harm, or neither.
        name: what it is called for those who hear it, where that is more than what is on it.
    """
    made = ui.element("button").classes(kind).props('type="button"' + (f' aria-label="{name}"' if name else ""))
    made.on("click", do)
    with made:
        ui.html(str(tag("span", says)), sanitize=False, tag="span")
    return made


def confirming(
    says: str,
    question: str,
    yes: str,
    do: Callable[..., Awaitable[None]],
    *,
    field: str | None = None,
    begins: str = "",
    kind: str = "plain",
) -> None:
    """A button that opens a dialog; the dialog's button does it.

    Args:
        says: what is on the first button.
        question: what is asked.
        yes: what is on the second.
        do: does it, with the field's text where there is one.
        field: the name of a field to fill in; None: there is none.
        begins: what is in the field at first.
        kind: how the first looks: plain, harm for what cannot be undone, or empty for what is wanted most.
    """
    entered: list[Any] = []
    with ui.dialog() as dialog, ui.element("div").classes("dialog").props(f'role="dialog" aria-label="{says}"'):
        show(tag("h2", says), tag("p", question))
        if field is not None:
            entered.append(ui.input(field, value=begins).props("outlined dense").style("width: 100%"))

        async def confirmed() -> None:
            dialog.close()
            await do(*(str(one.value or "") for one in entered))

        async def left() -> None:
            dialog.close()

        with ui.element("div").classes("row"):
            button(yes, confirmed, kind="harm" if kind == "harm" else "")
            button("Leave it", left, kind="plain")

    async def opened() -> None:
        dialog.open()

    button(says, opened, kind=kind)
