"""Kinds of text that requests carry, checked before any room sees them."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, Field, StringConstraints

from roost_cloud.samples.name import SAMPLE
from roost_shared.topics import NAME

__all__ = ["ROLLOUT_PATTERN", "Line", "Moment", "Name", "SampleName"]

LINE_CHARS: Final = 200
ROLLOUT_PATTERN: Final = r"^[0-9a-f]{16}$"  # of a rollout's id

Name = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$")]
"""Of a tenant, device, task or bundle: what topics can carry (DESIGN.md, section 6)."""

SampleName = Annotated[str, Field(pattern=f"^{SAMPLE.pattern}$")]
"""Of a sample of a device's."""

Moment = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), le=datetime(9000, 1, 1, tzinfo=UTC))]
"""With its zone, and such that no zone's offset leads out of the calendar."""

Line = Annotated[str, StringConstraints(min_length=1, max_length=LINE_CHARS, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line for people; no control character, which terminals would obey and PostgreSQL refuses to keep."""
