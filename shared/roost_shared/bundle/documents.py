"""The documents of a bundle, from bytes: nothing here reads a file, so device and registry judge alike.

index → manifest → `roost.json`. Whoever reads them has hashed them before, except for the index, which nothing vouches
for. Every function takes the path that its errors shall name.
"""

from pathlib import Path
from typing import Final, TypeVar

import msgspec

from roost_shared.bundle import oci
from roost_shared.bundle.errors import BadBlobPathError, BundleError, BundleVersionError
from roost_shared.bundle.manifest import CONFIG_SCHEMA_VERSION, BundleConfig, check_config
from roost_shared.digest import DIGEST
from roost_shared.messages import UNREADABLE

__all__ = [
    "MAX_JSON_BYTES",
    "blobs_named",
    "blobs_to_run",
    "check_digest",
    "config_layer",
    "parse_config",
    "parse_index",
    "parse_manifest",
    "reference_layer",
]

MAX_JSON_BYTES: Final = 4 << 20  # bytes, of index, manifest and roost.json each

_Document = TypeVar("_Document", oci.Index, oci.Manifest, BundleConfig)


def check_digest(path: Path, digest: str) -> None:
    """Let a digest pass that can be made a path.

    Raises:
        BadBlobPathError: it is no SHA-256 digest.
    """
    if DIGEST.fullmatch(digest) is None:
        raise BadBlobPathError(path, f"{digest!r} is not a sha256 digest")


def parse_index(path: Path, data: bytes) -> oci.Descriptor:
    """Read `index.json`: where the bundle's manifest is.

    Raises:
        BundleError: it is no index, or holds other than one image manifest.
    """
    index = _decode(path, data, oci.Index)
    models = [entry for entry in index.manifests if entry.media_type == oci.MANIFEST_MEDIA_TYPE]
    if len(models) != 1:
        raise BundleError(path, f"$.manifests: names {len(models)} image manifests, a bundle holds one")
    return models[0]


def parse_manifest(path: Path, data: bytes) -> oci.Manifest:
    """Read a bundle's manifest.

    Raises:
        BadBlobPathError: a digest in it is none.
        BundleError: it is no manifest of a ModelPack model.
    """
    manifest = _decode(path, data, oci.Manifest)
    if manifest.media_type != oci.MANIFEST_MEDIA_TYPE:
        raise BundleError(path, f"$.mediaType: is {manifest.media_type!r}, not an OCI image manifest")
    if manifest.artifact_type != oci.MODEL_ARTIFACT_TYPE:
        raise BundleError(path, f"$.artifactType: is {manifest.artifact_type!r}, not a ModelPack model")
    for blob in (manifest.config, *manifest.layers):
        check_digest(path, blob.digest)
    return manifest


def config_layer(path: Path, manifest: oci.Manifest) -> oci.Descriptor:
    """Which layer is `roost.json`.

    Raises:
        BundleError: none is, or more than one, or it is too large.
    """
    layers = [layer for layer in manifest.layers if layer.annotations.get(oci.FILEPATH_ANNOTATION) == oci.CONFIG_FILE]
    if len(layers) != 1:
        raise BundleError(path, f"$.layers: {len(layers)} layers are called {oci.CONFIG_FILE}, not one")
    if layers[0].size > MAX_JSON_BYTES:
        raise BundleError(path, f"$.layers: {oci.CONFIG_FILE} is larger than {MAX_JSON_BYTES} bytes")
    return layers[0]


def reference_layer(manifest: oci.Manifest) -> oci.Descriptor | None:
    """Which layer is the reference set; None: the bundle has none. Of several, `parse_config` accepts none."""
    for layer in manifest.layers:
        if layer.annotations.get(oci.FILEPATH_ANNOTATION) == oci.REFERENCE_FILE:
            return layer
    return None


def blobs_to_run(manifest: oci.Manifest) -> list[oci.Descriptor]:
    """What whoever runs a bundle needs: all that its manifest names but the reference set."""
    reference = reference_layer(manifest)
    return [manifest.config, *(layer for layer in manifest.layers if layer is not reference)]


def parse_config(path: Path, data: bytes, manifest: oci.Manifest) -> BundleConfig:
    """Read `roost.json`, and check that the manifest carries all it names.

    Raises:
        BundleVersionError: it follows another schema.
        BundleError: anything else is wrong with it.
    """
    version = _decode_version(path, data)
    if version != CONFIG_SCHEMA_VERSION:
        side = "this side" if version > CONFIG_SCHEMA_VERSION else "the bundle"
        raise BundleVersionError(
            path, f"has schema_version {version}, we read {CONFIG_SCHEMA_VERSION}: upgrade {side}"
        )
    config = _decode(path, data, BundleConfig)
    carried = {(layer.digest, layer.size) for layer in manifest.layers}
    for digest, size in blobs_named(config):
        if (digest, size) not in carried:
            raise BundleError(path, f"names {digest} of {size} bytes, which is no layer of the manifest")
    problem = _check_reference(config, manifest) or check_config(config)
    if problem:
        raise BundleError(path, problem)
    return config


def blobs_named(config: BundleConfig) -> list[tuple[str, int]]:
    """Digest and size in bytes of each blob the document names, as often as it names it."""
    beside = [config.golden, *([config.reference] if config.reference is not None else ())]
    return [(one.digest, one.size_bytes) for one in (*config.stages, *beside)]


def _check_reference(config: BundleConfig, manifest: oci.Manifest) -> str | None:
    """The layer that a device may lack is the reference set, and nothing that it needs."""
    layer = reference_layer(manifest)
    carried = None if layer is None else (layer.digest, layer.size)
    named = None if config.reference is None else (config.reference.digest, config.reference.size_bytes)
    if carried != named:
        return f"$.reference: is not the manifest's {oci.REFERENCE_FILE}"
    others = blobs_to_run(manifest)
    if layer is not None and any(
        blob.digest == layer.digest or blob.annotations.get(oci.FILEPATH_ANNOTATION) == oci.REFERENCE_FILE
        for blob in others
    ):
        return f"$.reference: {oci.REFERENCE_FILE} is something else as well"
    return None


class _Version(msgspec.Struct):
    schema_version: int


def _decode_version(path: Path, data: bytes) -> int:
    try:
        return msgspec.json.decode(data, type=_Version).schema_version
    except UNREADABLE as error:
        raise BundleError(path, str(error)) from error


def _decode(path: Path, data: bytes, kind: type[_Document]) -> _Document:
    try:
        return msgspec.json.decode(data.decode(), type=kind)  # as text: msgspec reads past bad UTF-8 in what it skips
    except UNREADABLE as error:
        raise BundleError(path, str(error)) from error
