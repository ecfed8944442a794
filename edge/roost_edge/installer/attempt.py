"""One attempt to bring an assignment to the disk: what was believed in, a plan out, or an error that says why not.

    released? ──▶ manifests ──▶ documents ──▶ does it fit? ──▶ blobs ──▶ bundles ──▶ the plan

Each step finds what earlier attempts left, so that another one goes on where the last came to.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from roost_edge.installer import pointer
from roost_edge.installer.download import Downloads
from roost_edge.installer.errors import MisnamedBundleError, PinMismatchError
from roost_edge.installer.fit import Machine, Need, Seat, check_disk, check_machine
from roost_edge.installer.garbage import collect_garbage
from roost_edge.installer.headway import Headway
from roost_edge.installer.plan import Plan
from roost_edge.installer.store import BundleStore
from roost_edge.installer.trusted_cloud import TrustedCloud
from roost_shared.assignment import Assignment, BundlePin
from roost_shared.bundle import BundleConfig, BundleError
from roost_shared.bundle.documents import blobs_to_run, config_layer, parse_config, parse_manifest
from roost_shared.bundle.oci import Manifest
from roost_shared.digest import hex_of

__all__ = ["Attempt"]


class _Known(NamedTuple):
    """A bundle whose documents are here."""

    pin: BundlePin
    data: bytes  # of the manifest
    manifest: Manifest
    config: BundleConfig

    @property
    def blobs(self) -> dict[str, int]:
        """Sizes by digest of the blobs that it takes to run it, but the manifest's own."""
        return {blob.digest: blob.size for blob in blobs_to_run(self.manifest)}


