"""What a watched folder takes for an input, and how it puts one away. A real folder, no process, no thread."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roost_edge.intake import inbox as inbox_module
from roost_edge.intake.inbox import Collected, Found, Inbox
from roost_edge.intake.inputs import Delivery, Input
from roost_shared.answers import default_answer
from roost_shared.clock import MS, SystemClock
from roost_shared.messages import Answer, ErrorInfo

LIMIT = 1000  # bytes


class HandClock(SystemClock):
    """Time stands until it is moved."""

    now = 0

    def now_ns(self) -> int:
        return self.now


class Rig:
    """A folder and its inbox."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.clock = HandClock()
        fields: dict[str, Any] = {"settle_ns": 0, "limit_bytes": LIMIT, "done": "move"}
        self.inbox = Inbox(path, self.clock, **(fields | options))

    def write(self, name: str, content: bytes = b"image") -> Path:
        path = self.path / name
        path.write_bytes(content)
        return path

    def collect(self, room: int = 10) -> Collected:
        return self.inbox.collect(room)

    def only(self) -> Found:
        (found,) = self.collect().found
        return found

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.path)) for path in self.path.rglob("*") if not path.is_dir())

    def put_away(self, found: Found, contestant: str | None = "primary") -> ErrorInfo | None:
        return self.inbox.put_away(found, answer_to(found.id, contestant))


class NoReply:
    def answered(self) -> bool:
        return False

    def can_deliver(self) -> bool:
        return False

    def deliver(self, answer: Answer) -> Delivery:
        raise AssertionError(answer)

    def settled(self) -> None:
        raise AssertionError


def answer_to(request_id: str, contestant: str | None = "primary") -> Answer:
    request = Input(
        key="k",
        id=request_id,
        task="light",
        payload=b"",
        content_type=None,
        received_ns=0,
        received_at="2026-01-01T00:00:00Z",
        reply=NoReply(),
    )
    answer = default_answer(request, ErrorInfo("x", "y"), default=None, elapsed_ns=0, deadline_met=True)
    return msgspec.structs.replace(answer, contestant=contestant)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_file_is_read_once_and_leaves_when_its_answer_is_there(rig: Rig) -> None:
    rig.write("photo.jpg", b"pixels")
    found = rig.only()
    assert (found.name, found.payload, found.error, found.redelivered) == ("photo.jpg", b"pixels", None, False)
    assert rig.collect().found == [], "it is in hand"
    assert rig.put_away(found) is None
    assert rig.names() == ["done/photo.jpg", "done/photo.jpg.json"]
    assert json.loads((rig.path / "done/photo.jpg.json").read_bytes())["id"] == found.id
    assert rig.collect().found == []


def test_what_nobody_could_answer_is_kept_apart(tmp_path: Path) -> None:
    rig = Rig(tmp_path, done="delete")
    rig.write("photo.jpg")
    rig.put_away(rig.only(), contestant=None)
    assert rig.names() == ["failed/photo.jpg", "failed/photo.jpg.json"]


def test_an_answered_input_is_deleted_where_that_is_wanted(tmp_path: Path) -> None:
    rig = Rig(tmp_path, done="delete")
    rig.write("photo.jpg")
    rig.put_away(rig.only())
    assert rig.names() == ["done/photo.jpg.json"]


def test_unfinished_names_folders_and_answers_are_no_inputs(rig: Rig) -> None:
    for name in (".hidden", "photo.jpg.part", "photo.TMP", "notes~"):
        rig.write(name)
    (rig.path / "done").mkdir()
    (rig.path / "sub").mkdir()
    rig.write("sub/photo.jpg")
    first = rig.collect()
    assert (first.found, [note.code for note in first.notes]) == ([], ["folder.subfolder"])
    assert rig.collect().notes == [], "each is counted once"


def test_a_file_that_still_changes_is_left_alone(tmp_path: Path) -> None:
    rig = Rig(tmp_path, settle_ns=100 * MS)
    rig.write("photo.jpg", b"half")
    assert rig.collect().found == []
    rig.clock.now = 99 * MS
    assert rig.collect().found == []
    rig.write("photo.jpg", b"the whole")
    rig.clock.now = 100 * MS
    assert rig.collect().found == []
    rig.clock.now = 200 * MS
    assert rig.only().payload == b"the whole"


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_look(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rig.write("photo.jpg", b"first")
    real_open = os.open

    def open_late(name: Any, *more: Any) -> int:
        path.write_bytes(b"another, longer")
        return real_open(name, *more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", open_late)
        assert rig.collect().found == []
    assert rig.only().payload == b"another, longer"


def becomes_a_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def becomes_a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("swap", "codes"), [(becomes_a_link, ["input.unreadable"]), (becomes_a_pipe, [])], ids=["link", "pipe"]
)
def test_what_takes_the_place_of_a_file_at_the_last_moment_is_not_read(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, swap: Callable[[Path], None], codes: list[str]
) -> None:
    path = rig.write("photo.jpg")
    real_open = os.open
    writers = []

    def open_late(name: Any, *more: Any) -> int:
        path.unlink()
        swap(path)
        if not path.is_symlink():
            writers.append(real_open(path, os.O_RDWR))  # a pipe that somebody holds open, and says nothing
        return real_open(name, *more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", open_late)
        found = rig.collect().found
    for writer in writers:
        os.close(writer)
    assert [one.error.code for one in found if one.error is not None] == codes
    assert not any(one.payload for one in found)


def links_out(rig: Rig) -> None:
    rig.path.joinpath("x").symlink_to("/etc/hostname")


def links_nowhere(rig: Rig) -> None:
    rig.path.joinpath("x").symlink_to("nowhere")


def pipes(rig: Rig) -> None:
    os.mkfifo(rig.path / "x")


def is_large(rig: Rig) -> None:
    with rig.write("x").open("r+b") as file:
        file.truncate(64 << 20)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (links_out, "input.symlink"),
        (links_nowhere, "input.symlink"),
        (pipes, "input.not_a_file"),
        (is_large, "input.too_large"),
    ],
)
def test_what_must_not_be_read_is_named_and_put_away(rig: Rig, make: Callable[[Rig], None], code: str) -> None:
    make(rig)
    found = rig.only()
    assert found.error is not None
    assert (found.error.code, found.payload) == (code, b"")
    rig.put_away(found, contestant=None)
    assert rig.names() == ["failed/x", "failed/x.json"]


