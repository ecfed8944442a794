"""A fleet that follows its assignments as real devices do, for tests of rollouts: what each says goes to the cloud."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import update

from roost_cloud.assignments.reports import Report, store_reported
from roost_cloud.assignments.versions import assigned
from roost_cloud.db.tables import Device, DeviceReport, Window
from roost_cloud.rollouts.directing import Directed, Directing
from roost_cloud.trust.online_keys import OnlineKeys
from roost_shared.assignment import Assignment, Install, Phase, Reported, Running
from roost_shared.messages import Candidate, ErrorInfo, decode_json, encode_json
from roost_shared.records import WindowRecord, encode_record
from roost_shared.sketches import Disagreements, LatencyHistogram
from roost_shared.trust.envelope import SealedAssignment
from tests.support.cloud import Cloud
from tests.support.labelled import Labelling
from tests.support.stocked import stock_shard
from tests.support.telling import BOOT, sample

__all__ = ["API", "RolloutFleet", "directing"]

API = "/api/v1"
PROVEN: dict[str, Any] = {
    "golden": True,
    "golden_hash": "a",
    "hardware": "x",
    "scored": 50,
    "p95_ms": 4.0,
    "crashes": 0,
}


def directing(cloud: Cloud) -> Directing:
    """A director of a cloud."""
    services = cloud.services
    keys = services.settings.secrets_path
    return Directing(services.database, services.objects, lambda tenant: OnlineKeys(keys, tenant), services.now)


@dataclass
class RolloutFleet:
    """Devices of a tenant, and a director."""

    cloud: Cloud
    task: str
    tenant: str = "acme"
    director: Directing = field(init=False)
    headers: Mapping[str, str] = field(init=False)
    sequence: int = 0

    def __post_init__(self) -> None:
        self.director = directing(self.cloud)
        self.headers = self.cloud.headers(self.tenant, "operator")

    def assign(self, device: str, bundle: str, **contestant: Any) -> None:
        """Have an enrolled device run a bundle, and prove it."""
        document = {"tasks": {self.task: {"contestants": [{"name": "primary", "bundle": bundle} | contestant]}}}
        told = self.cloud.client.put(f"{API}/devices/{device}/assignment", json=document, headers=self.headers)
        assert told.status_code == 201, told.text
        with self.cloud.services.database.begin() as session:
            session.execute(update(Device).where(Device.name == device).values(state="online", boot="b", session=1))
        self.follow(device)

    def start(self, *stages: dict[str, Any], bundle: str, **plan: Any) -> str:
        """Start a rollout; its id."""
        written = {"task": self.task, "contestant": "primary", "bundle": bundle, "stages": list(stages)} | plan
        made = self.cloud.client.post(f"{API}/rollouts", json={"plan": written}, headers=self.headers)
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def order(self, rollout: str, what: str) -> int:
        return self.cloud.client.post(f"{API}/rollouts/{rollout}/{what}", headers=self.headers).status_code

    def look(self, rounds: int = 1, *, after_s: float = 30) -> list[Directed]:
        """Have the director look."""
        done: list[Directed] = []
        for _ in range(rounds):
            self.cloud.clock.advance(timedelta(seconds=after_s))
            done = list(self.director.round())
        return done

    def get(self, path: str) -> Any:
        told = self.cloud.client.get(f"{API}{path}", headers=self.headers)
        assert told.status_code == 200, told.text
        return told.json()

    def states(self, rollout: str) -> dict[str, str]:
        return {one["device"]: one["state"] for one in self.get(f"/rollouts/{rollout}/devices")["items"]}

    def desired(self, device: str) -> Assignment:
        with self.cloud.services.database.read() as session:
            newest = assigned(session, self.tenant, device).newest
        assert newest is not None
        return SealedAssignment.parse(newest.envelope).assignment()

    def follow(
        self, *devices: str, phase: Phase = "confirmed", error: ErrorInfo | None = None, **evidence: Any
    ) -> None:
        """Have devices read what they are assigned and say how far they are."""
        for device in devices:
            assignment = self.desired(device)
            confirmed = phase == "confirmed"
            installs = [
                Install(
                    task=self.task,
                    contestant=one.name,
                    bundle=one.bundle.reference,
                    phase=phase,
                    error=error,
                    evidence=PROVEN | evidence,
                )
                for one in assignment.tasks[self.task].contestants
                if one.bundle is not None
            ]
            tasks = {self.task: {one.contestant: Running(bundle=one.bundle, state="ready") for one in installs}}
            self.report(
                device,
                Reported(
                    boot="b",
                    version=assignment.version if confirmed else assignment.version - 1,
                    confirmed=confirmed,
                    desired=assignment.version,
                    problem=error,
                    tasks=tasks if confirmed else {},
                    installs=installs,
                ),
            )

    def break_down(self, device: str, contestant: str, error: ErrorInfo) -> None:
        """Have a contestant of a device that had confirmed be of no use there any more."""
        with self.cloud.services.database.read() as session:
            document = session.get_one(DeviceReport, (self.tenant, device)).document
        reported = decode_json(document, Reported)
        running = reported.tasks[self.task] | {
            contestant: msgspec.structs.replace(reported.tasks[self.task][contestant], state="thrown_out", error=error)
        }
        self.report(device, msgspec.structs.replace(reported, tasks={self.task: running}))

    def report(self, device: str, reported: Reported) -> None:
        services = self.cloud.services
        with services.database.begin() as session:
            store_reported(session, [Report(self.tenant, device, reported, encode_json(reported), services.now())])

    def window(
        self, device: str, contestant: str | None, count: int, *, bundle: str | None = None, differed: int = 0
    ) -> None:
        """Have a device tell of a stretch of requests."""
        self.sequence += 1
        now = self.cloud.services.now()
        sketches: dict[str, bytes] = {}
        if contestant is not None:
            disagreements, latency = Disagreements(), LatencyHistogram()
            for number in range(min(count, 1000)):
                disagreements.update("primary", differs=number < differed)
                latency.update(4.0)
            sketches = {"disagreements": disagreements.to_bytes(), "latency": latency.to_bytes()}
        record = WindowRecord(
            task=self.task,
            contestant=contestant,
            bundle=bundle,
            started_at=now.isoformat(),
            seconds=30.0,
            count=count,
            sketches=sketches,
        )
        row = Window(
            tenant=self.tenant,
            device=device,
            boot="b",
            sequence=self.sequence,
            received_at=now,
            record=encode_record(record),
            decided=True,
            **{name: getattr(record, name) for name in ("task", "contestant", "started_at", "seconds", "count")},
        )
        with self.cloud.services.database.begin() as session:
            session.add(row)

    def score(self, device: str, numbers: range, *, bundle: str, ours: str, theirs: str) -> None:
        """Have a device tell of inputs on which `primary` said `theirs`, and a bundle beside it said `ours`."""
        said = [
            Candidate("primary", "argmax:1@sha256:00", theirs, 0.9, 3.0),
            Candidate("primary.candidate", bundle, ours, 0.8, 4.0),
        ]
        inputs = {number: f"[{number}]".encode() for number in numbers}
        told = [
            sample(number, payload=data, task=self.task, label=theirs, candidates=said)
            for number, data in inputs.items()
        ]
        Labelling(self.cloud, self.tenant).store(device, told)
        named = {f"{BOOT}-{number}": data for number, data in inputs.items()}
        stock_shard(self.cloud.services, self.tenant, device, named, media_type="application/json")

    def take(self, rollout: str, count: int) -> list[dict[str, str]]:
        """Disagreements of a rollout that a person is handed."""
        asked = {"task": self.task, "rollout": rollout, "count": count}
        told = self.cloud.client.post(f"{API}/labels/queue", json=asked, headers=self.headers)
        assert told.status_code == 200, told.text
        items: list[dict[str, str]] = told.json()["items"]
        return items

    def say(self, taken: list[dict[str, str]], label: str, **by: str) -> None:
        """Label what was handed out."""
        said = [{"device": one["device"], "sample": one["sample"], "label": label} for one in taken]
        told = self.cloud.client.post(f"{API}/labels", json={"labels": said, **by}, headers=self.headers)
        assert told.status_code == 200, told.text

    def document(self, rollout: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/rollouts/{rollout}")
        return found
