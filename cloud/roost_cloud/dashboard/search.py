"""Forms by which a page's list is made shorter: what is asked for stands in the address. Pure."""

from collections.abc import Mapping

from roost_cloud.dashboard.markup import Markup, address, entry, link, tag

__all__ = ["search_form", "sought"]


def search_form(page: str, *fields: object, after: object = "") -> Markup:
    """The form of a page, and the way back to all that it lists.

    Args:
        page: its name, by which it is asked for.
        fields: each with its label.
        after: what stands behind the buttons.
    """
    return tag(
        "form",
        *fields,
        tag("button", "Show", type="submit"),
        link(address(page), "Clear", kind="button plain"),
        after,
        method="get",
        action=address(page),
        kind="filter",
        role="search",
    )


def sought(says: str, name: str, query: Mapping[str, str | None], placeholder: str | None = None) -> Markup:
    """A field for words, as they were asked for.

    >>> sought("Task", "task", {"task": "meter"})
    Markup('<label>Task<input type="search" name="task" value="meter"></label>')
    """
    return tag("label", says, entry("search", name, value=query[name] or "", placeholder=placeholder))
