"""What each device shall run: written by people, checked, signed, published; and what it says of that.

- `document.py`: what people write, as in agent.toml, with bundles of the registry. Pure.
- `pinning.py`: which bundles that stands for now; that each exists, is for its task, and is released.
- `signing.py`: by which keys the cloud signs, and signing anew when they change.
- `versions.py`: a device's assignments, each a version; who made it and when.
- `following.py`: how what a device reports differs from what it is assigned, in a word. Pure.
- `reports.py`: what devices report, from messages to rows; `running.py`: which bundles they say that they run.
- `desired.py`: which `desired` topics have yet to be published, and which have been.
- `publisher.py`: publishes them, a thread of the role `ingest`.

Who may release a bundle, and which keys devices believe, is `roost_cloud.trust`'s; what a device makes of it, its own.
"""
