"""Whether what was decoded from JSON may become an array of NumPy's at all.

It would make room for each number to be as long as the longest text beside it: a hundred kilobytes of JSON take
gigabytes.
"""

from itertools import chain
from typing import Any, Final

__all__ = ["holds_numbers"]

_ALLOWED: Final = {int, float, bool, list}


def holds_numbers(value: Any) -> bool:
    """Whether there is nothing but numbers and lists of them, in lists.

    >>> holds_numbers([[1, 2.5], [3]]), holds_numbers([1, "a"]), holds_numbers(7)
    (True, False, True)
    """
    level = [value]
    while level:
        kinds = set(map(type, level))
        if not kinds <= _ALLOWED:
            return False
        level = list(chain.from_iterable(one for one in level if isinstance(one, list))) if list in kinds else []
    return True
