"""What is wrong with a wheel of Roost: files it lacks, has too many or has altered, commands that lead nowhere. Pure.

It holds the three packages as they are committed and what `pip` needs to know: no tests, no scripts, no leftovers.
"""

import base64
import configparser
import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from typing import Final

__all__ = ["PACKAGES", "problems"]

PACKAGES: Final = ("edge/roost_edge", "cloud/roost_cloud", "shared/roost_shared")
_INFO: Final = re.compile(r"roost-[^/]+\.dist-info/")


def problems(wheel: Mapping[str, bytes], committed: Mapping[str, bytes]) -> list[str]:
    """One line for each thing that is wrong with `wheel`, none if it is well.

    Args:
        wheel: Its files by name.
        committed: The files of the project by their path from its top, those of other folders too.
    """
    wanted = {
        path.partition("/")[2]: data
        for path, data in committed.items()
        if path.startswith(tuple(f"{package}/" for package in PACKAGES))
    }
    packed = {name: data for name, data in wheel.items() if not _INFO.match(name)}
    found = [f"{name} is committed, and not in the wheel" for name in sorted(wanted.keys() - packed.keys())]
    found += [f"{name} is in the wheel, and not committed" for name in sorted(packed.keys() - wanted.keys())]
    both = sorted(wanted.keys() & packed.keys())
    found += [f"{name} is not what is committed" for name in both if wanted[name] != packed[name]]
    return [*found, *_wrong_commands(wheel), *_wrong_records(wheel)]


def _wrong_commands(wheel: Mapping[str, bytes]) -> Iterator[str]:
    points = configparser.ConfigParser(delimiters="=")
    points.read_string(_about(wheel, "entry_points.txt").decode())
    for section in points.sections():
        for name, target in points.items(section):
            module = target.partition(":")[0].replace(".", "/")
            if not {f"{module}.py", f"{module}/__init__.py"} & wheel.keys():
                yield f"{section}: {name} = {target} leads nowhere"


def _wrong_records(wheel: Mapping[str, bytes]) -> Iterator[str]:
    recorded = {name: digest for name, digest, _ in csv.reader(io.StringIO(_about(wheel, "RECORD").decode()))}
    for name, data in wheel.items():
        if name.endswith(".dist-info/RECORD"):
            continue
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        if recorded.get(name) != f"sha256={digest}":
            yield f"RECORD does not say of {name} what it is"


def _about(wheel: Mapping[str, bytes], name: str) -> bytes:
    (data,) = (data for path, data in wheel.items() if _INFO.match(path) and path.partition("/")[2] == name)
    return data
