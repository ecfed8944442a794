"""Where bytes are kept: `file://` for one machine, `s3://` for more, behind one contract (`store.py`).

- `open.py`: a store from its URL; `keys.py`: what an object may be called; `errors.py`: what can go wrong.
- `files.py`, with `disk`, `file_uploads`, `file_reader`, `signing`: the one. `s3.py`, with `s3_location`, `s3_faults`,
  `s3_reader`: the other.
- `parts.py` and `ranges.py`: pieces of an object, coming and going.
- `receiving.py`: how a room receives bytes in parts from somebody who holds only URLs.

What the bytes are, the rooms know that have them here.
"""

from roost_cloud.objects.errors import MissingPartsError, ObjectNotFoundError, UploadNotFoundError
from roost_cloud.objects.keys import build_key, check_key
from roost_cloud.objects.open import open_store
from roost_cloud.objects.parts import PART_BYTES, Part, StoredPart, plan_parts
from roost_cloud.objects.store import ObjectInfo, ObjectReader, ObjectStore, Upload

__all__ = [
    "PART_BYTES",
    "MissingPartsError",
    "ObjectInfo",
    "ObjectNotFoundError",
    "ObjectReader",
    "ObjectStore",
    "Part",
    "StoredPart",
    "Upload",
    "UploadNotFoundError",
    "build_key",
    "check_key",
    "open_store",
    "plan_parts",
]
