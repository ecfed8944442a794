"""A bundle as registries see it: OCI image layout, image manifest, and the CNCF ModelPack config.

A bundle's manifest follows the ModelPack specification, so registries and ModelPack tools can carry and unpack it.
ModelPack's config blob is a closed schema, so Roost's document (`manifest.BundleConfig`) rides in a layer of its own:
a ModelPack *weight config* file called `roost.json`. Weights and golden vectors are layers beside it, and so is the
reference set, if there is one: labelled inputs that the model is known to be good at, which no device fetches.

See https://github.com/modelpack/model-spec and https://github.com/opencontainers/image-spec.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from roost_shared.digest import DIGEST

__all__ = [
    "CONFIG_FILE",
    "DATASET_MEDIA_TYPE",
    "FILEPATH_ANNOTATION",
    "GOLDEN_FILE",
    "INDEX_MEDIA_TYPE",
    "MANIFEST_MEDIA_TYPE",
    "MODEL_ARTIFACT_TYPE",
    "MODEL_CONFIG_MEDIA_TYPE",
    "REFERENCE_FILE",
    "REFERENCE_MEDIA_TYPE",
    "WEIGHT_CONFIG_MEDIA_TYPE",
    "WEIGHT_MEDIA_TYPE",
    "Descriptor",
    "Digest",
    "Index",
    "Manifest",
    "ModelConfig",
    "ModelDescriptor",
    "ModelFiles",
    "ModelPackConfig",
    "Size",
]

INDEX_MEDIA_TYPE: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST_MEDIA_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
MODEL_ARTIFACT_TYPE: Final = "application/vnd.cncf.model.manifest.v1+json"
MODEL_CONFIG_MEDIA_TYPE: Final = "application/vnd.cncf.model.config.v1+json"
WEIGHT_MEDIA_TYPE: Final = "application/vnd.cncf.model.weight.v1.raw"
WEIGHT_CONFIG_MEDIA_TYPE: Final = "application/vnd.cncf.model.weight.config.v1.raw"
DATASET_MEDIA_TYPE: Final = "application/vnd.cncf.model.dataset.v1.raw"
REFERENCE_MEDIA_TYPE: Final = "application/vnd.cncf.model.dataset.v1.tar"
FILEPATH_ANNOTATION: Final = "org.cncf.model.filepath"
CONFIG_FILE: Final = "roost.json"
GOLDEN_FILE: Final = "golden.msgpack"
REFERENCE_FILE: Final = "reference.tar"

# `\Z`, not `$`: a dollar also matches before a trailing line feed, which a path must not carry.
Digest = Annotated[str, Meta(pattern=rf"\A{DIGEST.pattern}\Z")]
Size = Annotated[int, Meta(ge=0)]


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An OCI descriptor: a blob by digest and size."""

    media_type: str
    digest: str  # checked where it becomes a path, which has an error of its own
    size: Size  # bytes
    artifact_type: str | None = None
    annotations: dict[str, str] = {}


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An OCI image manifest; its digest is the bundle's."""

    schema_version: Literal[2] = 2
    media_type: str = MANIFEST_MEDIA_TYPE
    artifact_type: str
    config: Descriptor
    layers: Annotated[list[Descriptor], Meta(min_length=1, max_length=64)]
    annotations: dict[str, str] = {}


class Index(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`index.json`: the manifests an OCI layout holds; a bundle holds one."""

    schema_version: Literal[2] = 2
    media_type: str = INDEX_MEDIA_TYPE
    manifests: list[Descriptor]


class ModelDescriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """ModelPack: who the model is."""

    name: str
    version: str
    family: str


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """ModelPack: what the model is."""

    format: str


class ModelFiles(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """ModelPack: digests of the uncompressed layers, in order."""

    type: Literal["layers"] = "layers"
    diff_ids: list[str]


class ModelPackConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The config blob as ModelPack prescribes it; Roost writes it for other tools and reads nothing from it."""

    descriptor: ModelDescriptor
    config: ModelConfig
    modelfs: ModelFiles
