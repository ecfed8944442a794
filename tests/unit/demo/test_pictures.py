"""Albums: what is fitted on is never streamed, and a bad folder is refused with a reason."""

from pathlib import Path

import pytest
from PIL import Image

from scripts.roost_demo.pictures import AlbumError, digits_album, folder_album


def write_pictures(folder: Path, *labels: str, count: int) -> Path:
    for label in labels:
        (folder / label).mkdir(parents=True)
        for number in range(count):
            Image.new("L", (4, 4), number).save(folder / label / f"{number}.PNG")
    return folder


def write_labels(tmp_path: Path, *labels: str) -> Path:
    file = tmp_path / "labels.txt"
    file.write_text("\n".join(labels) + "\n")
    return file


def test_no_digit_is_both_fitted_on_and_streamed() -> None:
    album = digits_album()
    assert len(album.fitting) + len(album.streaming) == 1797
    # Two of the digits may be alike by chance; hardly more.
    streamed = {picture.payload for picture in album.streaming}
    assert sum(picture.payload in streamed for picture in album.fitting) <= 2
    assert digits_album() == album


def test_a_folder_is_cut_in_two_halves(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "cats", "cat", "dog", count=12)
    (images / "cat" / "notes.txt").write_text("no picture")
    album = folder_album(images, write_labels(tmp_path, "dog", "cat"), "cats")
    assert album.labels == ("dog", "cat")
    assert (len(album.fitting), len(album.streaming)) == (12, 12)
    assert {picture.label for picture in album.fitting + album.streaming} == {"cat", "dog"}


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AlbumError, match="no such folder"):
        folder_album(tmp_path / "none", write_labels(tmp_path, "cat"), "cats")


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "cats", "cat", count=3)
    with pytest.raises(AlbumError, match="3 pictures are too few"):
        folder_album(images, write_labels(tmp_path, "cat"), "cats")


def test_a_folder_called_like_no_label_is_refused(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "cats", "cat", "cow", count=12)
    with pytest.raises(AlbumError, match="'cow' is none of the labels"):
        folder_album(images, write_labels(tmp_path, "cat", "dog"), "cats")


@pytest.mark.parametrize("text", ["", "cat\ncat\n"], ids=["empty", "a label twice"])
def test_a_bad_file_of_labels_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "labels.txt"
    file.write_text(text)
    with pytest.raises(AlbumError, match="each label once"):
        folder_album(write_pictures(tmp_path / "cats", "cat", count=1), file, "cats")


def test_a_file_of_labels_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AlbumError, match="cannot be read"):
        folder_album(tmp_path, tmp_path / "none.txt", "cats")
