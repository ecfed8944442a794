"""A reference set made of a folder or a tar: each label on both sides, and no answer taken for a truth."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost_shared.bundle.examples import ExamplesError
from roost_shared.bundle.reference import ReferenceSetError, encode_reference
from roost_shared.bundle.reference_making import gather_reference
from tests.unit.shared.bundle.test_reference import tar_of

LABELS = ("dark", "bright")


def folder_of(folder: Path, inputs: dict[str, bytes]) -> Path:
    for name, data in inputs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_half_of_each_label_is_for_judging(tmp_path: Path) -> None:
    inputs = {f"{label}/{number}.json": f"[{number}, {label!r}]".encode() for label in LABELS for number in range(10)}
    samples = gather_reference(folder_of(tmp_path / "in", inputs), LABELS)
    parts = Counter((sample.label, sample.part) for sample in samples)
    assert parts == {(label, part): 5 for label in LABELS for part in ("train", "test")}
    renamed = {f"{name}-renamed": data for name, data in inputs.items()}
    again = gather_reference(folder_of(tmp_path / "again", renamed), LABELS)
    assert encode_reference(again) == encode_reference(samples)


def test_the_same_input_counts_once_and_has_one_label(tmp_path: Path) -> None:
    twice = {"dark/1": b"[1]", "dark/2": b"[1]", "bright/1": b"[2]"}
    assert len(gather_reference(folder_of(tmp_path / "twice", twice), LABELS)) == 2
    both = {"dark/1": b"[1]", "bright/1": b"[1]"}
    with pytest.raises(ReferenceSetError, match="the same"):
        gather_reference(folder_of(tmp_path / "both", both), LABELS)


def test_one_input_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(ReferenceSetError, match="at least two"):
        gather_reference(folder_of(tmp_path / "in", {"dark/1": b"[1]"}), LABELS)


def test_a_folder_of_another_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExamplesError):
        gather_reference(folder_of(tmp_path / "in", {"grey/1": b"[1]"}), LABELS)


def exported(key: str, payload: bytes, **said: object) -> list[tuple[str, bytes]]:
    return [(f"{key}.input.json", payload), (f"{key}.json", json.dumps(said).encode())]


def write_tar(tmp_path: Path, *members: tuple[str, bytes]) -> Path:
    path = tmp_path / "in.tar"
    path.write_bytes(tar_of(*members))
    return path


def test_a_tar_says_label_weight_device_and_part(tmp_path: Path) -> None:
    path = write_tar(
        tmp_path,
        *exported("cam-1/a", b"[1]", label="bright", truth="dark", contestant="primary", weight=4.0, device="cam-1"),
        *exported("b", b"[2]", label="bright", part="test", more={"unknown": 1}),
    )
    first, second = sorted(gather_reference(path, LABELS), key=lambda sample: sample.payload)
    assert (first.label, first.weight, first.device) == ("dark", 4.0, "cam-1")
    assert (second.label, second.weight, second.part) == ("bright", 1.0, "test")


def test_an_answer_is_not_taken_for_a_truth(tmp_path: Path) -> None:
    path = write_tar(tmp_path, *exported("a", b"[1]", label="dark", contestant="primary"))
    with pytest.raises(ReferenceSetError, match="label it first"):
        gather_reference(path, LABELS)


@pytest.mark.parametrize(
    "said",
    [{}, {"label": "grey"}, {"label": 3}, {"label": "dark", "weight": 0}, {"label": "dark", "part": "all"}],
)
def test_what_says_no_label_is_refused(tmp_path: Path, said: dict[str, object]) -> None:
    path = write_tar(tmp_path, *exported("a", b"[1]", **said), *exported("b", b"[2]", label="dark"))
    with pytest.raises(ReferenceSetError):
        gather_reference(path, LABELS)


def test_an_input_without_its_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReferenceSetError, match="no JSON beside it"):
        gather_reference(write_tar(tmp_path, ("a.png", b"x")), LABELS)


def test_what_is_no_tar_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.tar"
    path.write_bytes(b"PK\x03\x04" * 1000)
    with pytest.raises(ReferenceSetError, match="is no tar"):
        gather_reference(path, LABELS)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d", "e", ""]), st.integers(0, 30)), min_size=2))
def test_a_device_is_on_one_side_where_devices_are_known(
    tmp_path_factory: pytest.TempPathFactory, inputs: list[tuple[str, int]]
) -> None:
    by_payload = {number: device for device, number in inputs}
    if len(by_payload) < 2:
        return
    members = [
        member
        for number, device in by_payload.items()
        for member in exported(f"k{number}", f"[{number}]".encode(), label="dark", device=device)
    ]
    samples = gather_reference(write_tar(tmp_path_factory.mktemp("t"), *members), LABELS)
    assert {sample.part for sample in samples} == {"train", "test"}
    devices = set(by_payload.values())
    if "" not in devices and len(devices) >= 4:
        assert len({(sample.device, sample.part) for sample in samples}) == len(devices)
