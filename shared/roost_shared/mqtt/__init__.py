"""What both sides' connections to MQTT brokers have in common.

- `address.py`: a broker's URL, taken apart; `tls.py`: whom to trust there, and what to show.
- `faults.py`: what can go wrong; `dialect.py`: which version to speak after it did.
- `paho_reading.py`: reading properties where paho's own reading fails; `prompt_sending.py`: small messages at once.
"""
