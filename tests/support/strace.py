"""Programs under strace: what they ask of the kernel, and the kernel made to refuse it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

__all__ = ["WRITING", "Call", "require_strace", "run_traced", "traced_calls"]

_ROOT = Path(__file__).parents[2]
WRITING = "openat,write,pwrite64,pwritev,pwritev2,fsync,fdatasync,ftruncate,fallocate,unlink,unlinkat,rename,mkdir"
_LINE = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
_DESCRIPTOR = re.compile(r"^\d+<((?:\\x[0-9a-f]{2})*)>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class Call(msgspec.Struct, frozen=True):
    """A system call that went well."""

    name: str
    path: Path  # of the descriptor, or the first name that was given
    strings: list[bytes]  # that were given
    numbers: list[int]  # the last arguments, as far as they are numbers


def require_strace() -> str:
    """The program's path; where it is missing or may not trace, a test fails or is skipped as without a server."""
    program = shutil.which("strace")
    if program is not None and not subprocess.run([program, "-o", "/dev/null", "true"], check=False).returncode:
        return program
    message = "strace is not installed, or may not trace: apt-get install strace, or run scripts/test, which does"
    if os.environ.get("CI") == "true" or os.environ.get("ROOST_REQUIRE_SERVERS"):
        pytest.fail(message)
    pytest.skip(message)


def run_traced(options: Sequence[str], code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python code of ours under strace; its arguments are in `sys.argv[1:]`."""
    command = [require_strace(), *options, sys.executable, "-c", code, *arguments]
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=_ROOT)


def traced_calls(trace: Path, folder: Path, code: str, *arguments: str, calls: str = WRITING) -> list[Call]:
    """What the code asked of files below `folder`, in order."""
    options = ["-o", str(trace), "-xx", "-y", "-s", "1000000", "-e", f"trace={calls}"]
    done = run_traced(options, code, *arguments)
    assert done.returncode == 0, done.stderr
    made = [_call(line) for line in trace.read_text().splitlines()]
    return [call for call in made if call is not None and call.path.is_relative_to(folder)]


def _call(line: str) -> Call | None:
    found = _LINE.match(line)
    if found is None or int(found[3]) < 0:
        return None
    name, arguments = found[1], found[2]
    strings = [bytes.fromhex(text.replace("\\x", "")) for text in _STRING.findall(arguments)]
    descriptor = _DESCRIPTOR.match(arguments)
    path = bytes.fromhex(descriptor[1].replace("\\x", "")) if descriptor else strings[0] if strings else b""
    rest = _STRING.sub("", arguments)
    numbers = [int(part) for part in rest.split(", ") if part.isdecimal()]
    if name == "openat" and "O_CREAT" not in arguments:
        return None
    return Call(name, Path(os.fsdecode(path)), strings, numbers)
