"""Every route of the API with a request that works: who may send it, what it touches, what the record says of it.

`tests/integration/test_tenancy.py` asks them all as everybody else. A route without a line here fails there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric import ec
from httpx2 import Response
from sqlalchemy import select

from roost_cloud.db import Base
from roost_cloud.people import Role
from roost_cloud.people.principal import ROLES
from roost_shared.bundle import Bundle
from roost_shared.bundle.layout import blob_path
from roost_shared.digest import digest_of
from tests.support.cloud import Cloud
from tests.support.fleet import API, FleetDevice, enrolled_device, enrolment
from tests.support.fleet_certificates import signing_request
from tests.support.labelled import Labelling
from tests.support.registry import RegistryApi
from tests.support.served_cloud import bundle_like, manifest_of, sizes_of
from tests.support.shard_inputs import ShardInput, make_input, opening_of, tar_of
from tests.support.stocked import PICTURE, stock_alarm, stock_input, stock_rollout, stock_run, stock_verdict
from tests.support.telling import BOOT, batch, policy, sample
from tests.support.trust import TrustPeople

__all__ = ["PROBES", "Probe", "World", "secret_of"]


def secret_of(token: str) -> str:
    """What of a token nobody may see again. It may hold underscores, of which what is behind the last says nothing.

    >>> secret_of("roost_0123456789abcdef_s3c_r_t"), secret_of("roostenrol_eyJ2_joxfQ")
    ('s3c_r_t', 'eyJ2_joxfQ')
    """
    kind, _, rest = token.partition("_")
    return rest.partition("_")[2] if kind == "roost" else rest


Needs = Literal["nobody", "device", "anyone", "viewer", "operator", "admin", "any admin", "platform", "platform admin"]
MANIFEST: Final = b"the manifest"
NEXT_ROOT, NEXT_TARGETS, RELEASE = b"the next root", b"the next targets", b"the first release"
TIME: Final = "time?nonce=a-nonce-of-some-length"
PUT_OBJECT: Final = "PUT /api/v1/objects/{key}"
SAMPLE: Final = "/api/v1/samples/{device}/{sample}"
SPAN: Final = "since=2026-01-01T00:00:00Z&until=2027-01-01T00:00:00Z"
WANTED: Final = {
    "device": "{device}",
    "task": "meter",
    "since": "2026-11-20T00:00:00Z",
    "until": "2026-11-24T00:00:00Z",
}
POLICY: Final = policy("acmes-task")
RECORDS: Final = batch([sample(1, payload=PICTURE), POLICY])
NEW_SHARD: Final = opening_of([make_input("b-1", b"[3]")])
ROLLED: Final = "acmes-rolled"
ROLLOUT_PLAN: Final = {
    "task": ROLLED,
    "contestant": "primary",
    "bundle": f"{ROLLED}:2",
    "stages": [{"name": "all", "share": 1.0}],
}
INFER: Final = {"inputs": [{"name": "input", "datatype": "BYTES", "shape": [1], "data": ["an image"]}]}
NOBODYS: Final = {  # of every kind of thing one that no tenant has
    "token": "0123456789abcdef",
    "enrolment": "0123456789abcdef",
    "device": "nobodys",
    "sample": "nobodys-1",
    "upload": 32 * "e",
    "ready": 32 * "f",
    "digest": "sha256:" + 64 * "0",
    "manifest": "sha256:" + 64 * "5",
    "bundle": "nobodys",
    "version": "999",
    "next": "1000",
    "alias": "nobodys",
    "task": "nobodys",
    "trusted_task": "nobodys",
    "online_task": "nobodys",
    "new_digest": "sha256:" + 64 * "1",
    "shard": 64 * "2",
    "ready_shard": 64 * "3",
    "policy": 64 * "4",
    "alarm": 16 * "5",
    "hook": 16 * "6",
    "run": 16 * "7",
    "dataset": "sha256:" + 64 * "7",
    "rollout": 16 * "8",
}


@dataclass(frozen=True)
class Probe:
    """A request that whoever may send it gets an answer below 400 to.

    Args:
        needs: the least that may send it.
        path: with the names of things in braces, as `World.things` has them.
        body: JSON, its texts with names in braces too; bytes go as they are.
        audit: what the record says of it; None if it changes nothing that anybody would ask for.
        shared: a thing that it addresses is there for all devices of the tenant.
    """

    needs: Needs
    path: str
    body: Any = None
    audit: str | None = None
    shared: bool = False

    @property
    def addresses_a_thing(self) -> bool:
        return "{" in self.path

    @property
    def roles(self) -> tuple[Role, ...]:
        """Of a tenant, that may send it."""
        match self.needs:
            case "viewer" | "operator" | "admin":
                return ROLES[ROLES.index(self.needs) :]
            case "any admin":
                return ("admin",)
            case "anyone":
                return ROLES
        return ()

    @property
    def platform_roles(self) -> tuple[Role, ...]:
        """Of the platform, that may send it."""
        match self.needs:
            case "anyone" | "platform":
                return ROLES
            case "any admin" | "platform admin":
                return ("admin",)
        return ()


def _order_of_rollout(what: str) -> Probe:
    return Probe("operator", f"/api/v1/rollouts/{{rollout}}/{what}", None, f"rollout.{what}")


# In an order in which all of them work one after another: what removes a thing comes after what needs it.
PROBES: Final[dict[str, Probe]] = {
    "GET /healthz": Probe("nobody", "/healthz"),
    "GET /readyz": Probe("nobody", "/readyz"),
    "GET /metrics": Probe("nobody", "/metrics"),
    "GET /api/v1/ca": Probe("nobody", "/api/v1/ca"),
    "GET /api/v1/whoami": Probe("anyone", "/api/v1/whoami"),
    "GET /api/v1/tenants": Probe("platform", "/api/v1/tenants"),
    "POST /api/v1/tenants": Probe("platform admin", "/api/v1/tenants", {"name": "new"}, "tenant.create"),
    "GET /api/v1/broker/revocations": Probe("platform", "/api/v1/broker/revocations"),
    "GET /api/v1/tokens": Probe("any admin", "/api/v1/tokens"),
    "POST /api/v1/tokens": Probe("any admin", "/api/v1/tokens", {"name": "new", "role": "viewer"}, "token.issue"),
    "DELETE /api/v1/tokens/{token}": Probe("any admin", "/api/v1/tokens/{token}", None, "token.revoke"),
    "GET /api/v1/audit": Probe("any admin", "/api/v1/audit"),
    "GET /api/v1/enrolments": Probe("viewer", "/api/v1/enrolments"),
    "POST /api/v1/enrolments": Probe("operator", "/api/v1/enrolments", {"device": "new"}, "enrolment.create"),
    "POST /api/v1/enrol": Probe(
        "nobody", "/api/v1/enrol", {"token_id": "{token_id}", "secret": "{secret}", "csr_pem": "{csr}"}, "device.enrol"
    ),
    "DELETE /api/v1/enrolments/{enrolment}": Probe(
        "operator", "/api/v1/enrolments/{enrolment}", None, "enrolment.revoke"
    ),
    "POST /api/v1/device-auth/nonce": Probe(
        "nobody", "/api/v1/device-auth/nonce", {"tenant": "acme", "device": "{device}"}
    ),
    "POST /api/v1/device-auth/token": Probe(
        "nobody",
        "/api/v1/device-auth/token",
        {"tenant": "acme", "device": "{newcomer}", "nonce": "{nonce}", "signature": "{signature}"},
        "device.first_sign_in",
    ),
    "POST /api/v1/device-auth/renew": Probe(
        "device", "/api/v1/device-auth/renew", {"csr_pem": "{csr}"}, "device.renew"
    ),
    "GET /api/v1/device/trust/metadata/{file}": Probe("device", "/api/v1/device/trust/metadata/timestamp.json"),
    "GET /api/v1/device/trust/time": Probe("device", f"/api/v1/device/trust/{TIME}"),
    "GET /api/v1/device/manifests/{digest}": Probe("device", "/api/v1/device/manifests/{manifest}", shared=True),
    "GET /api/v1/device/blobs/{digest}": Probe("device", "/api/v1/device/blobs/{digest}", shared=True),
    "GET /api/v1/trust": Probe("viewer", "/api/v1/trust"),
    "GET /api/v1/trust/metadata/{file}": Probe("viewer", "/api/v1/trust/metadata/1.root.json"),
    "GET /api/v1/trust/time": Probe("viewer", f"/api/v1/trust/{TIME}"),
    "POST /api/v1/trust/online-keys": Probe(
        "admin", "/api/v1/trust/online-keys", {"anew": False}, "trust.online_keys"
    ),
    "PUT /api/v1/trust/root": Probe("admin", "/api/v1/trust/root", NEXT_ROOT, "trust.root"),
    "PUT /api/v1/trust/targets": Probe("admin", "/api/v1/trust/targets", NEXT_TARGETS, "trust.targets"),
    "PUT /api/v1/trust/releases/{task}": Probe(
        "operator", "/api/v1/trust/releases/{trusted_task}", RELEASE, "trust.release"
    ),
    "POST /api/v1/trust/releases/{task}/releaser": Probe(
        "admin", "/api/v1/trust/releases/acmes-online/releaser", {"anew": False}, "trust.online_releaser"
    ),
    "POST /api/v1/trust/releases/{task}": Probe(
        "operator", "/api/v1/trust/releases/{online_task}", {"release": []}, "trust.release"
    ),
    "PUT /api/v1/devices/{device}/assignment": Probe(
        "operator", "/api/v1/devices/{device}/assignment", {"tasks": {}}, "device.assign"
    ),
    "GET /api/v1/rollouts": Probe("viewer", "/api/v1/rollouts"),
    "POST /api/v1/rollouts": Probe("operator", "/api/v1/rollouts", {"plan": ROLLOUT_PLAN}, "rollout.start"),
    "GET /api/v1/rollouts/{rollout}": Probe("viewer", "/api/v1/rollouts/{rollout}"),
    "GET /api/v1/rollouts/{rollout}/devices": Probe("viewer", "/api/v1/rollouts/{rollout}/devices"),
    "GET /api/v1/rollouts/{rollout}/events": Probe("viewer", "/api/v1/rollouts/{rollout}/events"),
    "GET /api/v1/devices/{device}/rollouts": Probe("viewer", "/api/v1/devices/{device}/rollouts"),
    "POST /api/v1/rollouts/{rollout}/pause": _order_of_rollout("pause"),
    "POST /api/v1/rollouts/{rollout}/resume": _order_of_rollout("resume"),
    "POST /api/v1/rollouts/{rollout}/approve": _order_of_rollout("approve"),
    "POST /api/v1/rollouts/{rollout}/abort": _order_of_rollout("abort"),
    "POST /api/v1/rollouts/{rollout}/revert": _order_of_rollout("revert"),
    "GET /api/v1/devices/{device}/assignment": Probe("viewer", "/api/v1/devices/{device}/assignment"),
    "GET /api/v1/devices/{device}/assignments": Probe("viewer", "/api/v1/devices/{device}/assignments"),
    "GET /api/v1/device/assignment": Probe("device", "/api/v1/device/assignment"),
    "POST /api/v1/device/records": Probe("device", "/api/v1/device/records", RECORDS),
    "GET /api/v1/samples": Probe("viewer", "/api/v1/samples"),
    "GET /api/v1/samples/{device}/{sample}": Probe("viewer", SAMPLE),
    "GET /api/v1/samples/{device}/{sample}/input": Probe("viewer", f"{SAMPLE}/input"),
    "GET /api/v1/samples/{device}/{sample}/thumbnail": Probe("viewer", f"{SAMPLE}/thumbnail"),
    "GET /api/v1/recorded": Probe("viewer", f"/api/v1/recorded?task=meter&{SPAN}"),
    "GET /api/v1/activity": Probe("viewer", "/api/v1/activity"),
    "GET /api/v1/activity/devices": Probe("viewer", "/api/v1/activity/devices?device=acmes-first"),
    "GET /api/v1/activity/devices/{device}": Probe("viewer", "/api/v1/activity/devices/{device}"),
    "GET /api/v1/activity/tasks": Probe("viewer", "/api/v1/activity/tasks"),
    "GET /api/v1/activity/tasks/{task}": Probe("viewer", "/api/v1/activity/tasks/{task}"),
    "GET /api/v1/activity/tasks/{task}/policies": Probe("viewer", "/api/v1/activity/tasks/{task}/policies"),
    "GET /api/v1/activity/tasks/{task}/what-if": Probe("viewer", "/api/v1/activity/tasks/{task}/what-if"),
    "GET /api/v1/windows": Probe("viewer", f"/api/v1/windows?task=meter&{SPAN}"),
    "GET /api/v1/policies/{task}/{digest}": Probe("viewer", "/api/v1/policies/{task}/{policy}"),
    "POST /api/v1/device/shards": Probe("device", "/api/v1/device/shards", NEW_SHARD),
    "GET /api/v1/device/shards/{shard}": Probe("device", "/api/v1/device/shards/{shard}"),
    "POST /api/v1/device/shards/{shard}/commit": Probe("device", "/api/v1/device/shards/{ready_shard}/commit"),
    "GET /api/v1/alarms": Probe("viewer", "/api/v1/alarms"),
    "GET /api/v1/alarms/{alarm}": Probe("viewer", "/api/v1/alarms/{alarm}"),
    "POST /api/v1/alarms/{alarm}/acknowledge": Probe(
        "operator", "/api/v1/alarms/{alarm}/acknowledge", {"note": "seen"}, "alarm.acknowledge"
    ),
    "POST /api/v1/alarms/{alarm}/mute": Probe(
        "operator", "/api/v1/alarms/{alarm}/mute", {"until": "2026-11-25T12:00:00Z"}, "alarm.mute"
    ),
    "POST /api/v1/alarms/{alarm}/resolve": Probe(
        "operator", "/api/v1/alarms/{alarm}/resolve", {"note": "wiped"}, "alarm.resolve"
    ),
    "POST /api/v1/alarms/{alarm}/inputs": Probe("operator", "/api/v1/alarms/{alarm}/inputs", None, "inputs.want"),
    "POST /api/v1/wanted": Probe("operator", "/api/v1/wanted", WANTED, "inputs.want"),
    "GET /api/v1/wanted": Probe("viewer", "/api/v1/wanted"),
    "GET /api/v1/device/wanted": Probe("device", "/api/v1/device/wanted"),
    "GET /api/v1/labels": Probe("viewer", "/api/v1/labels"),
    "POST /api/v1/labels": Probe(
        "operator",
        "/api/v1/labels",
        {"labels": [{"device": "{device}", "sample": "{sample}", "label": "7"}]},
        "label.add",
    ),
    "POST /api/v1/labels/import": Probe(
        "operator",
        "/api/v1/labels/import",
        {"csv": "device,sample,label\n{device},{sample},8\n", "new_labels": ["8"]},
        "label.add",
    ),
    "POST /api/v1/labels/queue": Probe("operator", "/api/v1/labels/queue", {"task": "meter"}),
    "POST /api/v1/labels/guess": Probe(
        "operator", "/api/v1/labels/guess", {"device": "{device}", "sample": "{sample}"}
    ),
    "GET /api/v1/labels/progress": Probe("viewer", "/api/v1/labels/progress?task=meter"),
    "GET /api/v1/labels/summary": Probe("viewer", "/api/v1/labels/summary?task=meter"),
    "GET /api/v1/labels/agreement": Probe("viewer", "/api/v1/labels/agreement?task=meter"),
    "GET /api/v1/labels/settings": Probe("viewer", "/api/v1/labels/settings?task=meter"),
    "PUT /api/v1/labels/settings": Probe(
        "operator", "/api/v1/labels/settings?task=meter", {"teachers": ["acmes-teacher"]}, "label.settings"
    ),
    "GET /api/v1/datasets": Probe("viewer", "/api/v1/datasets"),
    "POST /api/v1/datasets": Probe(
        "operator",
        "/api/v1/datasets",
        {"task": "meter", "incumbent": "{bundle}:{version}", "labels_min": 4, "unlabelled_max": 0},
        "dataset.make",
    ),
    "GET /api/v1/datasets/{digest}": Probe("viewer", "/api/v1/datasets/{dataset}"),
    "GET /api/v1/datasets/{digest}/items": Probe("viewer", "/api/v1/datasets/{dataset}/items"),
    "GET /api/v1/drift/status": Probe("viewer", "/api/v1/drift/status"),
    "GET /api/v1/drift/budget": Probe("viewer", "/api/v1/drift/budget"),
    "GET /api/v1/bundles/{name}/versions/{version}/download": Probe(
        "viewer", "/api/v1/bundles/{bundle}/versions/{version}/download?device={device}"
    ),
    "GET /api/v1/drift/history": Probe("viewer", "/api/v1/drift/history?device={device}&task=meter"),
    "GET /api/v1/drift/lines": Probe("viewer", "/api/v1/drift/lines?device=acmes-first"),
    "GET /api/v1/drift/fleet": Probe("viewer", "/api/v1/drift/fleet?task=meter"),
    "GET /api/v1/drift/cohort": Probe("viewer", "/api/v1/drift/cohort?task=meter&label=site=acmes-site"),
    "GET /api/v1/drift/reference": Probe("viewer", "/api/v1/drift/reference?task=meter"),
    "GET /api/v1/drift/together": Probe("viewer", "/api/v1/drift/together"),
    "GET /api/v1/drift/simulation": Probe("viewer", "/api/v1/drift/simulation?budget=2"),
    "GET /api/v1/drift/settings": Probe("viewer", "/api/v1/drift/settings"),
    "PUT /api/v1/drift/settings": Probe("operator", "/api/v1/drift/settings", {"alarms_a_week": 2}, "drift.settings"),
    "POST /api/v1/drift/rebaseline": Probe(
        "operator", "/api/v1/drift/rebaseline", {"task": "meter", "devices": ["{device}"]}, "drift.rebaseline"
    ),
    "GET /api/v1/hooks": Probe("admin", "/api/v1/hooks"),
    "POST /api/v1/hooks": Probe(
        "admin", "/api/v1/hooks", {"way": "webhook", "url": "https://example.com/hook"}, "hook.add"
    ),
    "DELETE /api/v1/hooks/{hook}": Probe("admin", "/api/v1/hooks/{hook}", None, "hook.delete"),
    "POST /api/v1/runs": Probe(
        "operator", "/api/v1/runs", {"task": "argmax", "bundle": "{bundle}:{version}"}, "run.open"
    ),
    "GET /api/v1/runs": Probe("viewer", "/api/v1/runs"),
    "GET /api/v1/runs/{run}": Probe("viewer", "/api/v1/runs/{run}"),
    "GET /api/v1/runs/{run}/log": Probe("viewer", "/api/v1/runs/{run}/log"),
    "GET /api/v1/runs/{run}/verdict": Probe("viewer", "/api/v1/runs/{run}/verdict"),
    "GET /api/v1/bundles/{name}/versions/{version}/verdict": Probe(
        "viewer", "/api/v1/bundles/{bundle}/versions/{version}/verdict"
    ),
    "POST /api/v1/runs/{run}/approve": Probe(
        "operator", "/api/v1/runs/{run}/approve", {"note": "go on"}, "run.approve"
    ),
    "POST /api/v1/runs/{run}/cancel": Probe("operator", "/api/v1/runs/{run}/cancel", {"note": "no"}, "run.cancel"),
    "GET /api/v1/training/policies": Probe("viewer", "/api/v1/training/policies"),
    "GET /api/v1/training/policies/{task}": Probe("viewer", "/api/v1/training/policies/acmes-task"),
    "PUT /api/v1/training/policies/{task}": Probe(
        "operator", "/api/v1/training/policies/acmes-task", {"mode": "train"}, "training.policy"
    ),
    "GET /api/v1/devices": Probe("viewer", "/api/v1/devices"),
    "GET /api/v1/devices/{device}": Probe("viewer", "/api/v1/devices/{device}"),
    "PATCH /api/v1/devices/{device}": Probe(
        "operator", "/api/v1/devices/{device}", {"labels": {"site": "north"}}, "device.label"
    ),
    "POST /api/v1/devices/{device}/revoke": Probe(
        "operator", "/api/v1/devices/{device}/revoke", None, "device.revoke"
    ),
    "DELETE /api/v1/devices/{device}": Probe("admin", "/api/v1/devices/{device}", None, "device.delete"),
    "POST /api/v1/uploads": Probe("operator", "/api/v1/uploads", {"digest": "{new_digest}", "size_bytes": 9}),
    "GET /api/v1/uploads/{upload_id}": Probe("operator", "/api/v1/uploads/{upload}"),
    "POST /api/v1/uploads/{upload_id}/complete": Probe(
        "operator", "/api/v1/uploads/{ready}/complete", None, "blob.store"
    ),
    "DELETE /api/v1/uploads/{upload_id}": Probe("operator", "/api/v1/uploads/{upload}", None, "upload.abort"),
    "GET /api/v1/blobs/{digest}": Probe("viewer", "/api/v1/blobs/{digest}"),
    "HEAD /api/v1/blobs/{digest}": Probe("viewer", "/api/v1/blobs/{digest}"),
    "GET /api/v1/objects/{key}": Probe("nobody", "{get_url}"),
    PUT_OBJECT: Probe("nobody", "{put_url}", b"bytes"),
    "PUT /api/v1/bundles/{name}/versions/{version}": Probe(
        "operator", "/api/v1/bundles/{bundle}/versions/{next}", MANIFEST, "bundle.push"
    ),
    "GET /api/v1/bundles": Probe("viewer", "/api/v1/bundles"),
    "GET /api/v1/bundles/{name}": Probe("viewer", "/api/v1/bundles/{bundle}"),
    "GET /api/v1/bundles/{name}/versions/{version}": Probe("viewer", "/api/v1/bundles/{bundle}/versions/{version}"),
    "GET /api/v1/comparison": Probe("viewer", "/api/v1/comparison?first={bundle}:{version}&second={bundle}:{version}"),
    "PUT /api/v1/bundles/{name}/aliases/{alias}": Probe(
        "operator", "/api/v1/bundles/{bundle}/aliases/{alias}", {"version": "{next}"}, "alias.move"
    ),
    "GET /api/v1/bundles/{name}/aliases": Probe("viewer", "/api/v1/bundles/{bundle}/aliases"),
    "GET /api/v1/bundles/{name}/aliases/{alias}/history": Probe(
        "viewer", "/api/v1/bundles/{bundle}/aliases/{alias}/history"
    ),
    "PUT /api/v1/tasks/{task}": Probe(
        "operator",
        "/api/v1/tasks/{task}",
        {"contestants": [{"name": "big", "bundle": "{bundle}:{version}"}]},
        "task.set",
    ),
    "GET /api/v1/tasks": Probe("viewer", "/api/v1/tasks"),
    "GET /api/v1/tasks/{task}": Probe("viewer", "/api/v1/tasks/{task}"),
    "GET /v2": Probe("nobody", "/v2"),
    "GET /v2/health/live": Probe("nobody", "/v2/health/live"),
    "GET /v2/health/ready": Probe("nobody", "/v2/health/ready"),
    "GET /v2/models/{model}": Probe("viewer", "/v2/models/{task}"),
    "GET /v2/models/{model}/versions/{version}": Probe("viewer", "/v2/models/{task}/versions/1"),
    "GET /v2/models/{model}/ready": Probe("viewer", "/v2/models/{task}/ready"),
    "GET /v2/models/{model}/versions/{version}/ready": Probe("viewer", "/v2/models/{task}/versions/1/ready"),
    "POST /v2/models/{model}/infer": Probe("operator", "/v2/models/{task}/infer", INFER),
    "POST /v2/models/{model}/versions/{version}/infer": Probe("operator", "/v2/models/{task}/versions/1/infer", INFER),
    "DELETE /api/v1/tasks/{task}": Probe("operator", "/api/v1/tasks/{task}", None, "task.delete"),
    "DELETE /api/v1/bundles/{name}/aliases/{alias}": Probe(
        "operator", "/api/v1/bundles/{bundle}/aliases/{alias}", None, "alias.delete"
    ),
    "DELETE /api/v1/bundles/{name}/versions/{version}": Probe(
        "admin", "/api/v1/bundles/{bundle}/versions/{version}", None, "bundle.delete"
    ),
}


class World:
    """Tenant acme with one of everything, made through the API as its own people would.

    Attributes:
        secrets: texts that may be seen once, in the answer that made them, and never again.
    """

    def __init__(self, cloud: Cloud, bundle: Bundle, successor: Bundle) -> None:
        self.cloud = cloud
        tenants = ("acme", "beta", None)
        self._headers = {(tenant, role): cloud.headers(tenant, role) for tenant in tenants for role in ROLES}
        self._device: FleetDevice = enrolled_device(cloud, "acmes-first", labels={"site": "acmes-site"})
        self._newcomer = enrolled_device(cloud, "acmes-newcomer")
        self._betas = enrolled_device(cloud, "betas-first", "beta")
        people = TrustPeople(cloud)
        people.begin("acmes-trusted", ROLLED)
        people.delegate_online("acmes-online")
        self._bodies = {
            MANIFEST: manifest_of(successor),
            NEXT_ROOT: people.next_root(),
            NEXT_TARGETS: people.next_targets(),
            RELEASE: people.first_release(),
        }
        token = self._send("POST", "/tokens", {"name": "acmes", "role": "viewer"}).json()
        pending, doomed = enrolment(cloud, "acmes-next"), enrolment(cloud, "acmes-doomed")
        blobs = {digest: blob_path(one.folder, digest) for one in (bundle, successor) for digest in sizes_of(one)}
        for blob in blobs.values():
            self._send("POST", f"/uploads/{self._upload(blob.read_bytes())}/complete")
        name, version = bundle.config.name, bundle.config.version
        self._send("PUT", f"/bundles/{name}/versions/{version}", manifest_of(bundle))
        self._send("PUT", f"/bundles/{name}/aliases/acmes-alias", {"version": version})
        task = {"contestants": [{"name": "acmes", "bundle": f"{name}@acmes-alias"}]}
        self._send("PUT", "/tasks/acmes-task", task)
        told = self._request("POST", f"{API}/device/records", RECORDS, self.device_headers())
        assert told.status_code == 200, told.text
        stock_input(cloud.services, "acme", self._device.device, f"{BOOT}-1", PICTURE)
        labelling = Labelling(cloud)
        labelling.tell(self._device.device, range(11, 16))
        labelling.say({f"{self._device.device}/{number}": "7" for number in range(11, 15)}, by="acmes-ann")
        _release_two(cloud, people, bundle)
        document = {"tasks": {ROLLED: {"contestants": [{"name": "primary", "bundle": f"{ROLLED}:1"}]}}}
        self._send("PUT", f"/devices/{self._newcomer.device}/assignment", document)
        asked = {"task": "meter", "incumbent": f"{name}:{version}", "labels_min": 4}
        self._things = {
            "token": token["id"],
            "enrolment": doomed.id,
            "token_id": pending.id,
            "secret": pending.secret,
            "device": self._device.device,
            "sample": f"{BOOT}-1",
            "newcomer": self._newcomer.device,
            "upload": self._upload(b"acme's, on its way", arrives=False),
            "ready": self._upload(b"acme's, arrived"),
            "digest": next(iter(blobs)),
            "manifest": bundle.digest,
            "bundle": name,
            "version": version,
            "next": successor.config.version,
            "alias": "acmes-alias",
            "task": "acmes-task",
            "trusted_task": "acmes-trusted",
            "online_task": "acmes-online",
            "new_digest": NOBODYS["new_digest"],
            "shard": self._shard([make_input("b-2", b"acme's, on its way")], arrives=False),
            "ready_shard": self._shard([make_input("b-3", b"acme's, arrived")]),
            "policy": POLICY.digest,
            "alarm": stock_alarm(cloud.services, "acme", self._device.device),
            "run": stock_run(cloud.services, "acme", "acmes-task", f"{name}:{version}"),
            "hook": self._send("POST", "/hooks", {"way": "webhook", "url": "https://example.com/acmes"}).json()["id"],
            "dataset": self._send("POST", "/datasets", asked).json()["digest"],
            "rollout": stock_rollout(cloud.services, "acme", "acmes-other", (ROLLED, "2")),
        }
        stock_verdict(cloud.services, "acme", self._things["run"], name, version)
        self.secrets = [secret_of(token["token"]), pending.secret, doomed.secret]

    def request(self, route: str, headers: Mapping[str, str], *, nobodys: bool = False) -> Response:
        """Send a route's probe.

        Args:
            route: method and path, as in the OpenAPI document.
            headers: who sends it.
            nobodys: address things that no tenant has.
        """
        probe = PROBES[route]
        things = self._things | (NOBODYS if nobodys else self._fresh(probe))
        body = probe.body
        body = _filled(body, things) if isinstance(body, dict) else self._bodies.get(body, body)
        return self._request(route.split(maxsplit=1)[0], _filled(probe.path, things), body, headers)

    def headers(self, tenant: str | None, role: Role) -> Mapping[str, str]:
        """What somebody of acme, of beta or of the platform shows; made before anything is looked at."""
        return self._headers[tenant, role]

    def rightful(self, probe: Probe) -> Mapping[str, str]:
        """What the least of those who may send a probe shows."""
        match probe.needs:
            case "nobody":
                return {}
            case "device":
                return self.device_headers()
            case "platform":
                return self.headers(None, "viewer")
            case "platform admin":
                return self.headers(None, "admin")
            case _:
                return self.headers("acme", probe.roles[0])

    def wrongful(self, probe: Probe) -> list[Mapping[str, str]]:
        """What those show whom we know, and who may not send a probe for things of their own."""
        tenants = [role for role in ROLES if role not in probe.roles]
        platforms = [role for role in ROLES if role not in probe.platform_roles]
        return [self.headers("acme", role) for role in tenants] + [self.headers(None, role) for role in platforms]

    @property
    def marks(self) -> list[str]:
        """Texts that nobody but acme knows."""
        known_to_all = ("version", "next", "new_digest")
        return [text for name, text in self._things.items() if name not in known_to_all]

    @property
    def names(self) -> list[tuple[str, str]]:
        """What a thing of acme's is called, and the one in its place that nobody has."""
        return [(self._things[name], nobodys) for name, nobodys in NOBODYS.items()]

    def rows(self) -> dict[str, list[str]]:
        """Everything of acme's that the database holds, by table; when a token was last used aside."""
        found: dict[str, list[str]] = {}
        with self.cloud.services.database.read() as session:
            for table in Base.metadata.sorted_tables:
                if "tenant" in table.columns:
                    columns = [column for column in table.columns if column.name != "last_used_at"]
                    rows = session.execute(select(*columns).where(table.c.tenant == "acme"))
                    found[table.name] = sorted(map(repr, rows))
        return found

    def device_headers(self) -> dict[str, str]:
        """What acme's device shows."""
        return self._device.headers()

    def strange_devices(self, probe: Probe) -> list[dict[str, str]]:
        """What devices show whose things a probe's are not: one of beta's, and another of acme's if it has its own."""
        return [device.headers() for device in (self._betas, *(() if probe.shared else (self._newcomer,)))]

    def _fresh(self, probe: Probe) -> dict[str, str]:
        """What is good for one request, or for an hour."""
        text = f"{probe.path} {probe.body}"
        made: dict[str, str] = {}
        if "{csr}" in text:
            made["csr"] = signing_request(ec.generate_private_key(ec.SECP256R1()))
        if "{nonce}" in text:
            made["nonce"] = self._newcomer.nonce()
            made["signature"] = self._newcomer.sign(made["nonce"])
        store = self.cloud.services.objects
        if "{get_url}" in text:
            made["get_url"] = store.get_url(f"acme/blobs/{self._things['digest'].replace(':', '/')}", expires_s=60)
        if "{put_url}" in text:
            made["put_url"] = store.put_url("acme/samples/new", len(PROBES[PUT_OBJECT].body), expires_s=60)
        return made

    def _upload(self, blob: bytes, *, arrives: bool = True) -> str:
        begun = self._send("POST", "/uploads", {"digest": digest_of(blob), "size_bytes": len(blob)}).json()
        if arrives:
            self._put(begun["parts"], blob)
        return str(begun["id"])

    def _shard(self, inputs: list[ShardInput], *, arrives: bool = True) -> str:
        opening = opening_of(inputs)
        begun = self._request("POST", f"{API}/device/shards", opening, self.device_headers()).json()
        if arrives:
            self._put(begun["parts"], tar_of(inputs))
        return str(begun["shard"])

    def _put(self, parts: list[dict[str, Any]], data: bytes) -> None:
        for part in parts:
            piece = data[part["offset"] :][: part["size_bytes"]]
            assert self.cloud.client.put(part["url"], content=piece).status_code == 200

    def _send(self, method: str, path: str, body: Any = None) -> Response:
        response = self._request(method, f"{API}{path}", body, self.headers("acme", "admin"))
        assert response.status_code < 400, response.text
        return response

    def _request(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Response:
        sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body} if body else {}
        return self.cloud.client.request(method, path, headers=headers, follow_redirects=False, **sent)


def _release_two(cloud: Cloud, people: TrustPeople, bundle: Bundle) -> None:
    """Two versions of a bundle, with a task and a name of their own."""
    with TemporaryDirectory() as folder:
        two = [
            bundle_like(bundle, Path(folder) / version, version=version, name=ROLLED, task=ROLLED) for version in "12"
        ]
        for one in two:
            RegistryApi(cloud).stock(one)
        people.release(*two)


def _filled(value: Any, things: Mapping[str, str]) -> Any:
    """A text with things in the place of their names, wherever it stands; what is no text stays."""
    if isinstance(value, dict):
        return {name: _filled(each, things) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, things) for each in value]
    return re.sub(r"\{(\w+)\}", lambda match: things[match[1]], value) if isinstance(value, str) else value
