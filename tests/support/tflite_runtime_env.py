"""An environment of its own for `tflite-runtime`, which needs numpy 1 and Python 3.11: made once, below .cache/."""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["tflite_runtime_python"]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".cache" / "tflite-runtime"
LOCKS = [ROOT / "scripts" / "constraints" / f"{name}.txt" for name in ("build", "tflite-runtime")]


@pytest.fixture(scope="session")
def tflite_runtime_python() -> Path:
    """The environment's Python: Roost and tflite-runtime, no LiteRT, no ONNX Runtime.

    Where there can be none the test is skipped; where it could not be made it fails if servers are required.
    """
    if sys.version_info >= (3, 12):
        pytest.skip("tflite-runtime has no release for Python 3.12 and later")
    python = FOLDER / "bin" / "python"
    stamp = FOLDER / "roost-digest"
    digest = _digest()
    FOLDER.parent.mkdir(exist_ok=True)
    with (FOLDER.parent / "tflite-runtime.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != digest:
            _make(python)
            stamp.write_text(digest)
    return python


def _digest() -> str:
    """Of all that the environment is made from; the root counts because Roost is installed from there."""
    parts = [*(lock.read_bytes() for lock in LOCKS), (ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _make(python: Path) -> None:
    _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(FOLDER))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--quiet", "install"]
    # Not compiled: a third of the time, and what is imported is compiled then.
    _run(*pip, "--no-compile", "--require-hashes", *(f"--requirement={lock}" for lock in LOCKS))
    _run(*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 0:
        return
    message = f"no environment for tflite-runtime: {' '.join(done.stderr.split())[-300:]}"
    if os.environ.get("CI") == "true" or os.environ.get("ROOST_REQUIRE_SERVERS"):
        pytest.fail(message)
    pytest.skip(message)
