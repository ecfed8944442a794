"""The bundle: an immutable, content-addressed package of a model and all it takes to run and to judge it.

- Reading: `layout` opens a folder; `documents`, `oci` and `manifest` are what its documents say (`fleet_reference`: of
  how devices differ); `base_key` tells when two share a base.
- Proving: `golden` vectors; `reference`, the labelled inputs that a successor must still read as well.
- Building: `build`, by what `stage_files` and `infer` find out, `spec` says and `examples` show; `golden_making`,
  `synthetic`, `reference_making`; `writer` writes. Of a bundle another: `derive`, for `split` and `calibrate`
  (`temperature`).

Opening one needs no numpy, Pillow or runtime: the agent's own process does it. What only builders need is imported by
name, by them. Running one is `roost_shared.pipeline`; whether it was released, `roost_shared.trust` tells.
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
