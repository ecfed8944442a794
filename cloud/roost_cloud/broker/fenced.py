"""amqtt's broker, asking an `Access` at every publish, subscription and delivery, and before it keeps a message.

Four of amqtt's methods are replaced, most of them not public: its plugins are asked in tasks of their own, between
which its tables of subscriptions change under its loops so that messages are lost, and retained messages pass by
them. `tests/integration/cloud/test_embedded_access.py` says whether that still holds with another amqtt; one that
no longer calls `_authenticate` lets nobody in.
"""

import asyncio
from typing import Final

from amqtt.broker import Broker
from amqtt.contexts import Action, BrokerConfig, ListenerConfig, ListenerType
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import Session

from roost_cloud.broker.access import Access

__all__ = ["LISTENER", "FencedBroker"]

LISTENER: Final = "default"
_WINDOW: Final = 1000  # retained messages under way to one subscriber at a time


class FencedBroker(Broker):  # type: ignore[misc]  # amqtt publishes no types
    """Takes connections handed to it; whoever does so has authenticated them.

    Args:
        access: asked by a session's username.
    """

    def __init__(self, access: Access) -> None:
        # No plugins: they would be asked, and there is nothing left to ask them.
        super().__init__(BrokerConfig(listeners={LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)}, plugins={}))
        self._access = access
        self._handing: set[asyncio.Task[None]] = set()

    async def shutdown(self) -> None:
        """Stop."""
        for task in self._handing:
            task.cancel()
        await super().shutdown()

    async def _authenticate(self, _session: Session, _listener: ListenerConfig) -> bool:
        return True

    async def _topic_filtering(self, session: Session, topic: str, action: Action) -> bool:
        return self._access.may(session.username, topic, action.value)

    async def retain_message(
        self,
        source_session: Session | None,
        topic_name: str | None,
        data: bytes | bytearray | None,
        qos: int | None = None,
    ) -> None:
        """Keep a client's message, or take one back, where it may; a message of no client is ours."""
        if source_session is None or self._access.may_retain(source_session.username, topic_name or ""):
            await super().retain_message(source_session, topic_name, data, qos)

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """Begin to hand a subscriber what is retained.

        amqtt also calls this at each connect, with everybody's subscriptions: only a session's own are followed. And
        it would wait here for all acknowledgements, deaf to all else that the client says, its goodbye too.
        """
        topic_filter, qos = subscription
        handler = self._get_handler(session)
        if handler is None or all(each is not session for each, _ in self._subscriptions.get(topic_filter, ())):
            return
        task = asyncio.create_task(self._hand_retained(topic_filter, qos, session, handler))
        self._handing.add(task)
        task.add_done_callback(self._handing.discard)

    async def _hand_retained(
        self, topic_filter: str, qos: int, session: Session, handler: BrokerProtocolHandler
    ) -> None:
        topics = [
            topic
            for topic in self._retained_messages
            if self._matches(topic, topic_filter) and self._access.may(session.username, topic, "receive")
        ]
        for start in range(0, len(topics), _WINDOW):
            if handler.session is None or session.transitions.state != "connected":
                return
            # As retained by now: what was retained before may have been overtaken by a delivery.
            messages = (self._retained_messages.get(topic) for topic in topics[start : start + _WINDOW])
            # An exception is a subscriber that left or did not acknowledge: it subscribes anew.
            await asyncio.gather(
                *(
                    handler.mqtt_publish(each.topic, each.data, min(qos, each.qos or 0), retain=True)
                    for each in messages
                    if each is not None
                ),
                return_exceptions=True,
            )
