"""How people and tasks name a version of a bundle: `NAME:VERSION`, or `NAME@ALIAS` for wherever that points. Pure.

>>> parse_reference("meter@stable")
Reference(name='meter', sign='@', which='stable')
"""

import re
from typing import Final, Literal, NamedTuple, cast

from roost_shared.errors import ContentError
from roost_shared.topics import NAME

__all__ = ["BadReferenceError", "Reference", "parse_reference"]

_REFERENCE: Final = re.compile(
    rf"(?P<name>{NAME.pattern})(?::(?P<version>[A-Za-z0-9][A-Za-z0-9._+-]{{0,62}})|@(?P<alias>{NAME.pattern}))"
)


class BadReferenceError(ContentError):
    """What names no version of a bundle."""

    code = "bundle.reference"


class Reference(NamedTuple):
    """A bundle's name, and which of its versions."""

    name: str
    sign: Literal[":", "@"]
    which: str  # a version after `:`, an alias after `@`

    def __str__(self) -> str:
        """As it was written."""
        return f"{self.name}{self.sign}{self.which}"


def parse_reference(text: str) -> Reference:
    """Take a reference apart.

    Raises:
        BadReferenceError: it is none.
    """
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise BadReferenceError(f"{text[:200]!r} names no bundle: write NAME:VERSION or NAME@ALIAS")
    sign = ":" if found["version"] else "@"
    return Reference(found["name"], cast('Literal[":", "@"]', sign), found["version"] or found["alias"])
