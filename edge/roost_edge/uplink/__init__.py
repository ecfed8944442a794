"""The device's way to the cloud; nothing of it is needed to answer.

- `uplink.py`: the parts below put together, with the identity they go by.
- `connection.py`: a broker connection of the cloud's own; `broker_settings.py`: to which broker, as whom.
- `traffic.py`: what passes on it, or on the site's; `presence.py`: birth and will; `telemetry.py`: records.
- `api.py`, `http.py`, `ranged_answer.py`, `errors.py`: the cloud's API, for processes of their own.
"""
