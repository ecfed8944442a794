"""Telling others what happened: events, hooks that want to know, and each telling until it is accepted or given up.

- `publishing.py`: a room says that something happened, in the transaction that made it so
- `hooks.py`: whom a tenant has told, by webhook or by MQTT
- `addresses.py`: where a webhook may lead to. Pure.
- `signature.py`: by which a webhook's receiver knows us. Pure.
- `patience.py`: when to try again, and when to give up. Pure.
- `webhook.py`: one POST
- `telling.py`: an event as others are told of it. Pure.
- `queue.py`: what is due, taken so that nobody else takes it, and what became of it
- `deliverer.py`: the thread that tells

An event is told at least once; its id, the same each time, tells a second time from another event. Nothing here knows
of alarms or rollouts: an event has a kind (`alarm.opened`), whose noun hooks choose by, and data.
"""
