"""A bundle on disk: an OCI image layout, read with suspicion.

```
meter-7/oci-layout            {"imageLayoutVersion": "1.0.0"}
meter-7/index.json            names the manifest
meter-7/blobs/sha256/<hex>    manifest, ModelPack config, roost.json, weights, golden vectors, reference set
```
`open_bundle` believes nothing it has not hashed: every blob's size and digest is checked, in the order
index → manifest → blobs, within limits. Nobody's signature is checked here. Only the reference set need not be there:
devices run bundles without it.
"""

import os
from pathlib import Path

from roost_shared.bundle import oci
from roost_shared.bundle.documents import (
    MAX_JSON_BYTES,
    blobs_to_run,
    check_digest,
    config_layer,
    parse_config,
    parse_index,
    parse_manifest,
    reference_layer,
)
from roost_shared.bundle.errors import AlteredBlobError, BadBlobPathError, BundleError, MissingBlobError
from roost_shared.bundle.manifest import BundleConfig, StageFormat, StageName
from roost_shared.digest import digest_of_stream, hex_of

__all__ = ["Bundle", "blob_path", "blobs_folder", "open_bundle"]


class Bundle:
    """An opened bundle: every blob was there and unaltered, but for the reference set, which may be missing.

    Attributes:
        folder: where it lies, with symbolic links resolved, so a pointer moved later does not move it.
        digest: of the manifest, `sha256:…`.
        manifest: which blobs it holds.
        config: what it says of itself.
    """

    def __init__(self, folder: Path, digest: str, manifest: oci.Manifest, config: BundleConfig) -> None:
        self.folder = folder
        self.digest = digest
        self.manifest = manifest
        self.config = config

    @property
    def reference(self) -> str:
        """`name:version@sha256:…`, as answers carry it."""
        return f"{self.config.name}:{self.config.version}@{self.digest}"

    @property
    def golden_path(self) -> Path:
        """The golden vectors' file."""
        return blob_path(self.folder, self.config.golden.digest)

    @property
    def reference_set_path(self) -> Path | None:
        """The reference set's file; None: the bundle has none, or it was not brought here."""
        if self.config.reference is None:
            return None
        path = blob_path(self.folder, self.config.reference.digest)
        return path if path.exists() else None

    def stage_path(self, name: StageName, stage_format: StageFormat | None = None) -> Path:
        """The model file of stage `name`, in `stage_format` or the first format listed.

        Raises:
            KeyError: the bundle has no such stage.
        """
        for stage in self.config.stages:
            if stage.name == name and stage_format in (None, stage.format):
                return blob_path(self.folder, stage.digest)
        raise KeyError(name)


def open_bundle(folder: Path, *, whole: bool = False) -> Bundle:
    """Open the bundle in `folder` and check every byte of it.

    Args:
        folder: where it lies.
        whole: see that its reference set is there too, if it has one.

    Raises:
        MissingBlobError: a file is not there.
        AlteredBlobError: a file's size or digest is not the promised one.
        BadBlobPathError: a digest is no digest, or a blob lies outside the folder.
        BundleVersionError: it follows a newer schema.
        BundleError: anything else is wrong with it.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise MissingBlobError(folder, "no bundle is here; build one (roost bundle build), or mend the path")
    layout = folder / "oci-layout"
    if b'"1.0.0"' not in _read_small(folder, layout):
        raise BundleError(layout, "is not an OCI image layout 1.0.0")
    index_path = folder / "index.json"
    entry = parse_index(index_path, _read_small(folder, index_path))
    manifest_path = _checked_blob(folder, index_path, entry)
    manifest = parse_manifest(manifest_path, _read_small(folder, manifest_path))
    for blob in blobs_to_run(manifest):
        _checked_blob(folder, manifest_path, blob)
    config_path = blob_path(folder, config_layer(manifest_path, manifest).digest)
    config = parse_config(config_path, _read_small(folder, config_path), manifest)
    reference = reference_layer(manifest)
    if reference is not None and (whole or os.path.lexists(blob_path(folder, reference.digest))):
        _checked_blob(folder, manifest_path, reference)
    return Bundle(folder, entry.digest, manifest, config)


def blobs_folder(folder: Path) -> Path:
    """Where a layout keeps its blobs."""
    return folder / "blobs" / "sha256"


def blob_path(folder: Path, digest: str) -> Path:
    """Where a layout keeps the blob of a checked `digest`."""
    return blobs_folder(folder) / hex_of(digest)


def _confined(folder: Path, path: Path) -> Path:
    """`path` if it is a regular file within `folder`, wherever its symbolic links lead."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise MissingBlobError(path, "is missing") from error
    if not target.is_relative_to(folder):
        raise BadBlobPathError(path, "leads out of the bundle's folder")
    if not target.is_file():
        raise BadBlobPathError(path, "is not a regular file")
    return path


def _read_small(folder: Path, path: Path) -> bytes:
    with _confined(folder, path).open("rb") as file:
        data = file.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        raise BundleError(path, f"is larger than {MAX_JSON_BYTES} bytes")
    return data


def _checked_blob(folder: Path, named_by: Path, blob: oci.Descriptor) -> Path:
    check_digest(named_by, blob.digest)
    path = _confined(folder, blob_path(folder, blob.digest))
    with path.open("rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        if size_bytes != blob.size:
            raise AlteredBlobError(path, f"holds {size_bytes} bytes, the bundle promises {blob.size}")
        digest = digest_of_stream(file)
    if digest != blob.digest:
        raise AlteredBlobError(path, f"has digest {digest}")
    return path
