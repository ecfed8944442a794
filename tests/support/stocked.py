"""Inputs of samples in a cloud, as if devices had uploaded them; alarms, as if the monitor had raised them."""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import msgspec
from PIL import Image

from roost_cloud.alarms.store import NewAlarm, raise_alarm
from roost_cloud.db.tables import (
    BundleVersion,
    DecisionWindow,
    DriftBaseline,
    DriftStream,
    DriftVerdict,
    SampleInput,
    Shard,
    TrainingRun,
)
from roost_cloud.gate.verdict import Reason, Verdict
from roost_cloud.registry.following import follow
from roost_cloud.rollouts import store
from roost_cloud.rollouts.plan import read_plan
from roost_cloud.runs.policy import RunPolicy
from roost_cloud.runs.store import NewRun, open_run
from roost_cloud.services import Services
from roost_cloud.shards.uploads import ShardKey, shard_key

__all__ = [
    "PICTURE",
    "picture",
    "stock_alarm",
    "stock_input",
    "stock_rollout",
    "stock_run",
    "stock_shard",
    "stock_verdict",
]

HOUR: Final = timedelta(hours=1)


def picture(size: tuple[int, int] = (320, 200), *, kind: str = "PNG", mode: str = "RGB", level: int = 99) -> bytes:
    """A picture with one half in another level."""
    image = Image.new(mode, size)
    image.paste(_colour(mode, level), (0, 0, size[0] // 2, size[1]))
    made = io.BytesIO()
    image.save(made, kind)
    return made.getvalue()


def stock_input(services: Services, tenant: str, device: str, sample: str, payload: bytes) -> None:
    """Store one input in a shard of its own."""
    stock_shard(services, tenant, device, {sample: payload})


def stock_shard(
    services: Services,
    tenant: str,
    device: str,
    payloads: Mapping[str, bytes],
    *,
    media_type: str = "image/png",
    probability: float = 0.5,
) -> str:
    """Store inputs, by sample, in one shard; return its id."""
    made, offsets = io.BytesIO(), {}
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for sample, payload in payloads.items():
            member = tarfile.TarInfo(f"{sample}.bin")
            member.size = len(payload)
            offsets[sample] = made.tell() + 512
            tar.addfile(member, io.BytesIO(payload))
    shard = hashlib.sha256(made.getvalue()).hexdigest()
    services.objects.put(shard_key(ShardKey(tenant, device, shard)), made.getvalue())
    now, size_bytes = services.now(), len(made.getvalue())
    told = {
        "task": "meter",
        "size_bytes": size_bytes,
        "entries": len(payloads),
        "created_at": now,
        "committed_at": now,
    }
    with services.database.begin() as session:
        session.add(Shard(tenant=tenant, device=device, id=shard, **told))
        session.flush()
        session.add_all(
            SampleInput(
                tenant=tenant,
                device=device,
                sample=sample,
                shard=shard,
                offset=offsets[sample],
                size_bytes=len(payload),
                sha256=hashlib.sha256(payload).hexdigest(),
                media_type=media_type,
                probability=probability,
                committed_at=now,
            )
            for sample, payload in payloads.items()
        )
    return shard


def _colour(mode: str, level: int) -> int | tuple[int, ...]:
    bands = len(Image.new(mode, (1, 1)).getbands())
    return level if bands == 1 else (level,) * bands


PICTURE: Final = picture()


def stock_alarm(
    services: Services,
    tenant: str,
    device: str,
    *,
    kind: str = "input",
    since: timedelta = HOUR,
    task: str = "meter",
) -> str:
    """Raise an alarm about a task, with the baseline that it is judged against; return its id."""
    now = services.now()
    key = {"tenant": tenant, "device": device, "task": task}
    moved = [{"what": "laplacian", "word": "fine detail", "deviations": -7.25}]
    told = {"summary": f"{device}: fine detail fell by 7.2 deviations", "moved": moved, "distance": 61.0}
    told |= {"decisions_exceeded": 3, "decisions_looked_at": 4, "threshold": 20.5, "threshold_by": "leaving_out"}
    told |= {"budget_is_promised": False, "models_moved": {"primary": True, "baseline": None}}
    new = NewAlarm(
        **key, kind=kind, contestant="primary", bundle=None, cause="input", since=now - since, explanation=told
    )
    with services.database.begin() as session:
        stream = session.get(DriftStream, tuple(key.values()))
        if stream is None:
            session.add(DriftStream(**key))
        window = {**key, "contestant": "primary", "number": 1}
        at = {"began_at": now - since, "ended_at": now}
        session.merge(DecisionWindow(**window, **at, seconds=3600.0, count=100))
        world = {"kind": kind, "identity": 32 * "0"}
        verdict = {"distance": 61.0, "threshold": 20.5, "exceeded": True, "commissioning": False, "decided_at": now}
        session.merge(DriftVerdict(**window, **world, **verdict))
        counted = {"first_number": 1, "last_number": 1, "windows": 10, "seconds": 36_000.0}
        begun = {"began_at": now, "began_by": "monitor", "commissioned_at": now}
        session.merge(DriftBaseline(**key, contestant="primary", **world, **counted, **begun))
        alarm = raise_alarm(session, new, now)
        assert alarm is not None
        return alarm.id


def stock_rollout(services: Services, tenant: str, task: str, bundle: tuple[str, str]) -> str:
    """Start a rollout of a bundle that the registry has, whatever that is for, before a stage that waits; its id."""
    raw = {
        "task": task,
        "contestant": "primary",
        "bundle": ":".join(bundle),
        "stages": [{"name": "all", "share": 1.0, "approval": True}],
    }
    with services.database.begin() as session:
        version = session.get_one(BundleVersion, (tenant, *bundle))
        made = store.create(session, tenant, read_plan(raw), raw, version, None, actor="somebody", now=services.now())
        return made.id


def stock_run(services: Services, tenant: str, task: str, bundle: str) -> str:
    """Propose a training run, as if its date had come; return its id."""
    now = services.now()
    with services.database.begin() as session:
        incumbent = follow(session, tenant, bundle)
        new = NewRun(
            tenant=tenant,
            task=task,
            policy=RunPolicy(),
            cause="schedule",
            reason="7 days have gone by since the last run",
            incumbent=incumbent,
            since=now,
        )
        return open_run(session, new, actor="trainer", now=now).id


def stock_verdict(services: Services, tenant: str, run: str, name: str, version: str) -> None:
    """Have a version come of a run, as if the gate had let it pass."""
    reason = Reason(check="better", passed=True, figure=0.01, bound=0.05, sentence="9 won, 1 lost")
    with services.database.begin() as session:
        row = session.get_one(BundleVersion, (tenant, name, version))
        row.training_run = run
        judged = session.get_one(TrainingRun, (tenant, run))
        judged.candidate = row.digest
        verdict = Verdict(passed=True, candidate=row.digest, inputs=(20, 200), reasons=(reason,))
        judged.verdict = msgspec.to_builtins(verdict)
