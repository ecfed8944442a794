"""Where inputs come in: each intake turns what it received into an `Input` with a way back, a `Reply`.

- `inputs.py`: an `Input`, and a `Reply`; `intakes.py` starts and stops all but MQTT.
- `mqtt.py`: messages on the device's input topics, by `site_connection.py`.
- `folder.py`: files in a watched folder; `inbox.py` is the disk's side, `settling.py` tells when a file is whole.
- `http.py`: the Open Inference Protocol. `http_gate.py` judges a request by its head, `oip_paths.py` reads its path,
  `http_errors.py` says why not.
- `tokens.py`: whether a caller shows the token that something needs.
"""
