"""Samples: what devices thought worth remembering, with the inputs that they have uploaded.

- `listing.py`: a page of them, by what they are; `place.py`: where a page ends; `name.py`: what
  a sample may be called.
- `whole.py`: one of them, with all that is known of it.
- `recorded.py`: many of them whole, for replay.
- `thumbnail.py`: an input as a small picture.
- `wanted.py`: those whose inputs people want first, and how far these are.
- `expiry.py`: those that came too long ago are removed.

Devices' records make them (`roost_cloud.ingest`), and their shards bring the inputs.
"""
