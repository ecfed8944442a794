from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from roost_cloud.db import Base
from roost_cloud.labels.teachers import SampleKey
from roost_cloud.labels.waiting import Asked, read_pool
from tests.support.query_plans import plans_of

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("devices", "keys"), [(1, 30), (1, 300), (7, 30), (1500, 1600)])
def test_sqlite_looks_at_the_samples_alone_among_which_somebody_labels(devices: int, keys: int) -> None:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    among = [SampleKey(f"cam-{number % devices:04}", f"boot-{number}") for number in range(keys)]
    with Session(engine) as session:
        with plans_of(session) as plans:
            pool = read_pool(session, "acme", Asked("meter", "ann", among=among), NOON)
        assert (pool.waiting, pool.labelled) == ([], [])
        steps = [step for plan in plans for step in plan if step.split()[1] == "sample"]
    assert len(steps) >= 2, plans
    assert [step for step in steps if not step.endswith("(tenant=? AND device=? AND sample=?)")] == []
    engine.dispose()
