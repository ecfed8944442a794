"""Labels: what people call devices together by. Pure.

>>> parse_selector("site=north")
('site', 'north')
>>> changed({"site": "north", "line": "3"}, {"site": None, "line": "4"})
{'line': '4'}
"""

import re
from collections.abc import Mapping
from typing import Final

from roost_shared.errors import ContentError

__all__ = [
    "KEY_PATTERN",
    "MAX_KEY_CHARS",
    "MAX_LABELS",
    "MAX_VALUE_CHARS",
    "VALUE_PATTERN",
    "LabelError",
    "changed",
    "check_labels",
    "parse_selector",
]

MAX_LABELS: Final = 64  # of one device
MAX_KEY_CHARS: Final = 63
MAX_VALUE_CHARS: Final = 255
KEY_PATTERN: Final = r"[a-z0-9][a-z0-9._/-]{0,62}"
VALUE_PATTERN: Final = r"[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]{0,253}[^\x00-\x20\x7f-\xa0])?"
"""No control character, which terminals would obey and PostgreSQL refuses to keep, and no space around it."""

_KEY: Final = re.compile(KEY_PATTERN)
_VALUE: Final = re.compile(VALUE_PATTERN)
_HALF: Final = re.compile(r"[\ud800-\udfff]")  # of a surrogate pair: JSON can say it, and no database keep it


class LabelError(ContentError):
    """A label cannot be one, or a device would have too many; says which."""

    code = "label.invalid"


def check_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return `labels`.

    Raises:
        LabelError: one of them is none, or there are too many.
    """
    if len(labels) > MAX_LABELS:
        raise LabelError(f"{len(labels)} labels; a device has {MAX_LABELS} at most")
    for key, value in labels.items():
        _check(key, value)
    return dict(labels)


def changed(labels: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """What labels become by changes: a value sets one, None removes one, the others stay.

    Raises:
        LabelError: a label that is named is none, there are too many changes, or there would be too many labels.
    """
    if len(changes) > MAX_LABELS:
        raise LabelError(f"{len(changes)} changes; {MAX_LABELS} at a time at most")
    for key in changes:
        _check_key(key)
    after = {**labels, **changes}
    return check_labels({key: value for key, value in after.items() if value is not None})


def parse_selector(text: str) -> tuple[str, str]:
    """Read `key=value`; the value may hold further `=`.

    Raises:
        LabelError: it is no such thing.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise LabelError(f"the selector {text[:MAX_KEY_CHARS]!r} has no '=': write key=value")
    _check(key, value)
    return key, value


def _check_key(key: str) -> None:
    if _KEY.fullmatch(key) is None:
        raise LabelError(
            f"{key[:MAX_KEY_CHARS]!r} is no label's key: use a-z, 0-9, '.', '_', '/' and '-', "
            f"at most {MAX_KEY_CHARS}, the first a letter or digit"
        )


def _check(key: str, value: str) -> None:
    _check_key(key)
    if _VALUE.fullmatch(value) is None or _HALF.search(value):
        raise LabelError(
            f"the label {key!r} has a value that cannot be one: 1 to {MAX_VALUE_CHARS} characters, "
            "no control characters, no space around them"
        )