def test_a_file_nobody_may_read_is_named(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.write("x")

    def refuse(*_: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        found = rig.only()
    assert found.error == ErrorInfo("input.unreadable", "Permission denied")


def test_a_file_that_vanishes_is_counted(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rig.write("x")
    complete = rig.inbox._settling.complete

    def vanish(*arguments: Any) -> list[str]:
        path.unlink()
        return complete(*arguments)

    monkeypatch.setattr(rig.inbox._settling, "complete", vanish)
    collected = rig.collect()
    assert (collected.found, [note.code for note in collected.notes]) == ([], ["input.vanished"])


def test_a_file_that_vanishes_before_it_is_put_away_still_has_its_answer(rig: Rig) -> None:
    path = rig.write("x")
    found = rig.only()
    path.unlink()
    assert rig.put_away(found) is None
    assert rig.names() == ["done/x.json"]


def test_another_file_of_the_same_name_is_an_input_of_its_own(rig: Rig) -> None:
    rig.write("x", b"first")
    first = rig.only()
    rig.write("x", b"another")
    assert rig.collect().found == [], "one of a name at a time"
    rig.put_away(first)
    second = rig.only()
    assert (second.payload, second.redelivered) == (b"another", False)
    assert second.id != first.id


def test_an_input_whose_answer_lies_there_already_is_marked(rig: Rig) -> None:
    rig.write("x")
    found = rig.only()
    rig.put_away(found)
    shutil.move(rig.path / "done/x", rig.path / "x")  # as if power had failed between answer and move
    again = Rig(rig.path).only()
    assert (again.id, again.redelivered, again.backlog) == (found.id, True, True)


def test_what_lay_there_first_is_backlog(rig: Rig) -> None:
    rig.write("first")
    assert rig.only().backlog
    rig.write("second")
    assert not rig.only().backlog


def test_no_more_is_read_than_there_is_room_for(rig: Rig) -> None:
    for number in range(5):
        os.utime(rig.write(f"{number}", bytes(400)), ns=(0, 10 - number))
    first = rig.collect(room=2)
    assert ([found.name for found in first.found], first.more) == (["4", "3"], True)
    second = rig.collect()
    assert ([found.name for found in second.found], second.more) == (["2", "1", "0"], False)
    for number in range(5):
        rig.write(f"more-{number}", bytes(400))
    assert len(rig.collect().found) == 3, "1000 bytes are enough for one turn"


def test_a_missing_folder_is_named_and_may_come_later(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "later")
    assert [note.code for note in rig.collect().notes] == ["folder.unreadable"]
    rig.path.mkdir()
    rig.write("x")
    assert rig.only().name == "x"


def test_a_disk_that_refuses_the_answer_keeps_the_input(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.write("x")
    found = rig.only()

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(inbox_module, "write_durably", refuse)
        error = rig.put_away(found)
    assert error is not None
    assert (error.code, "No space left" in error.message) == ("folder.unwritable", True)
    assert rig.names() == ["x"]
    assert rig.collect().found == [], "it is not asked twice"
    assert rig.put_away(found) is None
    assert rig.names() == ["done/x", "done/x.json"]


def test_a_link_in_place_of_done_is_not_followed(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (rig.path / "done").symlink_to(elsewhere)
    rig.write("x")
    error = rig.put_away(rig.only())
    assert error is not None
    assert error.code == "folder.unwritable"
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("name", ["größe.png", "new\nline", os.fsdecode(b"\xff.png"), "x" * 240])
def test_any_name_that_leaves_room_for_its_answer_will_do(rig: Rig, name: str) -> None:
    rig.write(name)
    assert rig.put_away(rig.only()) is None
    assert (rig.path / "done" / f"{name}.json").is_file()


def test_a_name_too_long_for_an_answer_beside_it_is_counted_once(rig: Rig) -> None:
    rig.write("x" * 241)
    assert [note.code for note in rig.collect().notes] == ["input.name_too_long"]
    assert rig.collect() == Collected()
