"""Kinds of text that requests carry, checked before any room sees them."""

from typing import Annotated, Final

from pydantic import StringConstraints

from roost_shared.topics import NAME

__all__ = ["ROLLOUT_PATTERN", "Line", "Name"]

LINE_CHARS: Final = 200
ROLLOUT_PATTERN: Final = r"^[0-9a-f]{16}$"  # of a rollout's id

Name = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$")]
"""Of a tenant, device, task or bundle: what topics can carry (DESIGN.md, section 6)."""

Line = Annotated[str, StringConstraints(min_length=1, max_length=LINE_CHARS, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line for people; no control character, which terminals would obey and PostgreSQL refuses to keep."""
