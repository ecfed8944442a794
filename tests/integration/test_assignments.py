"""What devices are assigned, through the API, on SQLite and PostgreSQL: made, refused, read, and kept apart."""

import json
import shutil
import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select

from roost_cloud.assignments import desired
from roost_cloud.assignments.reports import Report, store_reported
from roost_cloud.db.tables import AssignmentVersion, DeviceAssignment
from roost_cloud.services import open_services
from roost_cloud.trust import drafts
from roost_shared.assignment import AssignedTask, Assignment, Reported
from roost_shared.bundle import Bundle
from roost_shared.messages import ErrorInfo, encode_json
from roost_shared.trust.envelope import PAYLOAD_TYPE, SealedAssignment
from tests.support.cloud import Cloud, ManualClock, settings_for
from tests.support.fleet import FleetDevice, code_of, enrolled_device, enrolment
from tests.support.registry import RegistryApi
from tests.support.served_cloud import bundle_like
from tests.support.trust import TrustPeople, new_signer, signed, target_of

API = "/api/v1"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # where databases do not differ


def one(bundle: str = "argmax:1", task: str = "argmax", **fields: Any) -> dict[str, Any]:
    """A document with one contestant."""
    return {"tasks": {task: {"contestants": [{"name": "primary", "bundle": bundle}]} | fields}}


class Operator:
    """Assigns by the API."""

    def __init__(self, cloud: Cloud, tenant: str = "acme") -> None:
        self.cloud = cloud
        self.headers = cloud.headers(tenant, "operator")

    def assign(self, document: dict[str, Any], device: str = "cam-01") -> Response:
        return self.cloud.client.put(f"{API}/devices/{device}/assignment", json=document, headers=self.headers)

    def get(self, path: str = "assignment", device: str = "cam-01") -> dict[str, Any]:
        told = self.cloud.client.get(f"{API}/devices/{device}/{path}", headers=self.headers)
        assert told.status_code == 200, told.text
        found: dict[str, Any] = told.json()
        return found

    def send(self, method: str, path: str) -> int:
        return self.cloud.client.request(method, f"{API}{path}", headers=self.headers).status_code


@pytest.fixture(scope="module")
def task(argmax: Bundle) -> str:
    return argmax.config.task or ""


@pytest.fixture
def people(cloud: Cloud, argmax: Bundle, task: str) -> TrustPeople:
    RegistryApi(cloud).push(argmax)
    made = TrustPeople(cloud)
    made.begin(task)
    made.release(argmax)
    return made


