"""A tenant that signs and assigns, a device of it that is enrolled, and a relay between the two."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from roost_cloud.trust import drafts
from roost_cloud.trust.online_keys import OnlineKeys
from roost_edge.identity.enrol import enrol_device
from roost_edge.installer.settings import InstallerSettings
from roost_shared.assignment import AssignedContestant, AssignedTask, Assignment, BundlePin
from roost_shared.bundle import Bundle
from roost_shared.trust.envelope import seal
from roost_shared.trust.names import ASSIGNMENTS
from tests.support.fleet import enrolment
from tests.support.http_relay import HttpRelay
from tests.support.registry import RegistryApi
from tests.support.served_cloud import ServedCloud, serve_cloud
from tests.support.trust import TrustPeople, signed, target_of

__all__ = ["InstallSite", "contestant_of", "install_site", "pin_of"]


def pin_of(bundle: Bundle, **changed: str) -> BundlePin:
    """A bundle as an assignment names it."""
    pin = BundlePin(name=bundle.config.name, version=bundle.config.version, digest=bundle.digest)
    return msgspec.structs.replace(pin, **changed)


def contestant_of(bundle: Bundle, name: str = "primary", **fields: Any) -> AssignedContestant:
    return AssignedContestant(name=name, bundle=pin_of(bundle), **fields)


class InstallSite:
    """Made by `install_site`.

    Attributes:
        relay: between devices and the cloud, and the object store it stands in for.
        released: bundles, in the order of their release.
    """

    def __init__(self, cloud: ServedCloud, relay: HttpRelay, task: str) -> None:
        self.cloud = cloud
        self.relay = relay
        self.task = task
        self.released: list[Bundle] = []
        self.people = TrustPeople(cloud)
        self.people.begin(task)
        self._release_version = 0
        self._keys = OnlineKeys(cloud.services.settings.secrets_path, "acme")
        people = self.people
        people.targets = drafts.assigning(
            people.targets, [self._keys.newest(ASSIGNMENTS).public_key], expires=people.expires
        )
        people.accept("targets", signed(people.targets, people.targets_signer))

    def enrol(self, state_dir: Path, device: str = "cam-01") -> None:
        """Make `state_dir` that device's, whoever was it before."""
        token = enrolment(self.cloud, device, replace=True)
        enrol_device(url=self.relay.url, token=token, state_dir=state_dir, expected=None, replace=True)

    def push(self, *bundles: Bundle) -> None:
        for bundle in bundles:
            RegistryApi(self.cloud).push(bundle)

    def release(self, *bundles: Bundle) -> None:
        """Push them, and have the releaser sign them."""
        self.push(*bundles)
        self.released += [bundle for bundle in bundles if bundle.digest not in {one.digest for one in self.released}]
        release = drafts.released(
            None, add=[target_of(bundle) for bundle in self.released], expires=self.people.expires
        )
        self._release_version += 1
        release.version = self._release_version
        self.people.accept(f"releases/{self.task}", signed(release, self.people.releaser))

    def assignment(self, version: int, *contestants: AssignedContestant, **changed: Any) -> Assignment:
        given: dict[str, Any] = {
            "tenant": "acme",
            "device": "cam-01",
            "version": version,
            "issued_at": "2026-11-30T00:00:00Z",
            "tasks": {self.task: AssignedTask(contestants=contestants)},
        }
        return Assignment(**given | changed)

    def sealed(self, version: int, *bundles: Bundle, **changed: Any) -> bytes:
        """An assignment of these bundles, as it comes by MQTT."""
        contestants = [contestant_of(bundle, f"c{number}") for number, bundle in enumerate(bundles)]
        return self.seal(self.assignment(version, *contestants, **changed))

    def seal(self, assignment: Assignment) -> bytes:
        return seal(assignment, self._keys.signers(ASSIGNMENTS))

    def settings(self, state_dir: Path, **changed: Any) -> InstallerSettings:
        settings = InstallerSettings(
            state_dir=str(state_dir), cloud_url=None, free_disk_bytes=0, downlink_bytes_per_s=None, start_jitter_s=0
        )
        return msgspec.structs.replace(settings, **changed)


@contextmanager
def install_site(folder: Path, database: Path, task: str, **settings: Any) -> Iterator[InstallSite]:
    """One with its data in `folder`, on the SQLite database there; `settings`: more of the cloud's."""
    with HttpRelay() as relay, serve_cloud(folder, f"sqlite:///{database}", public_url=relay.url, **settings) as cloud:
        relay.lead_to(int(cloud.url.rpartition(":")[2]))
        yield InstallSite(cloud, relay, task)
