"""Where the real inputs and models lie that only some machines have."""

from pathlib import Path

import pytest

__all__ = ["METER_LABELS", "SHARED_DATA", "needs_shared_data"]

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
METER_LABELS = [*"0123456789", "NaN"]

needs_shared_data = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason="the real photos and models of ../shared/data are not on this machine"
)
