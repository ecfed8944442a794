"""The bundle: an immutable, content-addressed package of a model and all it takes to run and to judge it.

Opening one needs no numpy, Pillow or runtime: the agent's own process does it. What only builders need (`writer`,
`build`, `golden`, `examples`, `spec`) is imported by name, by them.
"""

from roost_shared.bundle.errors import (
    AlteredBlobError,
    BadBlobPathError,
    BundleError,
    BundleExistsError,
    BundleVersionError,
    MissingBlobError,
)
from roost_shared.bundle.layout import Bundle, open_bundle
from roost_shared.bundle.manifest import BundleConfig, Stage, TensorSpec

__all__ = [
    "AlteredBlobError",
    "BadBlobPathError",
    "Bundle",
    "BundleConfig",
    "BundleError",
    "BundleExistsError",
    "BundleVersionError",
    "MissingBlobError",
    "Stage",
    "TensorSpec",
    "open_bundle",
]
