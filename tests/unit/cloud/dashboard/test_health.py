from datetime import UTC, datetime
from typing import Any

import pytest

from roost_cloud.api.activity import HealthModel
from roost_cloud.dashboard.health import health_of

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
SILENT: dict[str, Any] = dict.fromkeys(HealthModel.model_fields)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        pytest.param({}, "no sensor tells", id="no sensor"),
        pytest.param({"temperature_c": 85.0}, '<span class="worse">85.0 °C</span>', id="hot"),
        pytest.param({"spool_bytes": 990, "spool_limit_bytes": 1000}, '<i class="bad" style="width: 99%">', id="full"),
        pytest.param({"spool_bytes": 2000, "spool_limit_bytes": 1000}, "width: 100%", id="more than full"),
        pytest.param({"spool_bytes": 990}, "990 B", id="no limit"),
        pytest.param({"link": "<odd>"}, "&lt;odd&gt;", id="a word that nobody knows"),
        pytest.param({"link": "down", "round_trip_ms": 1400.0}, "1.4 s there and back", id="slow"),
    ],
)
def test_what_was_told_is_shown_and_the_rest_is_named_as_missing(told: dict[str, Any], says: str) -> None:
    assert says in str(health_of(HealthModel(**{**SILENT, "received_at": NOON, **told}), NOON))


def test_a_device_that_has_not_said_is_told_how_to() -> None:
    assert "[tasks.NAME.monitor]" in str(health_of(None, NOON))
