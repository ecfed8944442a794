"""The cloud's settings: read once at start, checked whole, passed in.

Precedence: command line (`--data-dir`) over environment (`ROOST_CLOUD_DATA_DIR`) over cloud.toml over default.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from roost_cloud.roles import ROLE_NAMES, RoleName
from roost_shared.config_file import convert, put, read_toml
from roost_shared.errors import ConfigError

__all__ = ["CloudSettings", "load_settings"]

_ENVIRONMENT: Final = "ROOST_CLOUD_"
_PORT_MAX: Final = 65535
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class CloudSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of cloud.toml. Paths are absolute."""

    data_dir: Path = Path("roost-data")  # what the embedded defaults are kept in
    secrets_dir: Path | None = None  # keys of CAs and signatures; None: `secrets` in data_dir
    database_url: str | None = None  # None: SQLite in data_dir
    objects_url: str | None = None  # file:// or s3://; None: `objects` in data_dir
    role: list[RoleName] = msgspec.field(default_factory=lambda: list(ROLE_NAMES))  # what this process does
    listen: str = "127.0.0.1:8080"  # HOST:PORT; port 0 for any free one
    public_url: str | None = None  # what devices and people call us; None: from `listen`
    tls: Literal["auto", "off"] = "auto"  # auto: on wherever others than this machine can connect
    tls_cert: Path | None = None  # None: one by our own CA, which devices know
    tls_key: Path | None = None
    embedded: bool = False  # a broker in this process, for a demo on one machine
    embedded_broker_port: Annotated[int, Meta(ge=0, le=_PORT_MAX)] = 1883  # 0 for any free one
    broker_url: str | None = None  # mqtt:// or mqtts://; None: the embedded one, or none at all
    broker_cafile: Path | None = None  # None: our own root CA
    broker_certfile: Path | None = None
    broker_keyfile: Path | None = None
    device_broker_url: str | None = None  # what devices are told; None: broker_url
    certificate_days: Annotated[float, Meta(gt=0, le=3650)] = 90  # of devices' certificates
    bootstrap_token_file: Path | None = None  # where the first start leaves the platform's token; None: it prints it
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"  # auto: console on a terminal

    @property
    def secrets_path(self) -> Path:
        """The folder of secrets."""
        return self.secrets_dir or self.data_dir / "secrets"

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.data_dir / 'roost.db'}"

    @property
    def objects(self) -> str:
        """The object store's URL."""
        return self.objects_url or f"file://{self.data_dir / 'objects'}"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def uses_tls(self) -> bool:
        """Whether the API speaks TLS itself."""
        return self.tls == "auto" and (self.tls_cert is not None or self.address[0] not in _LOOPBACK)

    @property
    def base_url(self) -> str:
        """Where others reach the API."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host, port = self.address
        return f"{'https' if self.uses_tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def load_settings(path: Path | None, *, environment: Mapping[str, str], overrides: Mapping[str, Any]) -> CloudSettings:
    """Read the settings.

    Args:
        path: cloud.toml; None for no file.
        environment: variables; those that begin with `ROOST_CLOUD_` replace the file's settings.
        overrides: from the command line, None where nothing was said; they replace everything else.

    Raises:
        ConfigError: the file cannot be read, or something is wrong.
    """
    raw = {} if path is None else read_toml(path)
    stated = dict.fromkeys(raw, str(path))
    for variable, text in environment.items():
        if variable.startswith(_ENVIRONMENT):
            key = variable.removeprefix(_ENVIRONMENT).lower()
            put(raw, key, text, where="environment")
            stated[key] = "environment"
    for key, value in overrides.items():
        if value is not None:
            raw[key] = str(value) if isinstance(value, Path) else value
            stated[key] = "command line"
    if isinstance(raw.get("role"), str):
        raw["role"] = [name.strip() for name in raw["role"].split(",")]
    try:
        settings = convert(raw, CloudSettings, where=str(path or "settings"))
        settings = _absolute(settings, Path.cwd() if path is None else path.resolve().parent)
        _check(settings)
    except ConfigError as error:
        where = stated.get(error.key.split(".")[0].split("[")[0], error.where)
        raise ConfigError(where=where, key=error.key, problem=error.problem, remedy=error.remedy) from error
    return settings


def _absolute(settings: CloudSettings, base: Path) -> CloudSettings:
    paths = {
        name: base / value for name in settings.__struct_fields__ if isinstance(value := getattr(settings, name), Path)
    }
    return msgspec.structs.replace(settings, **paths)


def _check(settings: CloudSettings) -> None:
    host, _, port = settings.listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _PORT_MAX:
        raise _wrong("listen", f"{settings.listen!r} is no address", "Write HOST:PORT, as 127.0.0.1:8080")
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise _wrong("tls_cert", "a certificate and its key come together", "Give tls_cert and tls_key, or neither")
    if settings.tls == "off" and settings.tls_cert is not None:
        raise _wrong("tls", "it is off, yet there is a certificate", "Remove tls_cert, or tls")
    if settings.embedded and settings.broker_url is not None:
        raise _wrong("broker_url", "the embedded broker is the broker", "Remove broker_url, or embedded")
    if not settings.role:
        raise _wrong("role", "there is none", f"Name some of: {', '.join(ROLE_NAMES)}")
    for key, url, schemes in (
        ("public_url", settings.public_url, ("http", "https")),
        ("broker_url", settings.broker_url, ("mqtt", "mqtts")),
        ("device_broker_url", settings.device_broker_url, ("mqtt", "mqtts")),
    ):
        if url is not None and (urlsplit(url).scheme not in schemes or not urlsplit(url).hostname):
            raise _wrong(key, f"{url!r} is no such URL", f"Write {schemes[0]}://HOST:PORT or {schemes[1]}://HOST:PORT")


def _wrong(key: str, problem: str, remedy: str) -> ConfigError:
    return ConfigError(where="settings", key=key, problem=problem, remedy=remedy)
