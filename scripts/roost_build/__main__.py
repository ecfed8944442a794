"""`scripts/build`: the distributions of what is committed, each with its SHA-256.

Exit code 0 if the wheel is well, 1 if not or if there is none.
"""

import argparse
import hashlib
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from scripts.roost_build.committed import BuildError, build, unpack_committed
from scripts.roost_build.wheel import problems

_ROOT: Final = Path(__file__).parents[2]


def main() -> int:
    """Build, check, tell."""
    parser = argparse.ArgumentParser(
        prog="scripts/build",
        description="Build the wheel and the source distribution of what is committed: the same commit gives the same "
        "bytes, wherever and whenever.",
    )
    parser.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="where to (default: dist)")
    options = parser.parse_args()
    try:
        return _build(options.out)
    except BuildError as error:
        print(f"scripts/build: {error}", file=sys.stderr)
        return 1


def _build(out: Path) -> int:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="roost-build-") as name:
        tree, made = Path(name) / "tree", Path(name) / "made"
        tree.mkdir()
        moment_s = unpack_committed(_ROOT, tree)
        made.mkdir()
        files = build(tree, moment_s, made)
        committed = {str(file.relative_to(tree)): file.read_bytes() for file in tree.rglob("*") if file.is_file()}
        found = [problem for file in files if file.suffix == ".whl" for problem in problems(_read(file), committed)]
        for problem in found:
            print(f"scripts/build: {problem}", file=sys.stderr)
        if found:
            return 1
        for file in files:
            data = file.read_bytes()
            (out / file.name).write_bytes(data)
            print(f"{hashlib.sha256(data).hexdigest()}  {out / file.name}")
    return 0


def _read(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


if __name__ == "__main__":
    sys.exit(main())
