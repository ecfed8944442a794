"""A tenant's TUF repository: kept, checked when it changes, and kept fresh (`roost_shared.trust` says what it is).

- `acceptance.py`: what a new version of somebody's metadata may change. Pure.
- `drafts.py`: the next version of root, targets and a task's releases. Pure.
- `freshness.py`: what snapshot and timestamp say next, and when it is time. Pure.
- `online_keys.py`: the keys that sign those: files of `secrets_dir`, nowhere else.
- `standing.py`: the repository as it is in the object store, checked against the sealed root.
- `filing.py`: the files, written in an order that leads nobody astray.
- `manifests.py`: what the registry knows of those that are released.
- `publishing.py`: an accepted version made the newest, under a lock, and recorded.
- `refreshing.py`: the director's duty of that.
- `queries.py`: what others ask: a file, the time, who may sign what, which root to pin.

Keys that decide what devices run are not here: they stay with people (`roost trust`, `roost_cloud.keyring`), but for
tasks whose people have said, by the targets key, that the cloud shall release by itself.
Whoever has database and object store can hold back what is new, and forge nothing. Whoever has the secrets too can
assign devices whatever people have released, for targets name the cloud's own key for that, and nothing else.
"""