class Attempt:
    """An attempt.

    Args:
        assignment: believed.
        state_dir: the agent's folder.
        cloud: has just been looked at, by `refresh`.
        store: where to.
        downloads: from there to here; moves are told to `headway`.
        headway: is told of all that happens.
        machine: looks at this machine.
        reserve_bytes: of the disk, that are left to others.
        told: called when a bundle is a step further.
    """

    def __init__(
        self,
        assignment: Assignment,
        state_dir: Path,
        cloud: TrustedCloud,
        store: BundleStore,
        downloads: Downloads,
        headway: Headway,
        *,
        machine: Callable[[], Machine],
        reserve_bytes: int,
        told: Callable[[], None],
    ) -> None:
        self._assignment = assignment
        self._state_dir = state_dir
        self._cloud = cloud
        self._store = store
        self._downloads = downloads
        self._headway = headway
        self._machine = machine
        self._reserve_bytes = reserve_bytes
        self._told = told

    def run(self) -> Plan:
        """Make it; the plan is on the disk, with all it names.

        Raises:
            RoostError: what it is that failed; it may be run again.
        """
        self._store.prepare()
        known = self._documents(self._released())
        self._check_names(known)
        check_machine(self._needs(known), self._loaded(), self._machine())
        self._fetch(known)
        folders = {digest: self._stage(bundle) for digest, bundle in known.items()}
        plan = Plan(assignment=self._assignment, folders=folders)
        pointer.write_plan(self._state_dir, plan)
        return plan

    # ---- trust

    def _released(self) -> dict[str, int]:
        """See that releasers have signed what is assigned; sizes of the manifests, by digest."""
        sizes: dict[str, int] = {}
        for task, pin in _pins(self._assignment):
            signed = self._cloud.verify_manifest(task, pin.name, pin.version)
            if signed.sha256 != hex_of(pin.digest):
                raise PinMismatchError(
                    f"{pin.reference} is assigned for {task}, and what is released as {pin.name}:{pin.version} is"
                    f" sha256:{signed.sha256}: assign what is released, or release what is assigned"
                )
            sizes[pin.digest] = signed.length
        return sizes

    # ---- documents

    def _documents(self, sizes: Mapping[str, int]) -> dict[str, _Known]:
        known = {}
        for _, pin in _pins(self._assignment):
            if pin.digest not in known:
                known[pin.digest] = self._document(pin, sizes[pin.digest])
        return known

    def _document(self, pin: BundlePin, size_bytes: int) -> _Known:
        path = Path(pin.reference)  # what errors name
        data = self._store.read(pin.digest)
        if data is None:
            data = self._cloud.bundles.manifest(pin.digest, size_bytes)
            self._store.put(pin.digest, data)
        manifest = parse_manifest(path, data)
        layer = config_layer(path, manifest)
        document = self._store.read(layer.digest)
        if document is None:
            self._downloads.bring(layer.digest, layer.size)
            document = self._store.read(layer.digest) or b""
        return _Known(pin, data, manifest, parse_config(path, document, manifest))

    def _check_names(self, known: Mapping[str, _Known]) -> None:
        for task, pin in _pins(self._assignment):
            config = known[pin.digest].config
            said = (config.name, config.version, config.task)
            if said != (pin.name, pin.version, task):
                raise MisnamedBundleError(
                    f"{pin.reference} is assigned for {task}, and calls itself {config.name}:{config.version} for"
                    f" {config.task}"
                )

    # ---- fit

    def _needs(self, known: Mapping[str, _Known]) -> dict[Seat, Need]:
        return _needs(self._assignment, lambda digest: known[digest].config)

    def _loaded(self) -> dict[Seat, Need]:
        """What runs by the plan in force; one that cannot be read runs nothing."""
        in_force = pointer.read_in_force(self._state_dir).plan
        if in_force is None:
            return {}
        return _needs(in_force.assignment, self._config_here)

    def _config_here(self, digest: str) -> BundleConfig | None:
        try:
            return self._store.config_of(digest)
        except BundleError:
            return None

    # ---- bytes

    def _fetch(self, known: Mapping[str, _Known]) -> None:
        missing: dict[str, dict[str, int]] = {}
        needed: set[str] = set()
        for digest, bundle in known.items():
            others = {blob: size for blob, size in bundle.blobs.items() if blob not in needed}
            missing[digest] = {blob: size for blob, size in others.items() if not self._store.holds(blob, size)}
            needed |= {digest, *others}
        collect_garbage(self._state_dir, self._store, bundles=known, blobs=needed, version=self._assignment.version)
        here = {blob: self._store.partial_bytes(blob) for blobs in missing.values() for blob in blobs}
        self._headway.expect(missing, here)
        left_bytes = sum(max(size - here[blob], 0) for blobs in missing.values() for blob, size in blobs.items())
        check_disk(left_bytes, free_bytes=self._store.free_bytes, reserve_bytes=self._reserve_bytes)
        for digest, blobs in missing.items():
            self._headway.fetching(digest)
            self._told()
            for blob, size_bytes in blobs.items():
                self._downloads.bring(blob, size_bytes)
            self._headway.reach(digest, "verified")
            self._told()

    def _stage(self, bundle: _Known) -> str:
        digest = bundle.pin.digest
        self._store.stage(digest, bundle.manifest, bundle.data, bundle.pin.version)
        self._headway.reach(digest, "staged")
        self._told()
        return str(self._store.bundle_folder(digest).relative_to(self._state_dir))


def _pins(assignment: Assignment) -> list[tuple[str, BundlePin]]:
    """Every bundle with every task that it is assigned for."""
    return [
        (name, contestant.bundle)
        for name, task in assignment.tasks.items()
        for contestant in task.contestants
        if contestant.bundle is not None
    ]


def _needs(assignment: Assignment, config_of: Callable[[str], BundleConfig | None]) -> dict[Seat, Need]:
    needs = {}
    for name, task in assignment.tasks.items():
        for contestant in task.contestants:
            pin = contestant.bundle
            config = None if pin is None else config_of(pin.digest)
            if pin is not None and config is not None:
                needs[Seat(name, contestant.name, pin.digest)] = Need(
                    bundle=pin.reference,
                    runtimes=config.runtime.runtimes,
                    only=contestant.runtime.name,
                    architectures=config.runtime.architectures,
                    ram_bytes=config.runtime.ram_bytes,
                )
    return needs
