"""What recorded requests should have been answered, from a file of people: CSV with `sample` and `label`."""

import csv
import hashlib
import io
from pathlib import Path

import msgspec

from roost_shared.errors import ContentError

__all__ = ["BadLabelsError", "Truth", "read_truth"]


class BadLabelsError(ContentError):
    """A file of labels cannot be read."""

    code = "replay.bad_labels"


class Truth(msgspec.Struct, frozen=True):
    """Labels by sample, and the digest of the file that they are of."""

    labels: dict[str, str]
    digest: str


def read_truth(path: Path) -> Truth:
    """Read a file of labels.

    Raises:
        BadLabelsError: it is no such file, or says two things of a sample.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    labels: dict[str, str] = {}
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        if not {"sample", "label"} <= set(rows.fieldnames or ()):
            raise BadLabelsError(f"{path}: the first line has to name the columns `sample` and `label`")
        for row in rows:
            sample, label = row["sample"], row["label"]
            if not sample or label is None:
                raise BadLabelsError(f"{path}:{rows.line_num}: a sample or its label is missing")
            if labels.setdefault(sample, label) != label:
                raise BadLabelsError(f"{path}:{rows.line_num}: {sample} has another label above")
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadLabelsError(f"{path}: {error}") from error
    return Truth(labels, hashlib.sha256(data).hexdigest())
