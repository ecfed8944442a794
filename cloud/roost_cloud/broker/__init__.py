"""The broker as the cloud sees it.

- `link.py`: the cloud's own connection to whatever broker there is.
- `embedded.py`: the broker that comes along, for a demo on one machine; `access.py` says who may do what there.
- `python -m roost_cloud.broker`: the embedded broker as a program of its own.
"""
