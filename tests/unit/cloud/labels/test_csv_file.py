import pytest

from roost_cloud.labels.csv_file import read_lines
from roost_cloud.labels.errors import BadLabelsError

HEAD = "device,sample,label,at,confidence\n"


def test_a_table_is_read_whatever_its_columns_order_and_line_ends() -> None:
    text = '\ufefflabel,note,sample,device\r\n"7, or 1",x,b-1,cam\r\n  8 ,,b-2,cam\r\n'
    assert [(one.place, one.sample, one.label) for one in read_lines(text)] == [
        ("line 2", "b-1", "7, or 1"),
        ("line 3", "b-2", "8"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: there is no column device, sample, label"),
        ("device,label\n", "line 1: there is no column sample"),
        (HEAD + "cam,b-1,7\ncam,,7\n", "line 3: it names no device, or no sample"),
        (HEAD + "cam,b-1,7,2026-11-24\n", "line 2: '2026-11-24' says no zone"),
        (HEAD + "cam,b-1,7,noon\n", "line 2: 'noon' is no moment"),
        (HEAD + "cam,b-1,7,,1.5\n", "line 2: the confidence 1.5 is not within"),
        (HEAD + "cam,b-1,7,,nan\n", "line 2: the confidence nan is not within"),
        (HEAD + "cam,b-1,7,,sure\n", "line 2: the confidence 'sure' is no number"),
        (HEAD + "cam,b-1,7,,1,more\n", "line 2: it has more fields than the first line"),
        (HEAD + "cam,b-1,7\ncam,b-1,7\ncam,b-1,8\n", "line 4: cam/b-1 has another label above"),
        (HEAD + 'cam,b-1,"7\n', "line 2: unexpected end of data"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(text: str, problem: str) -> None:
    with pytest.raises(BadLabelsError) as caught:
        read_lines(text)
    assert caught.value.problems[0].startswith(problem)


def test_all_that_is_wrong_is_found_and_some_of_it_shown() -> None:
    with pytest.raises(BadLabelsError, match=r"line 2: .*line 11: .*; and 2 more$") as caught:
        read_lines(HEAD + ",,7\n" * 12)
    assert len(caught.value.problems) == 12


def test_one_sample_may_be_labelled_anew_at_another_time() -> None:
    times = ("2026-11-24T12:00Z", "2026-11-24T13:00Z")
    text = HEAD + "".join(f"cam,b-1,{label},{at}\n" for label, at in zip("78", times, strict=True))
    assert [one.label for one in read_lines(text)] == ["7", "8"]
