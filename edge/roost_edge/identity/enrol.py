"""`roost-agent enrol`: from a token that a person carried here to an identity.

1. The cloud's root certificate is fetched and compared with the token's fingerprint. Until they agree, nothing that
   is secret is sent.
2. The key is made, and kept before the cloud is asked: an answer that gets lost, or a process that ends here, costs
   nothing, for the same token with the same key gets a certificate again.
3. The answer is checked, written whole, and only then counts (`store.py`).
"""

import json
import sys
from pathlib import Path
from typing import Final

from roost_edge.identity.answer import check_trust_root, identity_files
from roost_edge.identity.errors import (
    CertificateError,
    EnrolmentRefusedError,
    IdentityExistsError,
    IdentityMismatchError,
    IdentityUnreadableError,
)
from roost_edge.identity.keys import DeviceKey, check_fingerprint
from roost_edge.identity.record import Identity, read_identity
from roost_edge.identity.store import IdentityStore
from roost_edge.uplink.api import Enrolled, enrol, fetch_root
from roost_edge.uplink.http import CloudHttp, CloudRefusedError
from roost_shared.enrolment import PREFIX, EnrolmentToken, EnrolmentTokenError
from roost_shared.topics import is_name

__all__ = ["enrol_device", "minimal_config", "read_token"]

_TOKEN_REFUSED: Final = frozenset({401, 403, 404, 410})


def enrol_device(
    *, url: str, token: EnrolmentToken, state_dir: Path, expected: tuple[str, str] | None, replace: bool
) -> Identity:
    """Enrol this device.

    Args:
        url: the cloud's address.
        token: what the person carried.
        state_dir: the agent's folder.
        expected: tenant and device that agent.toml names; None if there is no such file yet.
        replace: whether an identity that is there already may go.

    Returns:
        The identity, now in use.

    Raises:
        IdentityExistsError: there is one, and it may not go.
        FingerprintError: another cloud answers at this address, or with another root of trust than the token names.
        EnrolmentRefusedError: the cloud does not take the token.
        IdentityMismatchError: the token is for another device than agent.toml names.
        TransportError: the cloud is out of reach, or its answer cannot be used.
        DeviceError: the folder cannot be used, or another process is at it.
    """
    with IdentityStore(state_dir) as store:
        if not replace:
            _refuse_to_replace(state_dir)
        root_pem = check_fingerprint(fetch_root(CloudHttp(url, None)), token.ca)
        http = CloudHttp(url, root_pem)
        kept = store.pending_key(token.id)
        key = DeviceKey.new() if kept is None else DeviceKey.read(kept)
        if kept is None:
            store.keep_pending(token.id, key.pem())
        answer = _ask(http, token, key)
        trust_root = check_trust_root(answer.trust_root, token.tuf)
        store.adopt(_files(answer, http.url, root_pem, key, expected, trust_root))
        store.forget_others()
    identity = read_identity(state_dir)
    if identity is None:
        raise IdentityUnreadableError(f"{state_dir}: the identity went away as soon as it was written")
    return identity


def read_token(text: str | None, file: Path | None) -> EnrolmentToken:
    """The token, given as text or in a file; `-` is standard input. The file may hold all of the line that showed it.

    Raises:
        EnrolmentTokenError: it is none, or the file cannot be read.
    """
    if file is not None:
        try:
            text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problem = error.strerror if isinstance(error, OSError) else "not text"
            raise EnrolmentTokenError(f"{file}: {problem}") from error
        text = next((word for word in text.split() if word.startswith(PREFIX)), text)
    return EnrolmentToken.parse(text or "")


def minimal_config(identity: Identity, state_dir: Path) -> str:
    """An agent.toml to begin with."""
    cloud = identity.cloud
    values = {"tenant": cloud.tenant, "device": cloud.device, "state_dir": str(state_dir)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([*lines, "", "[cloud]", f"url = {json.dumps(cloud.url)}", ""])


def _refuse_to_replace(state_dir: Path) -> None:
    identity = read_identity(state_dir)
    if identity is not None:
        name = f"{identity.cloud.tenant}/{identity.cloud.device}"
        raise IdentityExistsError(f"{state_dir}: this is {name} already; --replace makes it what the token says")


def _ask(http: CloudHttp, token: EnrolmentToken, key: DeviceKey) -> Enrolled:
    try:
        return enrol(http, token, key.request())
    except CloudRefusedError as error:
        if error.status not in _TOKEN_REFUSED:
            raise
        raise EnrolmentRefusedError(f"{error}. A token can be used once and for a while: ask for another") from error


def _files(
    answer: Enrolled,
    url: str,
    root_pem: bytes,
    key: DeviceKey,
    expected: tuple[str, str] | None,
    trust_root: bytes | None,
) -> dict[str, bytes]:
    """The identity, if it is the one that is wanted."""
    tenant, device = answer.tenant, answer.device
    if not (is_name(tenant) and is_name(device)):
        raise CertificateError("the cloud's answer names no device")
    if expected is not None and expected != (tenant, device):
        raise IdentityMismatchError(
            f"the token is for {tenant}/{device}, agent.toml says {'/'.join(expected)}: mend that file and enrol again"
            " with this token, or ask for another token"
        )
    return identity_files(
        answer, key=key, root_pem=root_pem, tenant=tenant, device=device, url=url, trust_root=trust_root
    )
