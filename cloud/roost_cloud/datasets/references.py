"""The reference set of a snapshot's incumbent: what it is good at, read from the registry as a stream."""

from collections.abc import Iterator
from typing import Final

from roost_cloud.datasets.pooled import Pooled
from roost_cloud.datasets.snapshot import Part
from roost_cloud.datasets.store import REFERENCE
from roost_cloud.labels.chance import chance
from roost_cloud.objects import ObjectStore
from roost_cloud.registry.blobs import blob_key
from roost_cloud.registry.candidate import Candidate
from roost_cloud.registry.versions import read_config
from roost_shared.bundle import BundleConfig
from roost_shared.bundle.reference import ReferenceSample, read_reference_stream
from roost_shared.shards.media import media_type

__all__ = ["find_config", "pooled_references", "read_references"]

_VALIDATION: Final = 0.25  # of what is for training


def find_config(store: ObjectStore, tenant: str, manifest: bytes) -> BundleConfig:
    """A bundle's own document; raises as `registry.versions.read_config`."""
    return read_config(store, tenant, Candidate.of(manifest))


def read_references(store: ObjectStore, tenant: str, config: BundleConfig) -> Iterator[ReferenceSample]:
    """The inputs of a bundle's reference set, one at a time; none if it has none.

    Raises:
        ReferenceSetError: it is none; found out when it is come to.
        ObjectNotFoundError, StoreUnavailableError, StoreFailedError: the store does not give it.
    """
    if config.reference is None:
        return
    key = blob_key(tenant, config.reference.digest)
    with store.open(key) as reader:
        yield from read_reference_stream(key, reader, config.reference)


def pooled_references(store: ObjectStore, tenant: str, config: BundleConfig) -> Iterator[Pooled]:
    """The reference set as a snapshot's pool has it; a quarter of what is for training is for validation."""
    for one in read_references(store, tenant, config):
        part: Part = one.part
        if part == "train" and chance("validation", one.sha256) < _VALIDATION:
            part = "validation"
        yield Pooled(
            sample=f"{REFERENCE}{one.sha256}",
            sha256=one.sha256,
            media_type=media_type(one.suffix),
            size_bytes=len(one.payload),
            world="old",
            label=one.label,
            source="reference",
            weight=one.weight,
            device=one.device,
            part=part,
        )
