"""HTML of which nothing is HTML that was not written as such: what devices and people say is escaped. Pure.

>>> tag("td", "<b>", kind="name")
Markup('<td class="name">&lt;b&gt;</td>')
>>> link("/ui/devices/cam-01", "cam-01")
Markup('<a href="/ui/devices/cam-01">cam-01</a>')
"""

from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape

__all__ = ["Markup", "address", "choice", "entry", "joined", "link", "table", "tag"]


def tag(name: str, /, *inside: object, kind: object = None, **attributes: object) -> Markup:
    """An element with what is in it.

    Args:
        name: of the element.
        inside: text, which is escaped, or markup, which is not.
        kind: its class.
        attributes: others; None is left out, and an underscore is a hyphen.
    """
    return Markup("<{}{}>{}</{}>").format(name, _written({"class": kind} | attributes), joined(inside), name)


def entry(kind: str, name: str, /, **attributes: object) -> Markup:
    """A field of a form.

    >>> entry("search", "q", value="a&b", disabled=None)
    Markup('<input type="search" name="q" value="a&amp;b">')
    """
    return Markup("<input{}>").format(_written({"type": kind, "name": name} | attributes))


def choice(name: str, options: Mapping[str, str], chosen: str | None, /, **attributes: object) -> Markup:
    """A field that takes one of several, by value and what it says."""
    inside = [
        tag("option", says, value=value, selected="selected" if value == (chosen or "") else None)
        for value, says in options.items()
    ]
    return tag("select", *inside, name=name, **attributes)


def _written(attributes: Mapping[str, object]) -> Markup:
    return Markup().join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), value)
        for key, value in attributes.items()
        if value is not None
    )


def joined(parts: Iterable[object], between: str = "") -> Markup:
    """Text and markup in a row."""
    return escape(between).join(escape(part) for part in parts)


def link(target: str, /, *inside: object, **attributes: object) -> Markup:
    """A link to a page of ours."""
    return tag("a", *inside, href=target, **attributes)


def address(*path: str, query: Mapping[str, str | None] | None = None) -> str:
    """Where a page is.

    >>> address("devices", "cam-01"), address("fleet", query={"state": "online", "after": None})
    ('/ui/devices/cam-01', '/ui/fleet?state=online')
    """
    asked = urlencode({key: value for key, value in (query or {}).items() if value})
    return "/ui/" + "/".join(quote(part, safe="") for part in path) + (f"?{asked}" if asked else "")


def table(heads: Iterable[str], rows: Iterable[Iterable[object]], *, caption: str) -> Markup:
    """A table; on a phone each cell says what it is.

    Args:
        heads: what columns are called.
        rows: cells, one a column; the first is what the row is about.
        caption: what the table is about, for those who hear it.
    """
    names = tuple(heads)
    head = tag("tr", *(tag("th", name, scope="col") for name in names))
    body = [
        tag(
            "tr",
            *(
                tag("th", cell, scope="row") if not place else tag("td", cell, data_head=names[place])
                for place, cell in enumerate(row)
            ),
        )
        for row in rows
    ]
    inside = (tag("caption", caption, kind="hidden"), tag("thead", head), tag("tbody", *body))
    return tag("div", tag("table", *inside), kind="table")
