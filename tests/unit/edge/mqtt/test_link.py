"""What paho is taught: to read a packet's properties without copying the rest of the packet for each."""

import tracemalloc

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import roost_edge.mqtt.link  # noqa: F401 - teaches it


def test_properties_are_read_without_copying_the_payload_behind_them() -> None:
    packed = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho left it untyped
    packed.CorrelationData = b"\x00\xffid"
    packed.ContentType = "image/png"
    packed.UserProperty = [("deadline-ms", "9"), ("\ufeffnote", "")]
    packed.MessageExpiryInterval = 70_000
    own = packed.pack()  # type: ignore[no-untyped-call]
    packet = own + bytes(4 << 20)
    read = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    tracemalloc.start()
    _, taken_bytes = read.unpack(packet)  # type: ignore[no-untyped-call]
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1 << 20
    assert taken_bytes == len(own)
    for name in ("CorrelationData", "ContentType", "UserProperty", "MessageExpiryInterval"):
        assert getattr(read, name) == getattr(packed, name)
