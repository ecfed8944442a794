"""One process of the cloud: the API, the embedded broker and the other roles it was given, until SIGTERM.

It ends in order: no new connections, requests in flight get ten seconds, then workers, broker, database. A worker
copes with whatever the network does to it and says so at /readyz; one that dies of an exception ends the process,
since whoever supervises it can do more than half a process can.
"""

import asyncio
import contextlib
import dataclasses
import secrets
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
import uvicorn

from roost_cloud.app import create_app
from roost_cloud.bootstrap import first_start
from roost_cloud.broker.access import CLOUD_USERNAME, FleetAccess
from roost_cloud.fleet import device_broker, device_records
from roost_cloud.impatient_protocol import ImpatientProtocol
from roost_cloud.loading import UNUSED, loading
from roost_cloud.roles import Worker
from roost_cloud.services import Services, open_services
from roost_cloud.settings import CloudSettings
from roost_cloud.tls import ServerTls, server_tls
from roost_cloud.workers import make_workers
from roost_shared.errors import DeviceError, RoostError

if TYPE_CHECKING:
    from roost_cloud.asking import AskingDesk

__all__ = ["ListenError", "RoleDiedError", "serve"]

log = structlog.get_logger(__name__)

_FINISH_S: Final = 10  # for requests in flight when we are to end
_RENEWAL_EVERY_S: Final = 3600
# Half of the descriptors a process has by default; whoever comes when so many connections are open, idle ones
# included, is told 503 and no more.
_CONNECTIONS: Final = 512
_SOCKET_BYTES: Final = 1 << 20  # of a message that a page sends


class ListenError(DeviceError):
    """An address cannot be listened on: it is taken, or not this machine's."""

    code = "listen.failed"


class RoleDiedError(DeviceError):
    """A role's thread ended by an exception; the log has it."""

    code = "role.died"


