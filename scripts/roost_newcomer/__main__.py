"""`scripts/newcomer`: what README.md promises a stranger, tried on a fresh Debian.

Exit code 0 if all that was asked for went well, 1 if a command of README's failed or the demo was not seen to do all
it should, 2 if it could not be tried here.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from scripts.roost_newcomer.machine import folders_beside, settings_for, take_settings
from scripts.roost_newcomer.milestones import DEMO, TESTS, milestones, went_well
from scripts.roost_newcomer.userland import Finished, Userland, UserlandError, lay_userland

_ROOT: Final = Path(__file__).parents[2]
# What README.md asks for; certificates because every machine that reaches a registry has some.
_PACKAGES: Final = ("ca-certificates", "git", "python3", "python3-venv")
_NEWCOMER: Final = "newcomer"
_TOOLS: Final = ("debootstrap", "unshare", "git", "tar")


def main() -> int:
    """Try what the command line asks for."""
    options = _parse()
    if (missing := _missing()) is not None:
        print(f"scripts/newcomer: {missing}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _leave)  # so that everything started is ended, and nothing stays
    folder = Path(tempfile.mkdtemp(prefix="roost-newcomer-", dir=options.folder))
    try:
        return _try(folder, options)
    except UserlandError as error:
        print(f"scripts/newcomer: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(folder)  # nothing is mounted there: mounts were each command's own


def _leave(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)


def _missing() -> str | None:
    if os.geteuid() != 0:
        return "it needs root, to lay a system and to change into it: sudo scripts/newcomer"
    lacking = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if lacking:
        return f"it needs {', '.join(lacking)}: apt-get install {' '.join(lacking)}"
    tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False)
    return (
        None if tried.returncode == 0 else "this machine lets even root have no namespaces of its own (a container?)"
    )


def _try(folder: Path, options: argparse.Namespace) -> int:
    folder.chmod(0o755)
    print(f"Laying a fresh Debian {options.suite} with {', '.join(_PACKAGES)}", flush=True)
    lay_userland(folder, options.suite, _PACKAGES, options.base)
    userland = Userland(folder, folders_beside(os.environ), settings_for(os.environ))
    userland.must("root", f"useradd --create-home --shell /bin/bash {_NEWCOMER}")
    take_settings(folder, [Path("/root"), Path("/home") / _NEWCOMER])
    _hand_over(folder / "home" / _NEWCOMER / "roost.bundle")
    userland.must("root", f"chown -R {_NEWCOMER}: /home/{_NEWCOMER}")
    userland.must(_NEWCOMER, "git clone --quiet roost.bundle roost")

    report: dict[str, Any] = {"suite": options.suite, "commit": _git("rev-parse", "HEAD")}
    if not options.no_demo:
        report["demo"] = _demo(userland, options.verbose)
    if options.tests is not None:
        report["tests"] = _tests(userland, options.tests, options.pytest, options.verbose)
    if options.report is not None:
        options.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return int(not all(report[part]["went_well"] for part in ("demo", "tests") if part in report))


def _demo(userland: Userland, verbose: bool) -> dict[str, Any]:  # noqa: FBT001 - as the option
    finished = _follow(userland, _NEWCOMER, "cd roost && scripts/demo --exit", verbose)
    return _sum_up("scripts/demo --exit", finished, DEMO, needed=DEMO)


def _tests(userland: Userland, user: str, arguments: Sequence[str], verbose: bool) -> dict[str, Any]:  # noqa: FBT001 - as the option
    home = f"/home/{_NEWCOMER}/roost"
    if user == "root":
        userland.must("root", f"chown -R root: {home}")
    else:
        userland.must(
            "root",
            "apt-get update -qq && apt-get install -qq --yes --no-install-recommends sudo >/dev/null"
            f" && echo '{_NEWCOMER} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{_NEWCOMER}",
        )
    command = shlex.join(["scripts/test", *arguments])
    finished = _follow(userland, "root" if user == "root" else _NEWCOMER, f"cd {home} && {command}", verbose)
    return _sum_up(command, finished, TESTS, needed=())  # how much pytest prints is up to its arguments


def _follow(userland: Userland, user: str, script: str, verbose: bool) -> Finished:  # noqa: FBT001 - as the option
    print(f"As {user}: {script}", flush=True)
    tell: Callable[[float, str], None] = _print if verbose else lambda *_: None
    return userland.run(user, script, tell)


def _print(moment_s: float, line: str) -> None:
    print(f"{moment_s:8.1f}  {line}", flush=True)


def _sum_up(name: str, finished: Finished, patterns: Mapping[str, str], *, needed: Collection[str]) -> dict[str, Any]:
    reached = milestones(finished.lines, patterns)
    well = went_well(finished.status, reached, needed)
    if not well:
        print("\n".join(line for _, line in finished.lines[-60:]))
    told = ", ".join(f"{what} after {moment_s:.0f} s" for what, moment_s in reached.items())
    unseen = ", ".join(one for one in needed if one not in reached)
    ended = "ended well" if well else f"FAILED with status {finished.status}, never seen: {unseen or 'nothing'}"
    load = os.getloadavg()[2]  # of 15 minutes: what else this machine did
    used = f"{finished.processor_s:.0f} s of processor time, load {load:.1f} on {os.cpu_count()} cores"
    print(f"{name}: {told or 'nothing reached'}; {ended} after {finished.seconds:.0f} s ({used})", flush=True)
    if finished.lines:
        print(f"   {finished.lines[-1][1]}", flush=True)
    return {
        "status": finished.status,
        "went_well": well,
        "seconds": round(finished.seconds, 1),
        "processor_s": round(finished.processor_s, 1),
        "load": round(load, 1),
        "reached_s": {what: round(moment_s, 1) for what, moment_s in reached.items()},
    }


def _hand_over(bundle: Path) -> None:
    """What is committed, as one file that can be cloned."""
    _git("bundle", "create", "--quiet", str(bundle), "HEAD")
    bundle.chmod(0o644)


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserlandError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/newcomer",
        description="Lay a fresh Debian in a folder, clone what is committed here as an ordinary user, run README's "
        "commands there, and say how long it took. Packages come from where this machine's pip and apt find them.",
    )
    parser.add_argument(
        "--tests", choices=["root", "user"], help="then scripts/test too, as root or as a user with sudo (long)"
    )
    parser.add_argument("pytest", nargs="*", help="arguments of scripts/test, after --")
    parser.add_argument("--no-demo", action="store_true", help="leave the demo out")
    parser.add_argument("--base", type=Path, metavar="FILE", help="a tar of the bare system: made if it is not there")
    parser.add_argument("--suite", default="bookworm", help="Debian's release (default: bookworm)")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="where it is laid (default: /var/tmp)")  # noqa: S108 - a folder of its own within
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the figures there as JSON")
    parser.add_argument("--verbose", action="store_true", help="print what the commands print, with the seconds")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
