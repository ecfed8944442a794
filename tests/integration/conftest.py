from tests.support.agent_fixtures import bundles
from tests.support.mqtt_fixtures import connect, mosquitto, proxy

__all__ = ["bundles", "connect", "mosquitto", "proxy"]
