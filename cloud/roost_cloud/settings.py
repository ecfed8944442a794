"""The cloud's settings: read once at start, checked whole, passed in.

Precedence: command line (`--data-dir`) over environment (`ROOST_CLOUD_DATA_DIR`) over cloud.toml over default.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from roost_cloud.events.addresses import parse_networks
from roost_cloud.roles import ROLE_NAMES, RoleName
from roost_shared.cloud_url import CloudUrlError, check_cloud_url, is_loopback
from roost_shared.config_file import convert, put, read_toml
from roost_shared.errors import ConfigError
from roost_shared.mqtt.address import parse_broker_url
from roost_shared.mqtt.faults import BrokerUrlError

__all__ = ["CloudSettings", "load_settings"]

_ENVIRONMENT: Final = "ROOST_CLOUD_"
_PORT_MAX: Final = 65535
_LISTS: Final = ("role", "hook_networks")  # which flags and variables have with commas
_EVERYBODY: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


class CloudSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of cloud.toml; each setting is also a flag and an environment variable. Paths are absolute."""

    data_dir: Annotated[Path, Meta(description="Folder of what follows, unless it is set")] = Path("roost-data")
    secrets_dir: Annotated[Path | None, Meta(description="Folder of keys; default DATA_DIR/secrets")] = None
    database_url: Annotated[
        str | None,
        Meta(description="postgresql://USER:PASSWORD@HOST/NAME or sqlite:///PATH; default a file in DATA_DIR"),
    ] = None
    objects_url: Annotated[
        str | None, Meta(description="s3://BUCKET/PREFIX?endpoint=… or file://PATH; default DATA_DIR/objects")
    ] = None
    role: Annotated[
        list[RoleName], Meta(description=f"What this process does: some of {', '.join(ROLE_NAMES)}; default all")
    ] = msgspec.field(default_factory=lambda: list(ROLE_NAMES))
    listen: Annotated[str, Meta(description="HOST:PORT; port 0 for any free one")] = "127.0.0.1:8080"
    public_url: Annotated[str | None, Meta(description="Where devices and people reach us; default by LISTEN")] = None
    tls: Annotated[
        Literal["auto", "off"], Meta(description="auto: wherever others than this machine can connect; or off")
    ] = "auto"
    tls_cert: Annotated[Path | None, Meta(description="Certificate chain (PEM); default one by our own root CA")] = (
        None
    )
    tls_key: Annotated[Path | None, Meta(description="Its key (PEM)")] = None
    embedded: Annotated[bool, Meta(description="Run a broker in this process, for a demo on one machine")] = False
    embedded_broker_port: Annotated[
        int, Meta(ge=0, le=_PORT_MAX, description="Its port on this machine; 0 for any free one")
    ] = 1883
    broker_url: Annotated[
        str | None, Meta(description="mqtts://HOST:PORT of a broker; default the embedded one, or none")
    ] = None
    broker_cafile: Annotated[
        Path | None, Meta(description="Whom to trust as the broker (PEM); default our own root CA")
    ] = None
    broker_certfile: Annotated[Path | None, Meta(description="Our certificate there (PEM)")] = None
    broker_keyfile: Annotated[Path | None, Meta(description="Its key (PEM)")] = None
    device_broker_url: Annotated[
        str | None, Meta(description="The broker as devices are told; default BROKER_URL")
    ] = None
    scorer_threads: Annotated[
        int, Meta(ge=0, le=256, description="Models run at a time by a scorer; default as many as processors")
    ] = 0
    scorer_memory_mb: Annotated[int, Meta(ge=1, description="Memory that a scorer's loaded bundles may take, MiB")] = (
        2048
    )
    scorer_cache_mb: Annotated[
        int, Meta(ge=1, description="Disk that a scorer's fetched bundles may take, in DATA_DIR, MiB")
    ] = 8192
    trainer_executor: Annotated[
        Literal["local", "ray"], Meta(description="Where trainers run: local, on this machine; or ray, on a cluster")
    ] = "local"
    trainer_ray_address: Annotated[str, Meta(description="Of the Ray cluster: auto, HOST:PORT or ray://HOST:PORT")] = (
        "auto"
    )
    trainer_slots: Annotated[int, Meta(ge=1, le=64, description="Training runs at a time in a trainer")] = 1
    infer_in_flight: Annotated[
        int, Meta(ge=1, le=10_000, description="Requests to /v2 answered at a time; one more gets the default at once")
    ] = 256
    infer_payload_bytes: Annotated[
        int, Meta(ge=1, le=16 << 20, description="The largest input that /v2 takes, in bytes; brokers take 20 MB")
    ] = 16 << 20
    hook_networks: Annotated[
        list[str],
        Meta(description="Networks that webhooks may lead to beside the public internet, as 10.0.0.0/8; default none"),
    ] = msgspec.field(default_factory=list)
    hook_cafile: Annotated[
        Path | None, Meta(description="Whom webhooks trust (PEM); default whom this machine trusts")
    ] = None
    certificate_days: Annotated[float, Meta(gt=0, le=3650, description="Life of devices' certificates")] = 90
    sample_retention_days: Annotated[
        float, Meta(ge=0, le=36500, description="Life of samples and their inputs, from receipt; 0 for ever")
    ] = 0
    bootstrap_token_file: Annotated[
        Path | None, Meta(description="Where the first start leaves the platform's token; default it is printed")
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="debug, info, warning or error")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "console"], Meta(description="json, console, or auto: console on a terminal")
    ] = "auto"

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

    def make_data_dir(self) -> None:
        """Make the folder of data if it is not there, for its owner alone: who was shown what is in it.

        Raises:
            ConfigError: it cannot be made.
        """
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            problem = f"{self.data_dir}: {error.strerror}"
            raise _wrong("data_dir", problem, "Name a folder that we may make and write") from error

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def uses_tls(self) -> bool:
        """Whether the API speaks TLS itself."""
        return self.tls == "auto" and (self.tls_cert is not None or not is_loopback(self.address[0]))

    @property
    def public_host(self) -> str:
        """The host by which others know the API."""
        return urlsplit(self.base_url).hostname or self.address[0]

    @property
    def local_url(self) -> str:
        """Where the API listens."""
        host, port = self.address
        return f"{'https' if self.uses_tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def base_url(self) -> str:
        """Where others reach the API."""
        return self.public_url.rstrip("/") if self.public_url else self.local_url


