"""A fresh Debian in a folder, and programs run in it as on a machine of their own but for kernel and network.

Each command has namespaces of its own for mounts and processes: when it ends, nothing that it started runs on, and
nothing is mounted, whatever became of it.
"""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Finished", "Userland", "UserlandError", "lay_userland"]

# Within the namespaces: $1 the userland, then folders to be seen there too, then "--" and the command.
_ENTER: Final = r"""
set -eu
root=$1; shift
mount --make-rprivate /
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t proc proc "$root/proc"
while [ "$1" != -- ]; do
    mkdir -p "$root$1"
    mount --bind -o ro "$1" "$root$1"
    shift
done
shift
exec chroot "$root" "$@"
"""
_NO_SERVICES: Final = "#!/bin/sh\nexit 101\n"  # what is installed starts no service: they would share our network


class UserlandError(Exception):
    """The fresh system could not be laid, or something in it failed that must not."""


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    status: int
    seconds: float
    processor_s: float
    """Of all its processes that somebody waited for."""
    lines: Sequence[tuple[float, str]]
    """What it printed, each line with the seconds since it began."""


def lay_userland(folder: Path, suite: str, packages: Sequence[str], base: Path | None) -> None:
    """Put a minimal Debian `suite` with `packages` into `folder`, which is there and empty.

    Args:
        folder: Where; its owner is root.
        suite: Debian's name of the release, as `bookworm`.
        packages: What is installed beside what a minimal system has.
        base: A tar of such a system: used if it is there, else made, as laying one takes minutes.

    Raises:
        UserlandError: debootstrap or tar failed; what it said is in the text.
    """
    if base is not None and base.exists():
        _run("tar", "-C", str(folder), "-xpf", str(base))
    else:
        _run("debootstrap", "--variant=minbase", f"--include={','.join(packages)}", suite, str(folder))
        if base is not None:
            _run("tar", "-C", str(folder), "-cf", str(base), ".")
    policy = folder / "usr/sbin/policy-rc.d"
    policy.write_text(_NO_SERVICES, encoding="utf-8")
    policy.chmod(0o755)


@dataclass(frozen=True)
class Userland:
    """A system in `root`.

    Example: `Userland(root, folders, {}).run("newcomer", "cd roost && scripts/demo --exit", print)`
    """

    root: Path
    folders: Sequence[Path]
    """Seen there as they are here, and never written to."""
    environment: Mapping[str, str]
    """Given to every command, beside what a login gives."""

    def run(self, user: str, script: str, tell: Callable[[float, str], None]) -> Finished:
        """Run `script` by a login shell of `user`, at home; each line it prints is told as it comes, with its second.

        Its environment is a login's and ours; its standard input is empty, so nothing can ask.
        """
        given = [f"{name}={value}" for name, value in self.environment.items()]
        shell = ["/usr/sbin/runuser", "-u", user, "--", "/usr/bin/env", "-i", *given, *_login(user)]
        inside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "sh", str(self.root)]
        command = [*inside, *map(str, self.folders), "--", *shell, "bash", "-l", "-c", f"cd && {script}"]
        began, processor_s = time.monotonic(), _children_s()
        lines = []
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None  # noqa: S101 - asked for above
            try:
                for line in process.stdout:
                    lines.append((time.monotonic() - began, line.rstrip("\n")))
                    tell(*lines[-1])
            except BaseException:
                process.kill()  # and all within, by --kill-child
                raise
        return Finished(process.returncode, time.monotonic() - began, _children_s() - processor_s, lines)

    def must(self, user: str, script: str) -> None:
        """As `run`, for what is no part of the test.

        Raises:
            UserlandError: It failed; the end of what it printed is in the text.
        """
        finished = self.run(user, script, lambda *_: None)
        if finished.status:
            said = "\n".join(line for _, line in finished.lines[-20:])
            raise UserlandError(f"in the fresh system, as {user}: {script}: status {finished.status}\n{said}")


def _login(user: str) -> list[str]:
    home = "/root" if user == "root" else f"/home/{user}"
    path = (
        "/usr/local/bin:/usr/bin:/bin"
        if user != "root"
        else "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    )
    return [f"HOME={home}", f"USER={user}", f"LOGNAME={user}", f"PATH={path}", "SHELL=/bin/bash", "TERM=dumb"]


def _children_s() -> float:
    """Processor seconds of our children that have ended, and of theirs."""
    times = os.times()
    return times.children_user + times.children_system


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"})
    if done.returncode:
        raise UserlandError(f"{command[0]} failed ({done.returncode}): {(done.stdout + done.stderr)[-800:].strip()}")
