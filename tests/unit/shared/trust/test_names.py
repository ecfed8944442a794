import pytest

from roost_shared.trust.names import FILE_NAME, file_name, largest_bytes, task_of_role, task_role


@pytest.mark.parametrize("task", ["meter", "root", "a" * 63, "task.root", "a.b-c_d"])
def test_a_task_and_its_role_name_each_other(task: str) -> None:
    assert task_of_role(task_role(task)) == task
    assert FILE_NAME.fullmatch(file_name(task_role(task), 12))


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp", "task.", "task.A", "task.*", "meter"])
def test_what_is_no_task_s_role_names_none(role: str) -> None:
    assert task_of_role(role) is None


@pytest.mark.parametrize(
    "file",
    [
        "root.json",
        "0.root.json",
        "1.timestamp.json",
        "timestamp.json\n",
        "1.root.json.bak",
        "../1.root.json",
        "1.a.json",
    ],
)
def test_no_other_file_is_the_repository_s(file: str) -> None:
    assert FILE_NAME.fullmatch(file) is None


def test_every_role_has_a_limit() -> None:
    assert all(largest_bytes(role) <= 1 << 20 for role in ("root", "targets", "snapshot", "timestamp", "task.meter"))
