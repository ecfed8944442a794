"""How warm this machine is, as Linux tells it of its sensors: `/sys/class/thermal`, in thousandths of a degree.

A machine without sensors (a virtual one, say) tells nothing, and so does a sensor that is switched off.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["read_temperature_c"]

_ROOT: Final = Path("/")
_PER_DEGREE: Final = 1000
_COLDEST_C: Final = -55.0  # that such sensors can measure; beyond these two it is no temperature
_WARMEST_C: Final = 200.0


def read_temperature_c(root: Path = _ROOT) -> float | None:
    """Of the warmest sensor, in degrees Celsius; None where none tells.

    Args:
        root: where /sys is.
    """
    return max(_told(root / "sys/class/thermal"), default=None)


def _told(folder: Path) -> Iterator[float]:
    for sensor in sorted(folder.glob("thermal_zone*/temp")):
        try:
            temperature_c = int(sensor.read_text(encoding="ascii")) / _PER_DEGREE
        except (OSError, ValueError):  # switched off: reading it fails; the others tell
            continue
        if _COLDEST_C <= temperature_c <= _WARMEST_C:
            yield temperature_c
