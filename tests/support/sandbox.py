"""What a unit's sandbox forbids, without systemd: its system call filter, W^X, address families, no capabilities.

systemd makes the same of the same settings (`MemoryDenyWriteExecute` was a filter of calls before Linux 6.3 had a
switch for it). Name spaces and read-only folders are left out: those need systemd itself.
"""

import ctypes
import ctypes.util
import errno
import json
import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.systemd import allowed_calls, settings

__all__ = ["confine", "sandboxed_python"]

_ROOT = Path(__file__).parents[2]
_ALLOW = 0x7FFF0000  # seccomp(2): the kernel's own numbers, as libseccomp takes them
_REFUSE = 0x00050000
_EQUAL, _MASKED_EQUAL = 4, 7
_WRITE_EXECUTE, _EXECUTE = 2 | 4, 4  # PROT_*
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 38, 24
_FAMILIES = 46


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


class _Filter:
    """One filter of calls; several may be in force, and the strictest verdict counts."""

    def __init__(self, verdict: int) -> None:
        self._library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(ctypes.c_uint32(verdict)))
        assert self._context.value

    def add(self, verdict: int, call: str, *where: _Comparison) -> None:
        """Decide on a call; one that this machine does not have is none."""
        number = self._library.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            return
        comparisons = (_Comparison * len(where))(*where)
        failed = self._library.seccomp_rule_add_array(
            self._context, ctypes.c_uint32(verdict), ctypes.c_int(number), ctypes.c_uint(len(where)), comparisons
        )
        assert not failed, f"{call}: {os.strerror(-failed)}"

    def load(self) -> None:
        failed = self._library.seccomp_load(self._context)
        assert not failed, os.strerror(-failed)


def confine(calls: Iterable[str], families: Iterable[int]) -> None:
    """Confine this process, and all it starts, for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert not libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.geteuid() == 0:  # what root is left with once it executes something else: nothing
        for capability in range(64):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    refuse = _REFUSE | errno.EPERM
    narrow = _Filter(_ALLOW)
    narrow.add(refuse, "mmap", _Comparison(2, _MASKED_EQUAL, _WRITE_EXECUTE, _WRITE_EXECUTE))
    for call in ("mprotect", "pkey_mprotect"):
        narrow.add(refuse, call, _Comparison(2, _MASKED_EQUAL, _EXECUTE, _EXECUTE))
    for family in set(range(_FAMILIES)) - set(families):
        narrow.add(_REFUSE | errno.EAFNOSUPPORT, "socket", _Comparison(0, _EQUAL, family, 0))
    narrow.load()
    listed = _Filter(refuse)
    for call in calls:
        listed.add(_ALLOW, call)
    listed.load()


def sandboxed_python(unit: Path, folder: Path) -> Path:
    """A program that is this Python under the restrictions of `unit`; skips where libseccomp is missing."""
    if ctypes.util.find_library("seccomp") is None:
        message = "libseccomp is not installed; systemd brings it"
        if os.environ.get("CI") == "true" or os.environ.get("ROOST_REQUIRE_SERVERS"):
            pytest.fail(message)
        pytest.skip(message)
    calls = json.dumps(sorted(allowed_calls(unit)))
    families = [int(getattr(socket, name)) for name in settings(unit)["RestrictAddressFamilies"][-1].split()]
    program = folder / "sandboxed-python"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\nsys.path.insert(0, {str(_ROOT)!r})\n"
        "from tests.support.sandbox import confine\n"
        f"confine({calls}, {families})\nos.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])\n"
    )
    program.chmod(0o755)
    return program
