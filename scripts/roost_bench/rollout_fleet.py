"""A rollout over a great fleet in a database, as far as it is before its last devices confirm."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from securesystemslib.signer import CryptoSigner

from roost_cloud.db import Database
from roost_cloud.db.migrations import upgrade
from roost_cloud.db.tables import AssignmentVersion, Device, DeviceAssignment, DeviceReport, RolloutRow, Tenant
from roost_cloud.objects import open_store
from roost_cloud.rollouts import members, store
from roost_cloud.rollouts.directing import Directing
from roost_cloud.rollouts.knowing import Entry
from roost_cloud.rollouts.states import Member, Rollout
from roost_cloud.trust.online_keys import OnlineKeys
from roost_shared.assignment import AssignedContestant, AssignedTask, Assignment, BundlePin, Install, Phase, Reported
from roost_shared.clock import SystemClock
from roost_shared.messages import encode_json
from roost_shared.trust.envelope import seal

__all__ = ["begun_rollout"]

_TENANT: Final = "acme"
_DIGEST: Final = "sha256:" + 64 * "0"
_NOW: Final = datetime(2026, 12, 1, tzinfo=UTC)
_UNDER_WAY: Final = 100
_PLAN: Final[dict[str, Any]] = {
    "task": "meter",
    "contestant": "primary",
    "bundle": "meter:8",
    "stages": [{"name": "all", "share": 1.0, "hold_s": 1e6}],
}


@contextmanager
def begun_rollout(folder: Path, devices: int) -> Iterator[Callable[[], None]]:
    """A director's look at a rollout whose devices have all confirmed, but for a hundred.

    Args:
        folder: for the database; it is made.
        devices: how many.
    """
    folder.mkdir(parents=True)
    database = Database(f"sqlite:///{folder / 'roost.db'}")
    upgrade(database)
    _fill(database, devices)
    clock = SystemClock()
    objects = open_store(f"file://{folder}/objects", public_url="http://127.0.0.1", secret=b"0" * 32, clock=clock)
    directing = Directing(database, objects, lambda tenant: OnlineKeys(folder, tenant), clock.wall)

    def look() -> None:
        (done,) = directing.round()
        if done.changed or done.problem:
            raise RuntimeError(f"the fleet was to stand still: {done}")

    yield look
    database.close()


def _fill(database: Database, devices: int) -> None:
    signer = CryptoSigner.generate_ed25519()
    names = [f"cam-{number:06d}" for number in range(devices)]
    document = {"tasks": {"meter": {"contestants": [{"name": "primary", "bundle": "meter:8"}]}}}
    with database.begin() as session:
        session.add(Tenant(name=_TENANT, created_at=_NOW))
        session.flush()
        session.add_all(
            Device(tenant=_TENANT, name=name, enrolled_at=_NOW, state="online", boot="b", session=1, last_seen=_NOW)
            for name in names
        )
        session.flush()
        for name in names:
            sealed = seal(_assignment(name), [signer])
            common = {"tenant": _TENANT, "device": name, "version": 2}
            session.add(
                AssignmentVersion(**common, document=document, envelope=sealed, issued_at=_NOW, issued_by="rollout")
            )
            session.add(DeviceAssignment(**common, change=1, told=1, told_at=_NOW))
            session.add(_report(name))
        session.flush()
        row = RolloutRow(
            tenant=_TENANT,
            id="0" * 16,
            task="meter",
            contestant="primary",
            bundle_name="meter",
            bundle_version="8",
            bundle_digest=_DIGEST,
            predicted=None,
            plan=_PLAN,
            state="running",
            standing=msgspec.msgpack.encode(Rollout(since=_NOW, stage=0, stage_at=_NOW)),
            counts={},
            waits_for={"says": []},
            finding={},
            labels={},
            events=0,
            created_at=_NOW,
            created_by="bench",
            looked_at=None,
            ended_at=None,
            followed=True,
        )
        session.add(row)
        session.flush()
        loaded = store.load(session, _TENANT, row.id)
        if loaded is None:
            raise RuntimeError("the rollout is not there")
        joining = {name: Entry(2, "meter:7", 295.0, document) for name in names}
        standing = [_member(name, confirmed=number >= _UNDER_WAY) for number, name in enumerate(names)]
        members.put(session, row, standing, loaded.members, joining, actor="", now=_NOW)


def _assignment(device: str) -> Assignment:
    pin = BundlePin(name="meter", version="8", digest=_DIGEST)
    task = AssignedTask(contestants=(AssignedContestant(name="primary", bundle=pin),))
    return Assignment(tenant=_TENANT, device=device, version=2, issued_at="", tasks={"meter": task})


def _report(device: str) -> DeviceReport:
    number = int(device.rpartition("-")[2])
    phase: Phase = "active" if number < _UNDER_WAY else "confirmed"
    evidence = {"golden": True, "golden_hash": "ab", "hardware": "x", "scored": 120, "p95_ms": 4.2, "crashes": 0}
    install = Install(task="meter", contestant="primary", bundle=f"meter:8@{_DIGEST}", phase=phase, evidence=evidence)
    told = Reported(boot="b", version=2, confirmed=phase == "confirmed", desired=2, trust="fresh", installs=[install])
    return DeviceReport(
        tenant=_TENANT,
        device=device,
        boot="b",
        version=2,
        desired=2,
        confirmed=told.confirmed,
        trust="fresh",
        problem_code=None,
        problem=None,
        received_at=_NOW,
        document=encode_json(told),
    )


def _member(device: str, *, confirmed: bool) -> Member:
    return Member(
        device=device,
        state="confirmed" if confirmed else "active",
        since=_NOW,
        stage=0,
        target="active",
        version=2,
        started_s=0.0,
        assigned_s=0.0,
        heard_s=0.0,
        attempts=1,
    )