@pytest.fixture(scope="module")
def standing(
    newest_sqlite: Path, argmax: Bundle, task: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """One for all who are refused: they leave it as it was."""
    folder = tmp_path_factory.mktemp("standing")
    shutil.copy(newest_sqlite, folder / "roost.db")
    clock = ManualClock()
    with open_services(settings_for(folder), clock=clock) as services:
        cloud = Cloud(services, clock)
        with cloud.client:
            RegistryApi(cloud).push(argmax)
            people = TrustPeople(cloud)
            people.begin(task)
            people.release(argmax)
            enrolled_device(cloud)
            yield Operator(cloud)


@pytest.fixture
def device(cloud: Cloud) -> FleetDevice:
    return enrolled_device(cloud)


@pytest.fixture
def operator(cloud: Cloud, people: TrustPeople, device: FleetDevice) -> Operator:
    assert (people.tenant, device.device) == ("acme", "cam-01")
    return Operator(cloud)


def own(device: FleetDevice) -> Response:
    """What the device itself is told."""
    return device.client.get(f"{API}/device/assignment", headers=device.headers())


def believed(people: TrustPeople, data: bytes) -> Assignment:
    """As a device with the newest targets believes it."""
    sealed = SealedAssignment.parse(data)
    assert sealed.is_by(people.targets)
    return sealed.assignment()


# ---- made


def test_a_document_becomes_a_signed_assignment(
    operator: Operator, people: TrustPeople, device: FleetDevice, argmax: Bundle, task: str
) -> None:
    document = one(task=task, deadline_ms=250, trial={"watch_inputs": 7})
    made = operator.assign(document)
    assert made.status_code == 201, made.text
    assert (made.json()["version"], made.json()["document"]) == (1, document)
    told = own(device)
    assert told.headers["Content-Type"] == "application/vnd.dsse.envelope.v1+json"
    assignment = believed(people, told.content)
    assert (assignment.tenant, assignment.device, assignment.version) == ("acme", "cam-01", 1)
    assigned = assignment.tasks[task]
    assert isinstance(assigned, AssignedTask)
    (contestant,) = assigned.contestants
    assert contestant.bundle is not None
    assert contestant.bundle.reference == f"argmax:1@{argmax.digest}"
    assert (assigned.deadline_ms, assigned.trial.watch_inputs) == (250, 7)
    found = operator.get()
    assert (found["following"], found["report"]) == ("unknown", None)
    assert found["newest"] == made.json()


@on_sqlite
def test_the_same_again_is_no_new_version_and_another_is(operator: Operator, task: str, people: TrustPeople) -> None:
    assert operator.assign(one(task=task)).status_code == 201
    again = operator.assign(one(task=task))
    assert (again.status_code, again.json()["version"]) == (200, 1)
    assert operator.assign({"tasks": {}}).json()["version"] == 2
    assert operator.assign(one(task=task)).json()["version"] == 3, "what was once so is a new version all the same"
    items = operator.get("assignments?limit=2")
    assert [item["version"] for item in items["items"]] == [3, 2]
    assert items["items"][1]["document"] == {"tasks": {}}
    assert [item["version"] for item in operator.get(f"assignments?after={items['next']}")["items"]] == [1]
    assert people.tenant == "acme"


@on_sqlite
def test_what_a_device_has_refused_can_be_asked_of_it_once_more(operator: Operator, task: str) -> None:
    operator.assign(one(task=task))
    why = ErrorInfo("cloud.refused", "404: the registry was not itself")
    told = Reported(boot="b1", version=0, desired=1, trust="fresh", problem=why)
    services = operator.cloud.services
    with services.database.begin() as session:
        store_reported(session, [Report("acme", "cam-01", told, encode_json(told), services.now())])
    assert operator.get()["following"] == "refused"
    again = operator.assign(one(task=task))
    assert (again.status_code, again.json()["version"]) == (201, 2)
    assert operator.get()["following"] == "pending"
    assert operator.assign(one(task=task)).status_code == 200, "it has not refused that yet"


@on_sqlite
def test_an_alias_stands_for_where_it_points_when_it_is_assigned(
    cloud: Cloud, operator: Operator, people: TrustPeople, argmax: Bundle, task: str, tmp_path: Path
) -> None:
    registry = RegistryApi(cloud)
    second = bundle_like(argmax, tmp_path / "second", version="2")
    registry.push(second)
    registry.ask("PUT", "/bundles/argmax/aliases/stable", json={"version": "1"})
    assert operator.assign(one("argmax@stable", task)).json()["bundles"] == [f"argmax:1@{argmax.digest}"]
    registry.ask("PUT", "/bundles/argmax/aliases/stable", json={"version": "2"})
    refused = operator.assign(one("argmax@stable", task))
    assert code_of(refused) == (422, "assignment.not_released")
    assert "`roost trust sign argmax:2`" in refused.json()["error"]["message"]
    assert operator.get()["newest"]["version"] == 1, "what is assigned does not move by itself"
    people.accept(f"releases/{task}", _also(people, argmax, second))
    assert operator.assign(one("argmax@stable", task)).json()["bundles"] == [f"argmax:2@{second.digest}"]


def _also(people: TrustPeople, *bundles: Bundle) -> bytes:
    """The release one version on, of these."""
    first = drafts.released(None, add=[target_of(bundle) for bundle in bundles], expires=people.expires)
    return signed(drafts.renewed(first, people.expires), people.releaser)


# ---- refused


def contestants(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"tasks": {"argmax": {"contestants": [{"name": "primary"} | each for each in fields]}}}


WRONG = {
    "no bundle": contestants({}),
    "a cloud contestant with one": contestants({"where": "cloud", "bundle": "argmax:1"}),
    "a reference that is none": contestants({"bundle": "argmax"}),
    "one name twice": contestants({"bundle": "argmax:1"}, {"bundle": "argmax:1"}),
    "a setting that is none": contestants({"bundle": "argmax:1", "thread": 2}),
    "a rule for nobody": one(rules=[{"accept": "backup"}]),
    "no time": one(deadline_ms=0),
    "a trial for ever": one(trial={"watch_s": 1e9}),
    "nobody at all": {"tasks": {"argmax": {"contestants": []}}},
    "options without a delegate": contestants({"bundle": "argmax:1", "delegate_options": {"a": "b"}}),
    "a delegate by its path": contestants({"bundle": "argmax:1", "delegate": "/var/lib/partial/0123"}),
    "a path among a delegate's options": contestants(
        {"bundle": "argmax:1", "delegate": "x.so", "delegate_options": {"backend": "../x.so"}}
    ),
    "a decoy's bundle": contestants({"bundle": "argmax:1"}, {"name": "decoy", "role": "decoy", "bundle": "argmax:1"}),
    "a local contestant made small": contestants({"bundle": "argmax:1", "downscale": True}),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_no_device_could_run_is_refused(standing: Operator, name: str) -> None:
    assert code_of(standing.assign(WRONG[name])) == (422, "assignment.invalid")
    assert standing.get()["newest"] is None


@pytest.mark.parametrize("document", [{}, {"tasks": []}, {"tasks": {"NO NAME": {}}}, {"tasks": {}, "broker": {}}, []])
def test_what_is_no_document_is_refused(standing: Operator, document: Any) -> None:
    assert standing.assign(document).status_code == 422


def test_what_json_can_say_and_no_database_keep_is_refused(standing: Operator) -> None:
    send = standing.cloud.client.put
    for text in (
        b'{"tasks": {"argmax": {"contestants": [], "deadline_ms": NaN}}}',
        b'{"tasks": {"a": {"x": "\\ud800"}}}',
    ):
        told = send(f"{API}/devices/cam-01/assignment", content=text, headers=standing.headers)
        assert told.status_code in (400, 422), told.text


def test_bundles_have_to_be_there_and_for_the_task(standing: Operator, task: str) -> None:
    assert code_of(standing.assign(one("argmax:9", task))) == (422, "assignment.unknown_bundle")
    assert code_of(standing.assign(one("argmax@none", task))) == (422, "assignment.unknown_bundle")
    refused = standing.assign(one("argmax:1", "faces"))
    assert code_of(refused) == (422, "assignment.wrong_task")


@on_sqlite
def test_what_was_withdrawn_or_has_run_out_is_refused(
    cloud: Cloud, operator: Operator, people: TrustPeople, task: str
) -> None:
    people.accept(f"releases/{task}", _also(people))
    assert code_of(operator.assign(one(task=task))) == (422, "assignment.not_released")
    cloud.clock.advance(timedelta(days=400))
    assert code_of(Operator(cloud).assign(one(task=task))) == (422, "assignment.not_released")


@on_sqlite
def test_a_release_by_somebody_who_may_no_more_is_none(operator: Operator, people: TrustPeople, task: str) -> None:
    people.delegate(task, [new_signer()])
    assert code_of(operator.assign(one(task=task))) == (422, "assignment.not_released")


@on_sqlite
def test_without_trust_nothing_is_assigned(cloud: Cloud, argmax: Bundle, task: str) -> None:
    enrolled_device(cloud)
    RegistryApi(cloud).push(argmax)
    refused = Operator(cloud).assign(one(task=task))
    assert code_of(refused) == (422, "assignment.no_trust")
    assert "`roost trust init`" in refused.json()["error"]["message"]


@on_sqlite
def test_without_a_key_for_it_nothing_is_assigned(operator: Operator, people: TrustPeople, task: str) -> None:
    """As in a repository that was begun before there were assignments."""
    assert people.targets.delegations is not None
    assert people.targets.delegations.roles is not None
    keyids = people.targets.delegations.roles.pop("assignments").keyids
    for keyid in keyids:
        del people.targets.delegations.keys[keyid]
    people.accept("targets", people.next_targets())
    people.targets.version += 1
    refused = operator.assign(one(task=task))
    assert code_of(refused) == (422, "trust.no_assignment_key")
    assert "`roost trust delegate --assignments`" in refused.json()["error"]["message"]
    people.delegate_assignments()
    assert operator.assign(one(task=task)).status_code == 201


@on_sqlite
def test_nobodys_or_a_revoked_device_is_assigned_nothing(operator: Operator, task: str) -> None:
    assert code_of(operator.assign(one(task=task), "cam-99")) == (404, "not_found")
    assert operator.send("POST", "/devices/cam-01/revoke") == 200
    assert code_of(operator.assign(one(task=task))) == (409, "conflict")


# ---- at once, and over time


def test_of_those_who_assign_at_once_each_has_a_version_of_its_own(operator: Operator, task: str) -> None:
    documents = [one(task=task, deadline_ms=100 + number) for number in range(6)]
    answers: list[Response] = []
    threads = [
        threading.Thread(target=lambda document=document: answers.append(operator.assign(document)))
        for document in documents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.json().get("version", 0) for answer in answers) == [1, 2, 3, 4, 5, 6]
    newest = max(answers, key=lambda answer: answer.json()["version"]).json()
    assert operator.get()["newest"] == newest


def test_of_those_who_assign_the_same_at_once_one_makes_it(operator: Operator, task: str) -> None:
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(operator.assign(one(task=task)).status_code)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 200, 200, 201]


def test_versions_go_on_past_a_device_that_was_deleted(cloud: Cloud, operator: Operator, task: str) -> None:
    operator.assign(one(task=task))
    operator.send("POST", "/devices/cam-01/revoke")
    cloud.client.delete(f"{API}/devices/cam-01", headers=cloud.headers())
    device = enrolled_device(cloud)
    assert operator.get()["following"] == "none"
    assert code_of(own(device)) == (404, "not_found")
    assert operator.assign(one(task=task)).json()["version"] == 2


@on_sqlite
@pytest.mark.parametrize(("seen", "version"), [(8, 9), (2**53, 2)])
def test_versions_go_on_past_what_a_device_has_seen_of_a_cloud_that_has_forgotten_it(
    operator: Operator, task: str, seen: int, version: int
) -> None:
    """One restored from an old copy. What no cloud can have given was a thief's, and another key cures that."""
    operator.assign(one(task=task))
    told = Reported(boot="b1", version=1, desired=seen)
    services = operator.cloud.services
    with services.database.begin() as session:
        store_reported(session, [Report("acme", "cam-01", told, encode_json(told), services.now())])
    assert operator.get()["following"] == "unknown"
    assert operator.assign({"tasks": {}}).json()["version"] == version


@on_sqlite
def test_a_key_is_changed_without_a_moment_in_which_nothing_is_believed(
    operator: Operator, people: TrustPeople, device: FleetDevice, task: str
) -> None:
    operator.assign(one(task=task))
    before = people.targets
    headers = operator.cloud.headers()
    body = {"anew": True, "roles": ["assignments"]}
    told = operator.cloud.client.post(f"{API}/trust/online-keys", json=body, headers=headers).json()
    assert told["assignments"]["keyid"] != people.online()["snapshot"].keyid
    both = own(device).content
    assert believed(people, both).version == 1, "by the targets of before"
    people.delegate_assignments()
    assert people.targets.delegations != before.delegations
    assert believed(people, both).version == 1, "and of after"
    assert believed(people, own(device).content).version == 1
    operator.assign({"tasks": {}})
    newest = SealedAssignment.parse(own(device).content)
    assert newest.is_by(people.targets)
    assert not newest.is_by(before), "the old key signs nothing any more"


@on_sqlite
@pytest.mark.parametrize("forged", ["altered", "unsigned", "another's", "an older one", "no envelope"])
def test_what_somebody_put_into_the_database_is_not_signed_when_keys_change(
    operator: Operator, people: TrustPeople, device: FleetDevice, task: str, forged: str
) -> None:
    """Whoever writes the database has no key: the cloud shall not lend its own, whoever else is assigned what."""
    enrolled_device(operator.cloud, "cam-02")
    operator.assign(one(task=task))
    older = own(device).content
    operator.assign(one(task=task, deadline_ms=400))
    operator.assign(one(task=task), "cam-02")
    with operator.cloud.services.database.begin() as session:
        row = session.get_one(AssignmentVersion, ("acme", "cam-01", 2))
        true = SealedAssignment.parse(row.envelope)
        wrong = true.payload.replace(b'"deadline_ms":400', b'"deadline_ms":900')
        assert wrong != true.payload
        forgeries = {
            "altered": _envelope(wrong, true.signatures),
            "unsigned": _envelope(true.payload, {}),
            "another's": session.get_one(AssignmentVersion, ("acme", "cam-02", 1)).envelope,
            "an older one": older,
            "no envelope": b"{}",
        }
        row.envelope = put = forgeries[forged]
    people.online(anew=True)
    people.delegate_assignments()
    assert own(device).content == put, "not a byte of it is the cloud's"
    other = operator.cloud.client.get(f"{API}/devices/cam-02/assignment", headers=operator.headers)
    assert other.json()["newest"]["version"] == 1
    with operator.cloud.services.database.read() as session:
        envelope = session.get_one(AssignmentVersion, ("acme", "cam-02", 1)).envelope
    assert believed(people, envelope).device == "cam-02", "what is in order goes on"
    assert operator.assign(one(task=task, deadline_ms=400)).status_code == 201, "and assigned anew, it is again"
    assert believed(people, own(device).content).version == 3


def _envelope(payload: bytes, signatures: dict[str, str]) -> bytes:
    """As `SealedAssignment.sealed_by` writes it, with these signatures."""
    made = [{"keyid": key, "sig": b64encode(bytes.fromhex(value)).decode()} for key, value in signatures.items()]
    document = {"payload": b64encode(payload).decode(), "payloadType": PAYLOAD_TYPE, "signatures": made}
    return json.dumps(document).encode()


# ---- what needs what


def test_what_is_assigned_is_not_deleted(cloud: Cloud, operator: Operator, people: TrustPeople, task: str) -> None:
    operator.assign(one(task=task))
    people.accept(f"releases/{task}", _also(people))  # withdrawn, and assigned all the same
    refused = RegistryApi(cloud).ask("DELETE", "/bundles/argmax/versions/1")
    assert code_of(refused) == (409, "bundle.in_use")
    assert "is assigned to cam-01" in refused.json()["error"]["message"]
    operator.assign({"tasks": {}})
    assert RegistryApi(cloud).ask("DELETE", "/bundles/argmax/versions/1").status_code == 204


def test_a_deleted_device_holds_no_bundle(cloud: Cloud, operator: Operator, people: TrustPeople, task: str) -> None:
    operator.assign(one(task=task))
    people.accept(f"releases/{task}", _also(people))
    operator.send("POST", "/devices/cam-01/revoke")
    assert code_of(RegistryApi(cloud).ask("DELETE", "/bundles/argmax/versions/1"))[0] == 409
    cloud.client.delete(f"{API}/devices/cam-01", headers=cloud.headers())
    assert RegistryApi(cloud).ask("DELETE", "/bundles/argmax/versions/1").status_code == 204


@on_sqlite
def test_tenants_never_see_each_other_s(cloud: Cloud, operator: Operator, task: str) -> None:
    operator.assign(one(task=task))
    enrolled_device(cloud, "cam-02", "beta")
    beta = Operator(cloud, "beta")
    assert beta.send("GET", "/devices/cam-01/assignment") == 404
    assert beta.send("GET", "/devices/cam-01/assignments") == 404
    assert code_of(beta.assign(one(task=task), "cam-02")) == (422, "assignment.unknown_bundle"), "not acme's"
    assert code_of(beta.assign({"tasks": {}}, "cam-02")) == (422, "assignment.no_trust")


# ---- what has to be published


def due(cloud: Cloud) -> dict[str, bytes]:
    with cloud.services.database.read() as session:
        return {each.device: each.payload for each in desired.due(session, 10)}


def publish(cloud: Cloud) -> None:
    with cloud.services.database.begin() as session:
        desired.confirm(session, desired.due(session, 10), cloud.services.now())


def test_a_change_is_published_once(cloud: Cloud, operator: Operator, device: FleetDevice, task: str) -> None:
    assert not due(cloud)
    operator.assign(one(task=task))
    assert due(cloud) == {"cam-01": own(device).content}
    publish(cloud)
    assert not due(cloud)
    operator.assign(one(task=task))
    assert not due(cloud), "the same again is no change"


def test_a_topic_is_cleared_of_the_revoked_and_deleted_and_filled_for_who_comes_back(
    cloud: Cloud, operator: Operator, device: FleetDevice, task: str
) -> None:
    operator.assign(one(task=task))
    envelope = own(device).content
    publish(cloud)
    operator.send("POST", "/devices/cam-01/revoke")
    assert due(cloud) == {"cam-01": b""}
    publish(cloud)
    again = FleetDevice(cloud.client)
    again.enrol(enrolment(cloud, replace=True))
    assert due(cloud) == {"cam-01": envelope}
    publish(cloud)
    operator.send("POST", "/devices/cam-01/revoke")
    cloud.client.delete(f"{API}/devices/cam-01", headers=cloud.headers())
    assert due(cloud) == {"cam-01": b""}
    publish(cloud)
    with cloud.services.database.read() as session:
        assert not session.scalars(select(DeviceAssignment)).all(), "and nothing is left to do for it"


def test_who_was_overtaken_while_it_published_has_it_published_again(
    cloud: Cloud, operator: Operator, device: FleetDevice, task: str
) -> None:
    """Two workers: the slower may have put the older version on the topic, after the newer."""
    operator.assign(one(task=task))
    with cloud.services.database.read() as session:
        slow = desired.due(session, 10)
    operator.assign({"tasks": {}})
    publish(cloud)
    with cloud.services.database.begin() as session:
        desired.confirm(session, slow, cloud.services.now())
    assert due(cloud) == {"cam-01": own(device).content}
    publish(cloud)
    assert not due(cloud)
