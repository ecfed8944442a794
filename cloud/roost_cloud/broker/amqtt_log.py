"""Silences what amqtt logs at every level and no operator needs: each client that vanished."""

import logging
from typing import Final

__all__ = ["hush_amqtt"]


class _VanishedClients(logging.Filter):
    """Drops what asyncio says of amqtt's tasks: each client that vanishes leaves some that end by an exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it."""
        trace = record.exc_info[2] if record.exc_info else None
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        return trace is None or not str(trace.tb_frame.f_globals.get("__name__")).startswith("amqtt.")


_vanished_clients: Final = _VanishedClients()


def hush_amqtt() -> None:
    """For the whole process; right at any time, however often."""
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.WARNING)
    logging.getLogger("asyncio").addFilter(_vanished_clients)
