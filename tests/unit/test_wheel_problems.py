"""scripts/build refuses a wheel that is not what is committed."""

import base64
import hashlib

import pytest

from scripts.roost_build.wheel import problems

INFO = "roost-1.0.dist-info"
COMMITTED = {
    "edge/roost_edge/__main__.py": b"def main(): ...",
    "cloud/roost_cloud/style.css": b"a {}",
    "shared/roost_shared/py.typed": b"",
    "tests/test_all.py": b"",
    "README.md": b"Roost",
}
FILES = {
    "roost_edge/__main__.py": b"def main(): ...",
    "roost_cloud/style.css": b"a {}",
    "roost_shared/py.typed": b"",
    f"{INFO}/entry_points.txt": b"[console_scripts]\nroost-agent = roost_edge.__main__:main\n",
    f"{INFO}/METADATA": b"Name: roost\n",
}


def wheel(changes: dict[str, bytes | None] | None = None, *, record: bool = True) -> dict[str, bytes]:
    """The files of a wheel with a RECORD of them, before or after the changes; None takes a file out."""
    changed = {name: data for name, data in (FILES | (changes or {})).items() if data is not None}
    recorded = changed if record else FILES
    lines = [f"{name},sha256={digest(data)},{len(data)}" for name, data in recorded.items()]
    return changed | {f"{INFO}/RECORD": "\n".join([*lines, f"{INFO}/RECORD,,"]).encode()}


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def test_a_wheel_of_what_is_committed_is_well() -> None:
    assert problems(wheel(), COMMITTED) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param(
            {"roost_cloud/style.css": None},
            "roost_cloud/style.css is committed, and not in the wheel",
            id="a-page's-style-is-missing",
        ),
        pytest.param(
            {"roost_edge/left_over.py": b""},
            "roost_edge/left_over.py is in the wheel, and not committed",
            id="left-over",
        ),
        pytest.param({"tests/test_all.py": b""}, "tests/test_all.py is in the wheel, and not committed", id="tests"),
        pytest.param(
            {"roost_cloud/style.css": b"b {}"}, "roost_cloud/style.css is not what is committed", id="altered"
        ),
        pytest.param(
            {f"{INFO}/entry_points.txt": b"[console_scripts]\nroost-agent = roost_edge.gone:main\n"},
            "console_scripts: roost-agent = roost_edge.gone:main leads nowhere",
            id="a-command-to-nowhere",
        ),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, bytes | None], problem: str) -> None:
    assert problems(wheel(changes), COMMITTED) == [problem]


def test_a_record_of_other_bytes_is_found() -> None:
    altered = wheel({f"{INFO}/METADATA": b"Name: other\n"}, record=False)
    assert problems(altered, COMMITTED) == [f"RECORD does not say of {INFO}/METADATA what it is"]
