"""Keeps revoked devices out of a broker: runs beside it, as `roost broker sync`.

- `enforcement.py`: what has to be done about a document of revocations; `acl.py`: the access list that says so. Pure.
- `source.py`: fetches the document; `reload.py`: has the broker read files; `expel.py`: ends a device's connection.
- `sync.py`: does all of that, again and again.
"""
