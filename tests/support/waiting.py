"""The one way to wait in a test: until something is so."""

import time
from collections.abc import Callable
from typing import Final

__all__ = ["PATIENCE_S", "until"]

PATIENCE_S: Final = 60.0  # no promise of anybody's: the machine may be busy
_FIRST_PAUSE_S: Final = 0.005
_LAST_PAUSE_S: Final = 0.05
_LONGER: Final = 1.2  # each pause than the one before: to look takes time of whoever is waited for
_PER_LOOK: Final = 4  # pauses take at least so much longer than the processor's time for a look, up to the next
_DEAREST_PAUSE_S: Final = 0.4


def until(
    condition: Callable[[], object],
    what: str,
    timeout_s: float = PATIENCE_S,
    *,
    otherwise: Callable[[], object] = str,
) -> None:
    """Poll until `condition` holds.

    Args:
        condition: asked again and again.
        what: it is that is waited for.
        timeout_s: after which it fails.
        otherwise: tells what is so instead.
    """
    give_up_s = time.monotonic() + timeout_s
    pause_s = _FIRST_PAUSE_S
    began_s = time.process_time()
    while not condition():
        assert time.monotonic() < give_up_s, f"waited {timeout_s} s in vain for: {what} {otherwise()}"
        look_s = time.process_time() - began_s
        time.sleep(max(pause_s, min(look_s * _PER_LOOK, _DEAREST_PAUSE_S)))
        pause_s = min(pause_s * _LONGER, _LAST_PAUSE_S)
        began_s = time.process_time()
