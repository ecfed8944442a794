"""What a client of a TLS broker verifies it with, and shows it."""

import ssl
from pathlib import Path

from roost_shared.mqtt.faults import BrokerFileError

__all__ = ["client_context"]


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails: paho would leave it to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the base class's signature
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def client_context(
    cafile: Path | None, certfile: Path | None, keyfile: Path | None, *, ca_pem: str | None = None
) -> ssl.SSLContext:
    """Make the context of one client.

    Args:
        cafile: whom to trust (PEM); None: the system's authorities, unless there is a `ca_pem`.
        certfile: the client's certificate (PEM); None: none.
        keyfile: the certificate's key (PEM); None: it is in `certfile`.
        ca_pem: whom to trust too: the certificates themselves.

    Raises:
        BrokerFileError: a file is missing or holds nothing usable.
    """
    try:
        context = ssl.create_default_context(cafile=cafile, cadata=ca_pem)
    except OSError as error:
        raise BrokerFileError(f"cafile {cafile}: {error}") from error
    context.sslsocket_class = _TidySocket
    if certfile is not None:
        try:
            context.load_cert_chain(certfile, keyfile)
        except OSError as error:
            raise BrokerFileError(f"certfile {certfile}, keyfile {keyfile or 'the same'}: {error}") from error
    return context
