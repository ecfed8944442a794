"""Where bytes are kept: `file://` for one machine, `s3://` for more, behind one contract (`store.py`).

How a room receives bytes in parts from somebody who holds only URLs is in `receiving.py`.
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
