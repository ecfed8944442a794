from pathlib import Path

import pytest

from roost_cloud.export import DamagedPlanError, OtherExportError
from roost_cloud.export.plan import PIECE_BYTES, PIECE_SAMPLES, Entry, make_plan, pieces_of
from tests.support.unreadable import NO_JSON


def entry(number: int, size_bytes: int = 10) -> Entry:
    return Entry(device="cam-01", sample=f"b-{number}", media_type="image/png", size_bytes=size_bytes, sha256="0" * 64)


def test_pieces_are_cut_by_number_and_by_size() -> None:
    many = [entry(number) for number in range(2 * PIECE_SAMPLES + 1)]
    assert [len(piece) for piece in pieces_of(many)] == [PIECE_SAMPLES, PIECE_SAMPLES, 1]
    large = [entry(number, PIECE_BYTES // 2) for number in range(5)]
    assert [len(piece) for piece in pieces_of(large)] == [2, 2, 1]
    assert list(pieces_of([])) == []


def test_a_plan_stays_what_it_was_whatever_comes_later(tmp_path: Path) -> None:
    made = make_plan(tmp_path, "folder", {"task": "meter"}, [entry(1), entry(2)])
    again = make_plan(tmp_path, "folder", {"task": "meter"}, [entry(3)])
    assert list(made.pieces()) == list(again.pieces()) == [[entry(1), entry(2)]]
    assert (again.samples, again.size_bytes) == (2, 20)


def test_a_plan_that_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "plan.jsonl").write_bytes(b'{"device":')
    assert make_plan(tmp_path, "folder", {}, [entry(1)]).samples == 1


@pytest.mark.parametrize(("kind", "query"), [("webdataset", {}), ("folder", {"task": "meter"})])
def test_another_export_is_refused(tmp_path: Path, kind: str, query: dict[str, str]) -> None:
    make_plan(tmp_path, "folder", {}, [entry(1)])
    with pytest.raises(OtherExportError, match="unfinished"):
        make_plan(tmp_path, kind, query, [entry(1)])  # type: ignore[arg-type]  # of two kinds


@pytest.mark.parametrize("damaged", ["plan.json", "plan.jsonl"])
@pytest.mark.parametrize("wrong", NO_JSON)
def test_a_damaged_plan_is_said(tmp_path: Path, damaged: str, wrong: str) -> None:
    make_plan(tmp_path, "folder", {}, [entry(1)])
    (tmp_path / damaged).write_bytes(NO_JSON[wrong] + b"\n")
    with pytest.raises(DamagedPlanError, match="to begin anew"):
        list(make_plan(tmp_path, "folder", {}, []).pieces())
