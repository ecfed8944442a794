"""What the last bit of a model's output depends on: processor, its features, runtime and how it is set up.

Kernels are chosen by what the processor can do, and round by it. The features are told by a hash: their list is long.
For a worker's process: it asks the runtime's package for its version.
"""

import functools
import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from roost_shared.runtime_settings import RuntimeSettings

__all__ = ["hardware"]

_CPU_INFO: Final = Path("/proc/cpuinfo")
_FEATURES: Final = ("flags", "Features")  # as x86 and Arm call them
_PACKAGES: Final = ("ai-edge-litert", "tflite-runtime", "onnxruntime", "numpy", "pillow")
_HASH_CHARACTERS: Final = 12


def hardware(settings: RuntimeSettings) -> str:
    """This machine and how models are run on it, in a line."""
    delegate = f" {settings.delegate}" if settings.delegate else ""
    return f"{platform.machine()} {_features()} {_packages()} {settings.threads} threads{delegate}"


@functools.cache
def _features() -> str:
    try:
        lines = _CPU_INFO.read_text("utf-8", "replace").splitlines()
    except OSError:
        return "?"
    told = next((line.partition(":")[2] for line in lines if line.partition(":")[0].strip() in _FEATURES), "")
    return hashlib.sha256(" ".join(sorted(told.split())).encode()).hexdigest()[:_HASH_CHARACTERS]


@functools.cache
def _packages() -> str:
    """The versions of whatever decodes, prepares or runs, by one hash."""
    said = []
    for package in _PACKAGES:
        try:
            said.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return hashlib.sha256(" ".join(said).encode()).hexdigest()[:_HASH_CHARACTERS]
