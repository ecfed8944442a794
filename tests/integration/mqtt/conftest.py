from tests.support.mqtt_fixtures import connect, driven, mosquitto, proxy

__all__ = ["connect", "driven", "mosquitto", "proxy"]
