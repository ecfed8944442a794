"""Where in the list of samples a page ends, as a text for whoever asks for the next. Pure.

>>> place = Place(datetime(2026, 11, 24, tzinfo=UTC), "cam.01", "06d512e219d217f4-7")
>>> str(place)
'1795478400000000.cam.01.06d512e219d217f4-7'
>>> parse_place(str(place)) == place
True
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from roost_shared.errors import ContentError

__all__ = ["BadPlaceError", "Place", "parse_place"]

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FORM: Final = re.compile(r"([0-9]{1,16})\.([a-z0-9._-]{1,63})\.([A-Za-z0-9_-]{1,85})")


class BadPlaceError(ContentError):
    """It is no place in the list of samples."""

    code = "samples.bad_place"


class Place(NamedTuple):
    """A sample's own place: the list is in this order, backwards."""

    received_at: datetime
    device: str
    sample: str

    def __str__(self) -> str:
        """As `parse_place` reads it."""
        return f"{(self.received_at - _BEGINNING) // timedelta(microseconds=1)}.{self.device}.{self.sample}"


def parse_place(text: str) -> Place:
    """Read it.

    Raises:
        BadPlaceError: it is none.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise BadPlaceError("`after` has to be the `next` of another page of samples")
    return Place(_BEGINNING + timedelta(microseconds=int(found[1])), found[2], found[3])
