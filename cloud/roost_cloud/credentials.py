"""Where the `roost` command's cloud is and what it shows there: a file of the user's own, written by `roost login`.

{"current": "default", "profiles": {"default": {"url": "https://…", "token": "roost_…", "ca_pem": "-----BEGIN…"}}}

`ROOST_URL` and `ROOST_TOKEN` (with `ROOST_CAFILE` where the cloud's certificate is by its own root) stand in for the
file, in CI for instance.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from roost_shared.cloud_url import check_cloud_url
from roost_shared.durable import write_durably
from roost_shared.errors import ConfigError, ContentError
from roost_shared.messages import UNREADABLE

__all__ = [
    "DEFAULT_PROFILE",
    "Credentials",
    "CredentialsError",
    "CredentialsFile",
    "credentials_path",
    "find_credentials",
]

DEFAULT_PROFILE: Final = "default"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")  # what a header carries
_MODE: Final = 0o600
_LOG_IN: Final = "Run: roost login URL"


class CredentialsError(ContentError):
    """What no token can be; repeats none of it."""

    code = "credentials.invalid"


class Credentials(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One cloud, and who we are there.

    Raises:
        CloudUrlError: the address can be none of a cloud.
        CredentialsError: the token can be none.
    """

    url: str
    token: str
    ca_pem: str | None = None  # its own root certificate; None to believe the system's authorities alone

    def __post_init__(self) -> None:
        """Check both, wherever they come from."""
        check_cloud_url(self.url)
        if _TOKEN.fullmatch(self.token) is None:
            raise CredentialsError("this is no token: copy it whole, on one line")

    def __repr__(self) -> str:
        """Without the token: representations end up in logs."""
        return f"Credentials(url={self.url!r})"


class CredentialsFile(msgspec.Struct, kw_only=True):
    """All the clouds a user is logged in to."""

    current: str = DEFAULT_PROFILE
    profiles: dict[str, Credentials] = {}

    @classmethod
    def read(cls, path: Path) -> "CredentialsFile":
        """What the file says; nothing if there is none.

        Raises:
            ConfigError: it cannot be read.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise _wrong(path, error.strerror or str(error), "Make it readable") from error
        except UNREADABLE as error:
            raise _wrong(path, f"it is damaged: {error}", "Remove it and log in again") from error

    def write(self, path: Path) -> None:
        """Keep it, readable by its owner alone.

        Raises:
            OSError: the disk refused; what was there is still there.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, msgspec.json.format(msgspec.json.encode(self)) + b"\n", mode=_MODE)


def credentials_path(environment: Mapping[str, str]) -> Path:
    """The file of the user whose environment this is."""
    configured = environment.get("XDG_CONFIG_HOME", "")
    # A relative one is to be ignored, says the XDG Base Directory specification.
    base = Path(configured) if configured.startswith("/") else Path("~/.config").expanduser()
    return base / "roost" / "credentials.json"


def find_credentials(environment: Mapping[str, str], profile: str | None = None) -> Credentials:
    """Who we are, and where.

    Args:
        environment: of the command; `ROOST_URL` and `ROOST_TOKEN` win over the file unless a profile is named.
        profile: which of the file's; None for the current one.

    Raises:
        ConfigError: nobody has logged in, or what was stated is wrong.
    """
    if profile is None and (environment.get("ROOST_URL") or environment.get("ROOST_TOKEN")):
        return _from_environment(environment)
    path = credentials_path(environment)
    known = CredentialsFile.read(path)
    name = profile or known.current
    found = known.profiles.get(name)
    if found is None:
        problem = f"nobody has logged in as profile {name!r}" if profile else "nobody has logged in"
        raise _wrong(path, problem, _LOG_IN + (f" --profile {name}" if profile else ""))
    return found


def _from_environment(environment: Mapping[str, str]) -> Credentials:
    url, token = environment.get("ROOST_URL", ""), environment.get("ROOST_TOKEN", "")
    if not url or not token:  # a token is never sent to another cloud than the one it was stated for
        missing = "ROOST_TOKEN" if url else "ROOST_URL"
        raise ConfigError(where="environment", key=missing, problem="missing", remedy="Set both, or neither")
    cafile = environment.get("ROOST_CAFILE")
    try:
        ca_pem = Path(cafile).read_text(encoding="ascii") if cafile else None
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Name the cloud's root certificate, PEM"
        raise ConfigError(where="environment", key="ROOST_CAFILE", problem=str(error), remedy=remedy) from error
    return Credentials(url=check_cloud_url(url), token=token.strip(), ca_pem=ca_pem)


def _wrong(path: Path, problem: str, remedy: str) -> ConfigError:
    return ConfigError(where=str(path), key="", problem=problem, remedy=remedy)
