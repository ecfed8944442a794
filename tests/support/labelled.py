"""Samples to label: told by devices that nobody enrolled, with inputs and a bundle that knows some of their labels."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from roost_cloud.db.insert import insert_all_absent
from roost_cloud.db.tables import LateScore, Sample, SampleScore
from roost_cloud.ingest.rows import Place, Rows
from roost_cloud.services import Services
from roost_shared.bundle import Bundle
from roost_shared.bundle.reference import ReferenceSample
from roost_shared.records import Record, encode_record
from tests.support.cloud import Cloud
from tests.support.fleet import API
from tests.support.registry import RegistryApi
from tests.support.served_cloud import bundle_like
from tests.support.stocked import stock_shard
from tests.support.telling import BOOT, late, sample

__all__ = ["LABELS", "SECOND", "Labelling", "payload_of"]

LABELS = ("0", "1", "2")
SECOND = timedelta(seconds=1)


def payload_of(device: str, number: int) -> bytes:
    """An input like no other."""
    return f'["{device}", {number}]'.encode()


class Labelling:
    """A tenant whose task `meter` has labels; samples are named `{BOOT}-{number}`."""

    def __init__(self, cloud: Cloud, tenant: str = "acme") -> None:
        self.cloud = cloud
        self.tenant = tenant
        cloud.tenant(tenant)
        self._headers = {role: cloud.headers(tenant, role) for role in ("viewer", "operator")}

    @property
    def services(self) -> Services:
        return self.cloud.services

    def publish(
        self, like: Bundle, folder: Path, *, version: str = "1", reference: tuple[ReferenceSample, ...] = ()
    ) -> Bundle:
        """A version of a bundle of the task in the registry."""
        task: dict[str, Any] = {"name": "meter", "task": "meter", "labels": LABELS}
        bundle = bundle_like(like, folder / f"meter-{version}", version=version, reference=reference, **task)
        RegistryApi(self.cloud, self.tenant).stock(bundle)
        return bundle

    def tell(self, device: str, numbers: range, *, probability: float = 0.5, **fields: Any) -> None:
        """Samples of a device, a second apart, with their inputs."""
        payloads = {number: payload_of(device, number) for number in numbers}
        told = [sample(number, payload=payload, **fields) for number, payload in payloads.items()]
        self.store(device, told)
        named = {f"{BOOT}-{number}": payload for number, payload in payloads.items()}
        stock_shard(self.services, self.tenant, device, named, media_type="application/json", probability=probability)

    def store(self, device: str, records: Sequence[Record]) -> None:
        """What a device told, as ingest stores it."""
        rows = Rows()
        for number, record in enumerate(records, 1):
            at = self.services.now() + number * SECOND
            rows.add(Place(self.tenant, device, BOOT, number, at), encode_record(record))
        with self.services.database.begin() as session:
            for table, some in ((Sample, rows.samples), (SampleScore, rows.scores), (LateScore, rows.late)):
                insert_all_absent(session, table, some)

    def teach(self, device: str, numbers: range, label: str, *, confidence: float = 0.99, name: str = "cloud") -> None:
        """What a contestant says too late."""
        self.store(device, [late(number, contestant=name, label=label, confidence=confidence) for number in numbers])

    def ask(self, method: str, path: str, body: Any = None, *, role: str = "operator", fails: str = "") -> Any:
        """What the API answers; or that it refuses, with these words."""
        sent = {} if body is None else {"json": body}
        response = self.cloud.client.request(method, f"{API}{path}", headers=self._headers[role], **sent)
        if fails:
            assert response.status_code >= 400, response.text
            assert fails in response.text
        else:
            assert response.status_code < 400, response.text
        return response.json()

    def say(self, said: dict[str, str | None], by: str = "ann", *, fails: str = "", **more: Any) -> Any:
        """A person labels samples, by `device/number`."""
        labels = [{**_named(one), "label": label} for one, label in said.items()]
        return self.ask("POST", "/labels", {"labels": labels, "by": by, **more}, fails=fails)

    def take(self, count: int, by: str = "ann", **more: Any) -> list[str]:
        """Samples that the queue hands to a person, by `device/number`."""
        taken = self.ask("POST", "/labels/queue", {"task": "meter", "count": count, "by": by, **more})
        return [f"{one['device']}/{one['sample'].rpartition('-')[2]}" for one in taken["items"]]


def _named(one: str) -> dict[str, str]:
    device, _, number = one.partition("/")
    return {"device": device, "sample": f"{BOOT}-{number}"}
