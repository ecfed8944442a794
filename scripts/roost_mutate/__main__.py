"""`scripts/mutate`: which mutants of a room live? A tool for whoever changes such a room; no part of `scripts/test`.

A mutant is loaded in place of its module by an import hook, in a forked process that runs the room's tests to the
first failure: the tree stays as it is, and programs that tests start see no mutant. Hypothesis draws the same few
examples for all. What lives either asks for a test or changes nothing that anybody could see; only a reader can tell
which, so the exit status is 0 in both cases.

    scripts/mutate rendezvous                  all of one room
    scripts/mutate --only bundle/layout.py     of one module
    scripts/mutate acl --list                  what would be tried
"""

import argparse
import importlib.abc
import importlib.machinery
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

import hypothesis
import pytest

from scripts.roost_mutate.mutants import Mutant, mutants_of

ROOT: Final = Path(__file__).parents[2]
OPTIONS: Final = ("-x", "-q", "-n", "0", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:schemathesis")
EXAMPLES: Final = 25  # of a property; a quarter of Hypothesis's own number


class Room(NamedTuple):
    """What is mutated together, by paths from the root."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]  # the quick ones first


ROOMS: Final = {
    "rendezvous": Room(
        ("shared/roost_shared/rendezvous/*.py",),
        (
            "shared/roost_shared/rendezvous",
            "tests/unit/shared/rendezvous",
            "tests/property/test_agreement.py",
            "tests/property/test_rendezvous.py",
        ),
    ),
    "bundle": Room(
        tuple(
            f"shared/roost_shared/bundle/{name}.py" for name in ("documents", "golden", "layout", "manifest", "oci")
        ),
        (
            "tests/unit/shared/bundle/test_check_config.py",
            "tests/unit/shared/bundle/test_layout.py",
            "tests/faults/test_bundle_faults.py",
            "tests/property/test_manifest.py",
            "tests/property/test_registry_candidate.py",
        ),
    ),
    "drift": Room(
        tuple(
            f"cloud/roost_cloud/drift/{name}.py"
            for name in ("budget", "calibration", "chi_square", "counts", "decisions", "scatter", "test")
        ),
        ("cloud/roost_cloud/drift", "tests/unit/cloud/drift", "tests/property/cloud/test_drift.py"),
    ),
    "acl": Room(
        ("cloud/roost_cloud/broker/access.py", "cloud/roost_cloud/broker/fenced.py", "cloud/roost_cloud/fence/acl.py"),
        (
            "cloud/roost_cloud/broker/access.py",
            "cloud/roost_cloud/fence/acl.py",
            "tests/unit/cloud/broker",
            "tests/unit/cloud/fence",
            "tests/integration/cloud/test_embedded_access.py",
        ),
    ),
}


class Replaced(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds one module with another source, ahead of everybody."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Of the one module."""
        if fullname != self._name:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=str(self._path))
        spec.has_location = True
        return spec

    def get_source(self, _fullname: str) -> str:
        """The mutant's."""
        return self._source


def main() -> None:
    """Try the mutants asked for, and print those that live."""
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"{', '.join(ROOMS)}; default: all")
    parser.add_argument("--only", default="", metavar="TEXT", help="modules whose path has this in it")
    parser.add_argument("--list", action="store_true", help="show the mutants, and try none")
    arguments = parser.parse_args()
    if unknown := set(arguments.rooms) - set(ROOMS):
        parser.error(f"no room {', '.join(unknown)}; there are {', '.join(ROOMS)}")
    for name in arguments.rooms or ROOMS:
        room = ROOMS[name]
        paths = [path for glob in room.modules for path in sorted(ROOT.glob(glob)) if arguments.only in str(path)]
        if paths:
            _try_all(room, paths, dry=arguments.list)


def _try_all(room: Room, paths: list[Path], *, dry: bool) -> None:
    if not dry:
        begun_s = time.monotonic()
        if _killed(room.tests, None, limit_s=600):
            sys.exit("scripts/mutate: the tests fail without a mutant; mend that first")
        limit_s = 10 + 3 * (time.monotonic() - begun_s)
    for path in paths:
        mutants = list(mutants_of(path.read_text()))
        living = 0
        for mutant in mutants:
            if dry or not _killed(room.tests, (path, mutant), limit_s):
                living += 1
                print(f"{path.relative_to(ROOT)}:{mutant.line}: {mutant.what}", flush=True)
        print(f"{path.relative_to(ROOT)}: {living} of {len(mutants)} {'there are' if dry else 'live'}", flush=True)


def _killed(tests: Sequence[str], mutant: tuple[Path, Mutant] | None, limit_s: float) -> bool:
    """Whether a test fails with it, or goes on for ever."""
    process = multiprocessing.get_context("fork").Process(target=_run, args=(tests, mutant))
    process.start()
    process.join(limit_s)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode != 0


def _run(tests: Sequence[str], mutant: tuple[Path, Mutant] | None) -> None:
    if mutant is not None:
        path, (_, _, source) = mutant
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[1:]).removesuffix(".__init__")  # without `edge`, `cloud` or `shared`
        sys.meta_path.insert(0, Replaced(name, path, source))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    # It need not say which example fails least, nor keep it for the tests of others.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile(
        "mutate", max_examples=EXAMPLES, database=None, derandomize=True, phases=phases
    )
    hypothesis.settings.load_profile("mutate")
    code = pytest.main([*OPTIONS, *tests])
    os._exit(code)  # whatever threads a failed test has left behind


if __name__ == "__main__":
    main()
