"""`roost broker certificates|sync`: what a real broker needs of us."""

import shlex
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from roost_cloud.errors import NoDeploymentError
from roost_shared.clock import SystemClock
from roost_shared.durable import write_durably
from roost_shared.errors import ConfigError

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The MQTT broker: its certificates, and who is kept out of it.")

_SECRET = 0o600


@app.command()
def certificates(
    *,
    secrets_dir: Annotated[
        Path,
        typer.Option(help="The deployment's keys, as `roost cloud serve` has them.", envvar="ROOST_CLOUD_SECRETS_DIR"),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write; what is there is made anew.", file_okay=False)],
    host: Annotated[
        list[str], typer.Option(help="A DNS name or address that clients know the broker by; repeatable.")
    ],
    new_deployment: Annotated[
        bool, typer.Option("--new-deployment", help="Before the first `roost cloud serve`: make its keys too.")
    ] = False,
) -> None:
    """Make the broker's certificate, the cloud's own client certificate, and what each side trusts."""
    from roost_cloud.fleet.authority import Authority, has_root  # noqa: PLC0415 - cryptography is slow to load

    if not new_deployment and not has_root(secrets_dir):
        raise NoDeploymentError(
            f"{secrets_dir} holds no deployment's keys: name its secrets_dir, or add --new-deployment before the first"
            " `roost cloud serve`"
        )
    authority = Authority(secrets_dir, SystemClock())
    server, service = authority.server(host), authority.service()
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "ca.crt": (authority.root_certificate_pem, "devices trust it, and so does the broker's listener for them"),
        "services.crt": (authority.services_certificate_pem, "the broker's listener for the cloud trusts it"),
        "broker.crt": (server.certificate_pem, f"the broker's, for {', '.join(host)}; a year"),
        "broker.key": (server.key_pem, "its key; the broker alone may read it"),
        "roost-cloud.crt": (service.certificate_pem, "the cloud's own, for the broker; a year"),
        "roost-cloud.key": (service.key_pem, "its key; goes where `roost cloud serve` runs"),
    }
    for name, (pem, meaning) in files.items():
        write_durably(out / name, pem.encode(), mode=_SECRET if name.endswith(".key") else 0o644)
        typer.echo(f"  {out / name}  {meaning}")
    typer.echo(f"root CA {authority.root_fingerprint}")


@app.command()
def sync(
    *,
    cloud: Annotated[str, typer.Option(help="The cloud's API, such as https://roost.example:8443.")],
    token_file: Annotated[Path, typer.Option(help="Holds a platform token.", exists=True, dir_okay=False)],
    folder: Annotated[
        Path, typer.Option(help="Holds devices.acl; revoked.crl is written beside it.", exists=True, file_okay=False)
    ],
    reload: Annotated[str, typer.Option(help="Has the broker read its files, such as 'systemctl reload mosquitto'.")],
    cafile: Annotated[Path | None, typer.Option(help="Whom to trust as cloud and broker, PEM.", exists=True)] = None,
    expel: Annotated[
        str | None,
        typer.Option(help="The broker's listener for the cloud, to end connections: mqtts://localhost:8884."),
    ] = None,
    certfile: Annotated[Path | None, typer.Option(help="For --expel: roost-cloud.crt.", exists=True)] = None,
    keyfile: Annotated[Path | None, typer.Option(help="For --expel: roost-cloud.key.", exists=True)] = None,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=1, max=45)] = 20,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
) -> None:
    """Keep revoked devices out of a Mosquitto, and end their connections; runs beside it."""
    from roost_cloud.fence.expel import Expeller  # noqa: PLC0415 - cryptography and paho are slow to load
    from roost_cloud.fence.reload import reload_broker  # noqa: PLC0415 - see above
    from roost_cloud.fence.source import Source  # noqa: PLC0415 - see above
    from roost_cloud.fence.sync import FenceSync, keep_in_sync  # noqa: PLC0415 - see above
    from roost_cloud.logs import configure_logs  # noqa: PLC0415 - see above

    expeller = None
    if expel is not None:
        if certfile is None or keyfile is None:
            raise ConfigError(
                where="--expel", key="", problem="the broker lets nobody in without a certificate",
                remedy="Add --certfile and --keyfile, from `roost broker certificates`",
            )  # fmt: skip
        expeller = Expeller(expel, cafile=cafile, certfile=certfile, keyfile=keyfile)
    configure_logs("info", "auto")
    command = shlex.split(reload)
    fence = FenceSync(
        folder,
        fetch=Source.open(cloud, token_file, cafile).fetch,
        reload=lambda: reload_broker(command),
        expel=None if expeller is None else expeller.expel,
        clock=SystemClock(),
    )
    if once:
        fence.once()
        return
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    keep_in_sync(fence, every, stopping, SystemClock())
