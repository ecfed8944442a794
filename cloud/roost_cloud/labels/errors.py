"""What can be wrong with labels."""

from collections.abc import Sequence
from typing import Final

from roost_shared.errors import ContentError

__all__ = ["BadLabelsError", "BadSettingsError"]

_SHOWN: Final = 10


class BadLabelsError(ContentError):
    """Labels cannot be taken: none of them was.

    Args:
        problems: what is wrong, each with its place.
    """

    code = "labels.bad"

    def __init__(self, problems: Sequence[str]) -> None:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        super().__init__(f"nothing was recorded: {'; '.join(problems[:_SHOWN])}{more}")
        self.problems = list(problems)


class BadSettingsError(ContentError):
    """Settings of labels are wrong; says where."""

    code = "labels.settings"
