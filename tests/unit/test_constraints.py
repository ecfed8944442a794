"""The lock files under scripts/constraints: hashed, free of addresses, and enough for what pyproject.toml asks."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "scripts/constraints").glob("*.txt"))
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())

# What each lock is made from: extras, then dependency groups (see scripts/constraints/compile).
SETS = {
    "build": ((), ("build",)),
    "edge": (("edge",), ()),
    "demo": (("edge", "cloud"), ("demo",)),
    "dev": (("edge", "cloud", "onnx"), ("dev",)),
    "ray": (("cloud", "ray"), ()),
    "tflite-runtime": (("tflite-runtime",), ()),
}
BESIDE = {"ray"}  # more than `dev` holds; what both hold is the same
APART = {"tflite-runtime"}  # in an environment of its own: it wants another numpy


def pins(lock: Path) -> list[tuple[Requirement, list[str]]]:
    """Each pinned requirement with its hashes."""
    entries = lock.read_text().replace("\\\n", " ").splitlines()
    found = []
    for entry in entries:
        pinned, *hashes = re.split(r"\s+--hash=", entry)
        found.append((Requirement(pinned), hashes))
    return found


def group(name: str) -> list[str]:
    """The requirements of a dependency group, with the groups it includes."""
    wanted: list[str] = []
    for entry in PROJECT["dependency-groups"][name]:
        wanted += [entry] if isinstance(entry, str) else group(entry["include-group"])
    return wanted


def asked_for(lock: Path) -> list[Requirement]:
    extras, groups = SETS[lock.stem]
    project = PROJECT["project"]
    wanted = list(project["dependencies"]) if extras else []
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    for name in groups:
        wanted += group(name)
    return [Requirement(text) for text in wanted]


def on_python(requirement: Requirement, python: str) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def versions(lock: Path, python: str) -> dict[str, str]:
    """Canonical name to pinned version, on Linux with `python`."""
    return {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin, _ in pins(lock)
        if on_python(pin, python)
    }


def test_there_is_one_lock_for_each_set() -> None:
    assert {lock.stem for lock in LOCKS} == set(SETS)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_line_is_pinned_exactly_and_hashed(lock: Path) -> None:
    for pin, hashes in pins(lock):
        assert re.fullmatch(r"==[^,*]+", str(pin.specifier)), pin
        assert hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest.strip()) for digest in hashes), pin


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_no_lock_names_an_address_or_a_path(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"://|@|--(extra-)?index|--find-links|--trusted-host", text)
    assert not re.search(r"(^|\s)/", text)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_satisfies_what_the_project_asks_for(lock: Path, python: str) -> None:
    have = versions(lock, python)
    for wanted in asked_for(lock):
        if not on_python(wanted, python):
            continue
        name = canonicalize_name(wanted.name)
        assert name in have, f"{lock.name} lacks {wanted}: run scripts/constraints/compile"
        assert wanted.specifier.contains(have[name], prereleases=True), f"{wanted}, pinned {have[name]}"


@pytest.mark.parametrize("python", PYTHONS)
def test_all_sets_agree_on_versions(python: str) -> None:
    everything = versions(ROOT / "scripts/constraints/dev.txt", python)
    for lock in LOCKS:
        if lock.stem in APART:
            continue
        pinned = versions(lock, python)
        own = pinned.keys() - everything.keys() if lock.stem in BESIDE else set()
        assert {name: one for name, one in pinned.items() if name not in own}.items() <= everything.items()
