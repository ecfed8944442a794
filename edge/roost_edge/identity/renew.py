"""Ask the cloud for a new certificate if it is time: `python -m roost_edge.identity.renew STATE_DIR [--url URL]`.

Prints a `Report`. The steps, of which each may be the last:

1. Sign in with the key in use, or, if the cloud does not take it, with the one before or after it that is still
   there because we once ended between two steps. The one that it takes is in use from now on; others are forgotten.
2. By the cloud's clock, is it time? If it does not tell its clock, by ours.
3. A new key, a certificate for it, checked and written beside the one in use; the link moves.
4. Sign in with the new key, which ends the old one's life; step 1 does this if we end before.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from roost_edge.identity.answer import identity_files
from roost_edge.identity.errors import (
    CertificateError,
    IdentityMissingError,
    IdentityRevokedError,
    IdentityUnreadableError,
)
from roost_edge.identity.keys import DeviceKey
from roost_edge.identity.record import Identity, read_identity
from roost_edge.identity.schedule import renew_at
from roost_edge.identity.store import IdentityStore
from roost_edge.identity.watch import Report
from roost_edge.uplink.api import DeviceApi
from roost_edge.uplink.http import CloudHttp, CloudRefusedError
from roost_shared.enrolment import common_name
from roost_shared.errors import RoostError
from roost_shared.messages import ErrorInfo

__all__ = ["main", "renew"]

_NICE: Final = 10
_UNKNOWN: Final = frozenset({401, 403})


class _Session(NamedTuple):
    """Signed in with an identity."""

    identity: Identity
    api: DeviceApi


def main(arguments: Sequence[str] | None = None) -> int:
    """Renew if it is time; say on standard output how it went."""
    parser = argparse.ArgumentParser(prog="python -m roost_edge.identity.renew")
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("--url")
    options = parser.parse_args(arguments)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)  # answers go first
    try:
        report = renew(options.state_dir, options.url)
    except RoostError as error:
        report = Report(error=ErrorInfo(error.code, str(error)))
    print(msgspec.json.encode(report).decode())  # noqa: T201 - the agent reads it
    return 0 if report.error is None else 1


def renew(state_dir: Path, url: str | None = None) -> Report:
    """Renew the certificate if it is time.

    Args:
        state_dir: the agent's folder.
        url: the cloud's address; None for the one it was enrolled at.

    Raises:
        IdentityRevokedError: the cloud does not want us.
        TransportError: the cloud is out of reach, or its answer cannot be used.
        ContentError, DeviceError: there is no identity, or the disk does not take another.
    """
    with IdentityStore(state_dir) as store:
        session = _sign_in_by_any(store, state_dir, url)
        cloud = session.identity.cloud
        now = session.api.http.server_time or datetime.now(UTC)
        due_in_s = (
            renew_at(cloud.not_before, cloud.not_after, common_name(cloud.tenant, cloud.device)) - now
        ).total_seconds()
        if due_in_s > 0:
            return Report(due_in_s=due_in_s)
        store.adopt(_renewed(session))
        if _sign_in_by_any(store, state_dir, url).identity == session.identity:
            raise CertificateError("the cloud does not take the certificate it has just given; we keep the one before")
    return Report(renewed=True)


def _sign_in_by_any(store: IdentityStore, state_dir: Path, url: str | None) -> _Session:
    """Sign in; if the cloud does not take the identity in use, by another that is there. The rest is forgotten."""
    chosen = store.in_use
    try:
        session = _sign_in(state_dir, url)
    except IdentityRevokedError:
        found = None
        for other in store.others():
            store.use(other)
            with contextlib.suppress(IdentityRevokedError):
                found = _sign_in(state_dir, url)
                break
        if found is None:
            store.use(chosen)
            raise
        session = found
    store.forget_others()
    store.forget_pending()
    return session


def _sign_in(state_dir: Path, url: str | None) -> _Session:
    identity = read_identity(state_dir)
    if identity is None:
        raise IdentityMissingError(f"{state_dir}: the device is not enrolled")
    cloud = identity.cloud
    http = CloudHttp(url or cloud.url, _read(identity.cafile))
    api = DeviceApi(http, tenant=cloud.tenant, device=cloud.device, key=DeviceKey.read(_read(identity.keyfile)))
    try:
        api.token()
    except CloudRefusedError as error:
        if error.status not in _UNKNOWN or not error.reason.startswith("device."):
            raise  # a proxy's word, not the cloud's on us
        raise IdentityRevokedError(f"{error}; if it shall come back, enrol it again with --replace") from error
    return _Session(identity, api)


def _renewed(session: _Session) -> dict[str, bytes]:
    """A new identity's files, once all of the cloud's answer is checked."""
    identity, api = session
    root_pem, key = _read(identity.cafile), DeviceKey.new()
    old = identity.cloud
    return identity_files(
        api.renew(key.request()),
        key=key,
        root_pem=root_pem,
        tenant=old.tenant,
        device=old.device,
        url=old.url,
        known_broker=old.broker,
        trust_root=None if identity.trust_root is None else _read(identity.trust_root),
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise IdentityUnreadableError(f"{file}: {error.strerror or error}") from error


if __name__ == "__main__":
    sys.exit(main())
