"""What is committed, and building from it alone: what else lies in a work tree gets into no wheel."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["BuildError", "build", "unpack_committed"]


class BuildError(Exception):
    """It could not be built; the text says what failed."""


def unpack_committed(project: Path, folder: Path) -> int:
    """Put the files of `project`'s last commit into `folder`; returns the commit's moment, Unix seconds.

    Raises:
        BuildError: This is no git repository, or nothing is committed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as archive:
        _run(["git", "-C", str(project), "archive", "--format=tar", "HEAD"], output=archive.fileno())
        archive.seek(0)
        # By tar, as Debian 12's Python unpacks without a filter only.
        _run(["tar", "--extract", "--directory", str(folder)], given=archive.fileno())
    return int(_run(["git", "-C", str(project), "log", "-1", "--format=%ct"]))


def build(tree: Path, moment_s: int, out: Path) -> list[Path]:
    """Build the wheel and the source distribution of `tree` into the empty `out`, dated `moment_s`; returns both.

    Raises:
        BuildError: hatchling failed.
    """
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(moment_s)}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist"]
    command += ["-d", str(out.absolute())]
    _run(command, cwd=tree, environment=environment)
    return sorted(out.iterdir())


def _run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    given: int | None = None,
    output: int = -1,
) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdin=given, stdout=output, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-500:]}")
    return (done.stdout or "").strip()
