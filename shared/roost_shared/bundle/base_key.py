"""When two bundles can share a base: then it is loaded once and runs once for an input, and each adds its head."""

import msgspec

from roost_shared.bundle.manifest import BundleDraft

__all__ = ["base_key"]


def base_key(config: BundleDraft) -> bytes | None:
    """What a bundle's base stage depends on, up to the features it gives.

    Bundles with equal keys can share one: the same blob in every format they carry, the same preprocessing, the same
    choice of runtimes.

    Returns:
        None if the bundle has no base stage, and so nothing to share.
    """
    bases = [stage for stage in config.stages if stage.name == "base"]
    if not bases:
        return None
    return msgspec.json.encode((bases, config.preprocessing, config.runtime.runtimes), order="deterministic")
