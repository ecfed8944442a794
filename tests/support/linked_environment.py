"""An environment with exactly what one lock file pins and what a wheel holds, made of links into this one: no network.

It shows what an installation lacks that this environment has, since whatever is not in the lock cannot be imported.
"""

import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

__all__ = ["LinkedEnvironment"]

ROOT = Path(__file__).parents[2]


class LinkedEnvironment:
    """A folder of modules, for a Python that sees no other but its standard library.

    Args:
        folder: it is made there.
        wheel: unpacked there.
        lock: the name of a set below scripts/constraints.
    """

    def __init__(self, folder: Path, wheel: Path, lock: str) -> None:
        self.folder = folder
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        for name in _pinned(lock):
            for entry in _top_level(name):
                link = folder / entry.name
                if not link.exists():
                    link.symlink_to(entry)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROOST_", "PYTHON"))}
        return kept | {"PYTHONPATH": str(self.folder)}

    def command(self, name: str) -> list[str]:
        """A command that the wheel brings, as `pip` would make it. `-S`: without this environment's packages."""
        points = next(self.folder.glob("roost-*.dist-info/entry_points.txt")).read_text()
        found = re.search(rf"^{name} = ([\w.]+):(\w+)$", points, re.MULTILINE)
        assert found is not None, points
        code = f"import sys; sys.argv[0] = '{name}'; from {found[1]} import {found[2]}; sys.exit({found[2]}())"
        return [sys.executable, "-P", "-S", "-c", code]

    def run(self, name: str, *arguments: str | Path, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command(name), *map(str, arguments)],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )


def _pinned(lock: str) -> list[str]:
    lines = (ROOT / "scripts" / "constraints" / f"{lock}.txt").read_text().replace("\\\n", " ").splitlines()
    wanted = [Requirement(line.partition("--hash")[0].strip()) for line in lines]
    return [one.name for one in wanted if one.marker is None or one.marker.evaluate()]


def _top_level(name: str) -> set[Path]:
    found = distribution(name)
    files = found.files or []
    site = Path(str(found.locate_file("")))
    parts = {file.parts[0] for file in files if file.parts[0] not in {"..", "__pycache__"}}
    return {site / part for part in parts if (site / part).exists()}
