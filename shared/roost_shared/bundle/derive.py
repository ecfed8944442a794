"""A bundle made from another: what changes is said, all else is carried over, and the other is named as its parent."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from roost_shared.bundle.documents import blobs_named
from roost_shared.bundle.layout import Bundle, blob_path
from roost_shared.bundle.manifest import BundleConfig
from roost_shared.bundle.writer import write_bundle
from roost_shared.digest import digest_of
from roost_shared.errors import ConfigError

__all__ = ["derive_bundle", "derived_config"]

_VERSION_CHARACTERS: Final = 63


def derived_config(parent: Bundle, *, version: str | None, suffix: str, changes: Mapping[str, Any]) -> BundleConfig:
    """The document of a bundle made from `parent`.

    Args:
        parent: the bundle it is made from.
        version: of the new one; None: the parent's with `suffix`.
        suffix: what was done to it.
        changes: fields by name, with their new values.

    Raises:
        ConfigError: the version is the parent's own, or none a bundle can have.
    """
    version = version or f"{parent.config.version[: _VERSION_CHARACTERS - len(suffix) - 1]}-{suffix}"
    remedy = "Give another with --version"
    if version == parent.config.version:
        raise ConfigError(where=str(parent.folder), key="version", problem=f"{version} is its own", remedy=remedy)
    # What was predicted of the parent was about its own parent.
    changes = {"predicted_disagreement": None, **changes}
    config = msgspec.structs.replace(parent.config, version=version, parent=parent.digest, **changes)
    try:
        return msgspec.convert(msgspec.to_builtins(config), BundleConfig)  # checks what the caller said
    except msgspec.ValidationError as error:
        raise ConfigError(where=str(parent.folder), key="", problem=str(error), remedy=remedy) from error


def derive_bundle(parent: Bundle, out: Path, config: BundleConfig, blobs: Iterable[bytes] = ()) -> Bundle:
    """Write it.

    Args:
        parent: the bundle it is made from; blobs that `config` still names come from there. Where its reference set
            was not brought, the new bundle's is missing too.
        out: the folder to write.
        config: its document.
        blobs: the new ones.

    Raises:
        BundleExistsError: another bundle lies at `out`.
        BundleError: the config contradicts itself or the blobs.
    """
    new = {digest_of(blob): blob for blob in blobs}
    kept = [blob_path(parent.folder, one) for one in dict(blobs_named(config)).keys() - new.keys()]
    blobs_kept = [path.read_bytes() for path in kept if path != _absent(parent)]
    return write_bundle(out, config, [*new.values(), *blobs_kept])


def _absent(parent: Bundle) -> Path | None:
    """Where the parent's reference set would lie, if it was not brought here."""
    reference = parent.config.reference
    if reference is None or parent.reference_set_path is not None:
        return None
    return blob_path(parent.folder, reference.digest)
