"""Reads the properties of MQTT 5 where paho's own reading fails.

A message that paho cannot read ends the connection, and the broker may send it again on every next one: whoever may
publish could keep its readers off the air.
"""

from typing import Any

from paho.mqtt import properties as paho_properties
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.properties import Properties as PahoProperties

__all__ = ["mend"]


def mend() -> None:
    """Put our readers in the place of paho's, for this process; doing so again changes nothing."""
    PahoProperties.unpack = _unpack_in_place  # type: ignore[method-assign]  # there is no other way in
    paho_properties.readUTF = _read_utf


def _read_utf(buffer: memoryview, maximum_bytes: int) -> tuple[str, int]:
    """Read a string of a property, with the signature of paho's own `readUTF`.

    paho takes U+FEFF for a protocol error. MQTT-1.5.4-3 allows it anywhere and brokers pass it on, so that one
    such input would end every connection on which the broker tries again to deliver it.

    Returns:
        The string, and the bytes it took.

    Raises:
        MalformedPacket: it is longer than its property, no UTF-8, or has U+0000 in it (MQTT-1.5.4-1 and -2).
    """
    end = 2 + int.from_bytes(buffer[:2], "big")
    if end > min(maximum_bytes, len(buffer)):
        raise MalformedPacket("a string is longer than its property")
    try:
        text = bytes(buffer[2:end]).decode()
    except UnicodeDecodeError as error:
        raise MalformedPacket(f"a string is no UTF-8: {error}") from error
    if "\0" in text:
        raise MalformedPacket("a string has U+0000 in it")
    return text, end


_paho_unpack = PahoProperties.unpack


def _unpack_in_place(properties: PahoProperties, buffer: bytes) -> Any:
    """Read properties, with the signature of paho's own `unpack`.

    paho cuts off each property it has read by copying all that follows, the payload too: eight properties before
    64 MB take two seconds. A view is cut without a copy.
    """
    return _paho_unpack(properties, memoryview(buffer))  # type: ignore[no-untyped-call]  # paho left it untyped
