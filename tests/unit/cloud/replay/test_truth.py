"""Files of labels."""

from pathlib import Path

import pytest

from roost_cloud.replay.truth import BadLabelsError, read_truth


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes('\ufeffwho,label,sample\r\nme,"a,b",boot-1\r\nme,,boot-2\r\nyou,"a,b",boot-1\r\n'.encode())
    assert read_truth(file).labels == {"boot-1": "a,b", "boot-2": ""}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the first line"),
        (b"sample;label\nboot-1;7\n", "the first line"),
        (b"sample,label\nboot-1\n", ":2: a sample or its label is missing"),
        (b"sample,label\n,7\n", ":2: a sample or its label is missing"),
        (b"sample,label\nboot-1,7\nboot-1,1\n", ":3: boot-1 has another label above"),
        (b"sample,label\n\xff,7\n", "utf-8"),
        (b'sample,label\nboot-1,"7\n', "unexpected end of data"),
    ],
)
def test_what_is_no_file_of_labels_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(data)
    with pytest.raises(BadLabelsError, match=why):
        read_truth(file)
