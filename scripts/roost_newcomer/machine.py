"""What of this machine a newcomer's has too: how packages are reached, which certificates are believed, nothing else.

A machine behind a proxy or a mirror says so in pip's settings, in the environment, and in folders that these name.
They are taken as they are; where there are none, none are.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

__all__ = ["folders_beside", "settings_for", "take_settings"]

_NETWORK: Final = (Path("/etc/resolv.conf"), Path("/etc/hosts"))
_EVERYBODYS: Final = (Path("/etc/pip.conf"), Path("/etc/xdg/pip"))
_OWN: Final = Path(".config/pip")  # below a home
_CERTIFICATES: Final = Path("/etc/ssl/certs")
# pip's own, a proxy's, and where programs look for certificates.
_VARIABLES: Final = re.compile(r"PIP_\w+|(https?|no|all)_proxy|\w*(SSL_CERT|CA_BUNDLE|CA_CERTS)\w*", re.IGNORECASE)
_PATHS: Final = re.compile(r"(?:(?<=file://)|(?<![\w:/.]))/[\w./+-]+")


def settings_for(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of `environment` that a newcomer has too.

    >>> settings_for({"PIP_NO_INDEX": "1", "https_proxy": "p", "SSL_CERT_DIR": "/c", "PYTHONPATH": "/x", "HOME": "/h"})
    {'PIP_NO_INDEX': '1', 'https_proxy': 'p', 'SSL_CERT_DIR': '/c'}
    """
    return {name: value for name, value in environment.items() if _VARIABLES.fullmatch(name)}


def take_settings(userland: Path, homes: Sequence[Path]) -> None:
    """Copy the files of settings into `userland`; those of whoever runs this go to each of `homes` there."""
    # Certificates are copied, not mounted: Debian's packages put their own there.
    for source in (*_NETWORK, *_EVERYBODYS, _CERTIFICATES):
        _copy(source, userland / source.relative_to("/"))
    for home in homes:
        _copy(Path.home() / _OWN, userland / home.relative_to("/") / _OWN)


def folders_beside(environment: Mapping[str, str]) -> list[Path]:
    """Folders to be seen there as they are here: those that pip's settings name."""
    settings = [*_EVERYBODYS, Path.home() / _OWN]
    files = [file for one in settings for file in ([one] if one.is_file() else one.rglob("*.conf"))]
    texts = [file.read_text(encoding="utf-8") for file in files]
    texts += [value for name, value in environment.items() if name.startswith("PIP_")]
    named = {path for text in texts for path in _paths(text) if not path.is_relative_to("/etc")}
    # An index's pages lie in a folder, what they link to beside it.
    folders = {path.parent if path.is_file() or path.name == "simple" else path for path in named if path.exists()}
    return sorted(folders)


def _paths(text: str) -> list[Path]:
    r"""Those that `text` names.

    >>> _paths("find-links = /opt/wheels\nextra = https://host/simple file:///srv/simple")
    [PosixPath('/opt/wheels'), PosixPath('/srv/simple')]
    """
    return [Path(found) for found in _PATHS.findall(text)]


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # Debian's may be a link that leads nowhere yet, or hold links that lead out of that system.
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore_dangling_symlinks=True)
        return
    target.unlink(missing_ok=True)
    shutil.copyfile(source, target)
