"""What people are told of why a connection ended, or did not come about."""

from pathlib import Path

import pytest

from roost_edge.mqtt.endings import fault_of
from roost_edge.mqtt.notes import Ended, Refused
from roost_edge.mqtt.settings import BrokerSettings

SETTINGS = BrokerSettings(url="mqtts://broker", client_id="cam-01", keep_alive_s=20)
CUT = Ended(None, "cut", silent=False, unreadable=False)
SILENT = Ended(None, "", silent=True, unreadable=False)
UNREADABLE = Ended(None, "no such property", silent=False, unreadable=True)


@pytest.mark.parametrize(
    ("ended", "refused", "code", "says"),
    [
        pytest.param(CUT, None, "broker.lost", "cut", id="lost"),
        pytest.param(SILENT, None, "broker.silent", "in 40 s", id="silent"),
        pytest.param(UNREADABLE, None, "broker.unreadable", "no such property", id="unreadable"),
        pytest.param(CUT, Refused(0x87, "Not authorized"), "broker.refused", "Not authorized", id="refused"),
    ],
)
def test_a_connection_that_ended_tells_why(ended: Ended, refused: Refused | None, code: str, says: str) -> None:
    fault = fault_of(ended, refused, SETTINGS, greeted=True, tls=False)
    assert fault.code == code
    assert says in str(fault)
    assert "certificate" not in str(fault)


@pytest.mark.parametrize(
    ("certfile", "says"), [(None, "we show no certificate"), (Path("cam.crt"), "does it accept our certificate?")]
)
def test_one_that_ended_before_the_broker_took_us_asks_after_our_certificate(certfile: Path | None, says: str) -> None:
    settings = BrokerSettings(url="mqtts://broker", client_id="cam-01", certfile=certfile)
    assert says in str(fault_of(CUT, None, settings, greeted=False, tls=True))
    assert "certificate" not in str(fault_of(CUT, None, settings, greeted=False, tls=False))
