"""Writing a bundle: built in a folder beside, made durable, then renamed into place.

A power cut leaves the whole bundle or none. The same document and blobs always give the same manifest, byte by byte.
"""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from roost_shared.bundle import oci
from roost_shared.bundle.documents import blobs_named
from roost_shared.bundle.errors import BundleError, BundleExistsError
from roost_shared.bundle.layout import Bundle, blob_path, blobs_folder, open_bundle
from roost_shared.bundle.manifest import BundleConfig, ReferenceSpec, check_config
from roost_shared.digest import digest_of
from roost_shared.durable import fsync_folder, write_durably

__all__ = ["begin_layout", "complete_layout", "put_in_place", "write_bundle"]

_LAYOUT: Final = b'{"imageLayoutVersion":"1.0.0"}'


def write_bundle(folder: Path, config: BundleConfig, blobs: Iterable[bytes]) -> Bundle:
    """Write a bundle, durably and atomically; the same config and blobs always give the same digest.

    Args:
        folder: where it shall lie; its parent must exist.
        config: its document, naming stages, golden vectors and reference set by digest.
        blobs: the bytes of those; the reference set's may be missing, and then the bundle is as good as one that was
            brought to where it runs.

    Raises:
        BundleExistsError: `folder` holds something else already. The same bundle is no error.
        BundleError: the config contradicts itself or the blobs.
        OSError: the disk refused; nothing is left behind.
    """
    by_digest = {digest_of(blob): blob for blob in blobs}
    problem = check_config(config) or _check_blobs(config, by_digest)
    if problem:
        raise BundleError(folder, problem)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        _fill(temporary, config, by_digest)
        written = open_bundle(temporary)  # what a reader would refuse is never put in place
        put_in_place(temporary, folder, written.digest)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Bundle(folder.resolve(), written.digest, written.manifest, written.config)


def begin_layout(folder: Path) -> Path:
    """Make the folder within `folder` that a layout's blobs lie in, and return it; it may be there already.

    Raises:
        OSError: the disk refused.
    """
    blobs = blobs_folder(folder)
    blobs.mkdir(parents=True, exist_ok=True)
    return blobs


def complete_layout(folder: Path, manifest: bytes, version: str) -> None:
    """Make an OCI image layout of a folder begun, that holds a manifest's blobs: add the manifest, and name it.

    Raises:
        OSError: the disk refused.
    """
    entry = _put(folder, manifest, oci.MANIFEST_MEDIA_TYPE)
    named = msgspec.structs.replace(
        entry,
        artifact_type=oci.MODEL_ARTIFACT_TYPE,
        annotations={"org.opencontainers.image.ref.name": version},
    )
    write_durably(folder / "index.json", _encode(oci.Index(manifests=[named])))
    write_durably(folder / "oci-layout", _LAYOUT)
    fsync_folder(folder / "blobs")


def put_in_place(temporary: Path, folder: Path, digest: str) -> None:
    """Make `folder` be the checked bundle in `temporary`, which is in the same parent.

    Raises:
        BundleExistsError: `folder` holds something else already. The same bundle stays, and so does `temporary`.
        OSError: the disk refused.
    """
    temporary.chmod(0o755)  # a temporary folder's 0700 would hide the bundle from the agent's user
    try:
        temporary.rename(folder)  # fails on a folder that holds something
    except OSError as error:
        if not folder.exists():
            raise
        if not folder.is_dir() or open_bundle(folder).digest != digest:
            raise BundleExistsError(folder, "holds another bundle; give a new folder or remove this one") from error
    fsync_folder(folder.parent)


def _check_blobs(config: BundleConfig, by_digest: dict[str, bytes]) -> str | None:
    named = dict(blobs_named(config))
    if config.reference is not None and config.reference.digest not in by_digest:
        named.pop(config.reference.digest)
    if named.keys() != by_digest.keys():
        return f"the config names blobs {sorted(named)}, but {sorted(by_digest)} were given"
    for digest, size in named.items():
        if len(by_digest[digest]) != size:
            return f"{digest} holds {len(by_digest[digest])} bytes, the config says {size}"
    return None


def _fill(folder: Path, config: BundleConfig, by_digest: dict[str, bytes]) -> None:
    """Write a layout into the empty `folder`."""
    begin_layout(folder)
    layers = [_put(folder, _encode(config), oci.WEIGHT_CONFIG_MEDIA_TYPE, oci.CONFIG_FILE)]
    layers.extend(
        _put(folder, by_digest[stage.digest], oci.WEIGHT_MEDIA_TYPE, f"{stage.name}.{stage.format}")
        for stage in config.stages
    )
    layers.append(_put(folder, by_digest[config.golden.digest], oci.DATASET_MEDIA_TYPE, oci.GOLDEN_FILE))
    if config.reference is not None:
        layers.append(_put_reference(folder, config.reference, by_digest))
    model = oci.ModelPackConfig(
        descriptor=oci.ModelDescriptor(name=config.name, version=config.version, family=config.task),
        config=oci.ModelConfig(format=config.stages[0].format),
        modelfs=oci.ModelFiles(diff_ids=[layer.digest for layer in layers]),
    )
    manifest = oci.Manifest(
        artifact_type=oci.MODEL_ARTIFACT_TYPE,
        config=_put(folder, _encode(model), oci.MODEL_CONFIG_MEDIA_TYPE),
        layers=layers,
    )
    complete_layout(folder, _encode(manifest), config.version)


def _put_reference(folder: Path, reference: ReferenceSpec, by_digest: dict[str, bytes]) -> oci.Descriptor:
    if reference.digest in by_digest:
        return _put(folder, by_digest[reference.digest], oci.REFERENCE_MEDIA_TYPE, oci.REFERENCE_FILE)
    return oci.Descriptor(
        media_type=oci.REFERENCE_MEDIA_TYPE,
        digest=reference.digest,
        size=reference.size_bytes,
        annotations={oci.FILEPATH_ANNOTATION: oci.REFERENCE_FILE},
    )


def _put(folder: Path, data: bytes, media_type: str, file_name: str | None = None) -> oci.Descriptor:
    digest = digest_of(data)
    write_durably(blob_path(folder, digest), data)
    annotations = {oci.FILEPATH_ANNOTATION: file_name} if file_name else {}
    return oci.Descriptor(media_type=media_type, digest=digest, size=len(data), annotations=annotations)


def _encode(document: msgspec.Struct) -> bytes:
    return msgspec.json.encode(document, order="deterministic")
