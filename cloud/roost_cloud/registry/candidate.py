"""A bundle that asks to become a version, judged by its documents' bytes. Pure.

```python
candidate = Candidate.of(manifest_bytes)
candidate.sizes  # the blobs it needs
config = candidate.read_config(data)  # `roost.json`, whose digest is candidate.config_digest
```
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from roost_cloud.registry.errors import BundleNameError
from roost_shared.bundle import AlteredBlobError, BundleConfig, BundleError, oci
from roost_shared.bundle.documents import config_layer, parse_config, parse_manifest
from roost_shared.digest import digest_of

__all__ = ["Candidate"]

_MANIFEST: Final = Path("manifest")  # what errors name
_CONFIG: Final = Path(oci.CONFIG_FILE)
_RUN_CHARS: Final = 200  # of a training run's name


@dataclass(frozen=True)
class Candidate:
    """A manifest, read.

    Attributes:
        data: its bytes.
        digest: theirs.
        manifest: what they say.
        config_digest: of its `roost.json`.
        config_bytes: how large that is, at most 4 MiB.
        sizes: of all blobs it names, in bytes, by digest.
    """

    data: bytes
    digest: str
    manifest: oci.Manifest
    config_digest: str
    config_bytes: int
    sizes: dict[str, int]

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Read a manifest.

        Raises:
            BundleError: it is none, or not of a bundle.
        """
        manifest = parse_manifest(_MANIFEST, data)
        config = config_layer(_MANIFEST, manifest)
        sizes: dict[str, int] = {}
        for blob in (manifest.config, *manifest.layers):
            if sizes.setdefault(blob.digest, blob.size) != blob.size:
                raise BundleError(_MANIFEST, f"gives {blob.digest} two sizes")
        return cls(data, digest_of(data), manifest, config.digest, config.size, sizes)

    @property
    def size_bytes(self) -> int:
        """Of the manifest and all blobs."""
        return len(self.data) + sum(self.sizes.values())

    def read_config(self, data: bytes) -> BundleConfig:
        """Read the bundle's own document.

        Raises:
            AlteredBlobError: these are not the bytes the manifest names.
            BundleError: something is wrong with it.
        """
        if digest_of(data) != self.config_digest:
            raise AlteredBlobError(_CONFIG, f"is kept damaged: its digest is not {self.config_digest}")
        config = parse_config(_CONFIG, data, self.manifest)
        run = config.training_run
        if run is not None and not (0 < len(run) <= _RUN_CHARS and run.isprintable()):
            raise BundleError(_CONFIG, f"$.training_run: is not one line of at most {_RUN_CHARS} characters")
        return config

    @staticmethod
    def check_name(config: BundleConfig, name: str, version: str) -> None:
        """Let pass what is sent under its own name.

        Raises:
            BundleNameError: the bundle says another of itself.
        """
        if (config.name, config.version) != (name, version):
            raise BundleNameError(f"the bundle is {config.name}:{config.version}, and was sent as {name}:{version}")