def serve(settings: CloudSettings, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: of this process.
        say: tells an operator a line: how to get in, and where we listen.

    Raises:
        RoostError: it could not start, or a role died.
    """
    with _listening(*settings.address) as listener:
        host, port = listener.getsockname()[:2]
        bound = msgspec.structs.replace(settings, listen=f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        with open_services(bound) as services:
            asyncio.run(_serve(services, listener, say))


async def _serve(services: Services, listener: socket.socket, say: Callable[[str], None]) -> None:
    async with _embedded_broker(services) as complete:
        has_pages = "dashboard" in complete.settings.role
        with loading(without=UNUSED):  # each role is loaded when it is made
            workers = make_workers(complete)
            desk = _make_desk(complete)
            if desk is not None:
                workers["asking"] = desk
            app = create_app(complete, workers, desk)
        tls = server_tls(complete.settings, complete.authority, complete.now())
        server = _Server(_uvicorn_config(app, tls, sockets=has_pages), announce=lambda: _announce(complete, tls, say))
        with _ending_on_signals(server), _ending_on_death(server) as deaths:
            async with _working(workers), _renewing(tls, complete):
                await server.serve([listener])
        if has_pages:
            await app.state.door.close()
        if deaths:
            raise RoleDiedError(f"{deaths[0]} died; the log says of what")


def _make_desk(services: Services) -> "AskingDesk | None":
    if "api" not in services.settings.role:
        return None
    from roost_cloud.asking import make_desk  # noqa: PLC0415 - other roles have no use for it

    return make_desk(services)


class _Server(uvicorn.Server):
    """Uvicorn's server, told to end by us: its own way ends the process without closing anything."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await asyncio.to_thread(self._announce)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def end(self) -> None:
        """End in order; asked again, end now."""
        self.force_exit = self.should_exit
        self.should_exit = True


def _uvicorn_config(app: Any, tls: ServerTls | None, *, sockets: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=ImpatientProtocol,
        limit_concurrency=_CONNECTIONS,
        lifespan="off",
        ws="websockets-sansio" if sockets else "none",  # the dashboard's pages keep one open each
        ws_max_size=_SOCKET_BYTES,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # nothing here asks where a request comes from
        server_header=False,
        timeout_graceful_shutdown=_FINISH_S,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls.context,
    )


def _announce(services: Services, tls: ServerTls | None, say: Callable[[str], None]) -> None:
    settings = services.settings
    if "api" in settings.role and (token := first_start(services)) is not None:
        login = f"roost login {settings.base_url}"
        if tls is not None and settings.tls_cert is None:
            login += f" --ca-fingerprint {services.authority.root_fingerprint}"
        kept = settings.bootstrap_token_file
        say(f"first start; get in by: {login} --token {token if kept is None else f'$(cat {kept})'}")
    public = "" if settings.base_url == settings.local_url else f", for {settings.base_url}"
    say(f"listening on {settings.local_url}{public}")


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that has the address, and takes connections once the server does."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenError(f"{host}: {error.strerror}") from error
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            raise ListenError(f"{host}:{port}: {error.strerror}") from error
        yield listener


@contextlib.asynccontextmanager
async def _embedded_broker(services: Services) -> AsyncIterator[Services]:
    """The services, with the embedded broker running where it is wanted."""
    settings = services.settings
    if not settings.embedded:
        yield services
        return

    from roost_cloud.broker.embedded import EmbeddedBroker  # noqa: PLC0415 - amqtt is slow to load, and few have it

    def secret_of(username: str) -> str | None:
        with services.database.read() as session:
            return device_broker.password_digest(session, username)

    await asyncio.to_thread(_note_nobody_online, services)  # before anybody can be
    password = secrets.token_urlsafe()
    broker = EmbeddedBroker(settings.embedded_broker_port, FleetAccess(secret_of, password))
    try:
        await broker.start()
    except OSError as error:
        raise ListenError(f"the embedded broker's port {settings.embedded_broker_port}: {error.strerror}") from error
    try:
        ours = broker.url.replace("mqtt://", f"mqtt://{CLOUD_USERNAME}:{password}@")
        told = settings.device_broker_url or broker.url
        with_broker = msgspec.structs.replace(settings, broker_url=ours, device_broker_url=told)
        yield dataclasses.replace(services, settings=with_broker, cut_off=broker.disconnect_soon)
    finally:
        await broker.stop()


def _note_nobody_online(services: Services) -> None:
    """Forget who was online when we ended: the broker ended with us, and nobody heard its last wills."""
    with services.database.begin() as session:
        lost = device_records.set_all_offline(session)
    if lost:
        log.info("devices.offline", devices=lost, reason="the embedded broker begins anew")


@contextlib.asynccontextmanager
async def _working(workers: dict[str, Worker]) -> AsyncIterator[None]:
    """The workers, started together and stopped together."""
    async with contextlib.AsyncExitStack() as stack:
        for worker in workers.values():
            await asyncio.to_thread(worker.start)
            stack.push_async_callback(asyncio.to_thread, worker.stop)
        yield


@contextlib.asynccontextmanager
async def _renewing(tls: ServerTls | None, services: Services) -> AsyncIterator[None]:
    """Keeps the server's certificate young."""
    if tls is None:
        yield
        return
    task = asyncio.create_task(_renew_for_ever(tls, services))
    try:
        yield
    finally:
        task.cancel()


async def _renew_for_ever(tls: ServerTls, services: Services) -> None:
    while True:
        await asyncio.sleep(_RENEWAL_EVERY_S)
        try:
            if await asyncio.to_thread(tls.renew, services.now()):
                log.info("tls.renewed")
        except RoostError as error:
            log.warning("tls.not_renewed", code=error.code, message=str(error))


@contextlib.contextmanager
def _ending_on_signals(server: _Server) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, server.end)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _ending_on_death(server: _Server) -> Iterator[list[str]]:
    """Ends the server when a thread dies of an exception; gives the names of those that did."""
    deaths: list[str] = []
    before = threading.excepthook

    def died(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "a thread"
        log.critical("thread.died", thread=name, exc_info=args.exc_value)
        deaths.append(name)
        server.should_exit = True

    threading.excepthook = died
    try:
        yield deaths
    finally:
        threading.excepthook = before
