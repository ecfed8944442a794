from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import create_engine, event, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from roost_cloud.db import Base
from roost_cloud.db.keyed import keyed
from roost_cloud.db.tables import AssignmentVersion, Device, DeviceAssignment, DeviceReport, RecordLog

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
KEYS = [("acme", f"cam-{number:02}", number) for number in range(30)]


@pytest.mark.parametrize(
    "columns",
    [
        (Device.tenant, Device.name),
        (DeviceReport.tenant, DeviceReport.device),
        (DeviceAssignment.tenant, DeviceAssignment.device),
        (AssignmentVersion.tenant, AssignmentVersion.device, AssignmentVersion.version),
        (RecordLog.tenant, RecordLog.device, RecordLog.boot),
    ],
    ids=lambda columns: columns[0].class_.__tablename__,
)
def test_sqlite_looks_at_the_rows_of_the_keys_alone(
    columns: tuple[InstrumentedAttribute[Any], ...],
) -> None:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
    table = columns[0].class_
    with Session(engine) as session:
        session.scalars(select(table).where(keyed(columns, [key[: len(columns)] for key in KEYS]))).all()
        statement, parameters = asked[0]
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert plan[0][3].startswith(f"SEARCH {table.__tablename__} USING INDEX"), plan
    assert "(tenant=? AND " in plan[0][3]
    engine.dispose()


def test_only_whole_keys_are_found() -> None:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    there = [("acme", "cam-01", 1), ("acme", "cam-01", 2), ("acme", "cam-02", 1), ("zeta", "cam-01", 2)]
    columns = (AssignmentVersion.tenant, AssignmentVersion.device, AssignmentVersion.version)
    with Session(engine) as session:
        for tenant, device, version in there:
            others = {"document": {}, "envelope": b"", "issued_at": NOON, "issued_by": "ann"}
            session.add(AssignmentVersion(tenant=tenant, device=device, version=version, **others))
        session.flush()
        for asked in ([there[1], there[2]], [("acme", "cam-02", 2), there[3]], []):
            found = session.execute(select(*columns).where(keyed(columns, asked)))
            assert {tuple(row) for row in found} == {*asked} & {*there}
    engine.dispose()