def load_settings(path: Path | None, *, environment: Mapping[str, str], overrides: Mapping[str, Any]) -> CloudSettings:
    """Read the settings.

    Args:
        path: cloud.toml; None for no file. Its paths are relative to its folder, all others to the working one.
        environment: variables; those that begin with `ROOST_CLOUD_` replace the file's settings.
        overrides: from the command line, None where nothing was said; they replace everything else.

    Raises:
        ConfigError: the file cannot be read, or something is wrong.
    """
    raw = {} if path is None else read_toml(path, absent="Give its path with --config")
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
    for key in _LISTS:
        if isinstance(raw.get(key), str):
            raw[key] = [one.strip() for one in raw[key].split(",")]
    try:
        settings = convert(raw, CloudSettings, where=str(path or "settings"))
        settings = _absolute(settings, path, elsewhere={key for key, where in stated.items() if where != str(path)})
        _check(settings)
    except ConfigError as error:
        where = stated.get(error.key.split(".")[0].split("[")[0], error.where)
        raise ConfigError(where=where, key=error.key, problem=error.problem, remedy=error.remedy) from error
    return settings


def _absolute(settings: CloudSettings, file: Path | None, elsewhere: set[str]) -> CloudSettings:
    """Paths of the file, and defaults beside it, begin at its folder; those from elsewhere at the working one."""
    folder = Path.cwd() if file is None else file.resolve().parent
    paths = {
        name: (Path.cwd() if name in elsewhere else folder) / value
        for name in settings.__struct_fields__
        if isinstance(value := getattr(settings, name), Path)
    }
    return msgspec.structs.replace(settings, **paths)


def _check(settings: CloudSettings) -> None:
    _check_urls(settings)
    host, _, port = settings.listen.rpartition(":")
    if not host.strip("[]") or not (port.isascii() and port.isdecimal()) or int(port) > _PORT_MAX:
        raise _wrong("listen", f"{settings.listen!r} is no address", "Write HOST:PORT, as 127.0.0.1:8080")
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise _wrong("tls_cert", "a certificate and its key come together", "Give tls_cert and tls_key, or neither")
    if settings.tls == "off" and settings.tls_cert is not None:
        raise _wrong("tls", "it is off, yet there is a certificate", "Remove tls_cert, or tls")
    if settings.address[0] in _EVERYBODY and settings.public_url is None:
        raise _wrong("public_url", "it is not known by what name devices reach us", "Write https://HOST:PORT")
    if settings.broker_url is not None and urlsplit(settings.broker_url).username and not settings.device_broker_url:
        raise _wrong(
            "device_broker_url", "devices may not be told the password in broker_url", "Say where they connect"
        )
    if settings.embedded and settings.broker_url is not None:
        raise _wrong("broker_url", "the embedded broker is the broker", "Remove broker_url, or embedded")
    try:
        parse_networks(settings.hook_networks)
    except ValueError as error:
        raise _wrong("hook_networks", str(error), "Write networks as 10.0.0.0/8") from error
    if not settings.role:
        raise _wrong("role", "there is none", f"Name some of: {', '.join(ROLE_NAMES)}")
    has_work = {"api", "dashboard", "trainer"} & set(settings.role)
    if not has_work and settings.broker_url is None and not settings.embedded:
        raise _wrong(
            "broker_url", f"there is no broker, and nothing to do without for: {', '.join(settings.role)}", "Set it"
        )


def _check_urls(settings: CloudSettings) -> None:
    if settings.public_url is not None:
        try:
            check_cloud_url(settings.public_url)  # as devices and people will
        except CloudUrlError as error:
            raise _wrong("public_url", str(error), "Write https://HOST:PORT") from error
    for key, url in (("broker_url", settings.broker_url), ("device_broker_url", settings.device_broker_url)):
        try:
            if url is not None:
                parse_broker_url(url)
        except BrokerUrlError as error:
            raise _wrong(key, str(error), "Write mqtts://HOST:PORT or mqtt://HOST:PORT") from error


def _wrong(key: str, problem: str, remedy: str) -> ConfigError:
    return ConfigError(where="settings", key=key, problem=problem, remedy=remedy)
