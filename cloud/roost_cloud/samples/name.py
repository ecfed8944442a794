"""What a sample may be called: a boot, a dash and a count, as its device says them. Pure."""

import re
from typing import Final

from roost_cloud.db.tables.shards import SAMPLE_CHARS

__all__ = ["SAMPLE"]

SAMPLE: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{SAMPLE_CHARS}}}")
