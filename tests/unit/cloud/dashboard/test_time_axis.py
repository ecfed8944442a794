import re
from itertools import pairwise

import pytest

from roost_cloud.dashboard.time_axis import Axis, Opening, Player, Stretch, draw_axis, stretches

RULES = [
    Opening("primary", 0, 0.8),
    Opening("cloud", 0, None),
    Opening("backup", 80, 0.6),
    Opening("primary", 250, None),
]
PLAYERS = [
    Player("primary", "answer", "local", "unsure"),
    Player("backup", "answer", "local", "unsure"),
    Player("cloud", "answer", "cloud", "unsure"),
    Player("old", "baseline", "local", "unsure"),
    Player("<next>", "shadow", "local", "unsure"),
]
AXIS = Axis(PLAYERS, RULES, deadline_ms=300, guard_ms=5, default="unknown", early_advance=True)


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([Opening("a", 0, None), Opening("a", 50, 0.5)], [Stretch(0, 95, None)], id="asks for more later"),
        pytest.param([Opening("a", 20, 0.9), Opening("a", 20, 0.5)], [Stretch(20, 95, 0.5)], id="two at once"),
        pytest.param([Opening("a", 97, None)], [], id="opens when time is up"),
        pytest.param([Opening("b", 0, None)], [], id="another's"),
    ],
)
def test_a_bar_only_falls(rules: list[Opening], found: list[Stretch]) -> None:
    assert stretches(rules, "a", 95) == found


def test_the_drawing_says_the_same_in_words() -> None:
    drawn = str(draw_axis(AXIS, "Whose answer will do when"))
    words = re.findall("<li>(.*?)</li>", drawn)
    assert words[0] == "primary: from the start with a confidence of 80 % or more; from 250 ms with any confidence."
    assert words[1] == "backup: from 80 ms with a confidence of 60 % or more."
    assert words[2] == "cloud, in the cloud, asked unsure: from the start with any confidence."
    assert words[4] == "&lt;next&gt;: scores everything, never answers."
    assert "At 295 ms time is up" in words[5]
    assert words[6].endswith("unknown.")
    assert drawn.count("<rect") == 4
    assert "<next>" not in drawn


def test_figures_on_the_axis_do_not_overlap() -> None:
    crowded = [Opening("primary", after_ms, None) for after_ms in range(0, 100, 2)]
    drawn = str(draw_axis(AXIS._replace(rules=crowded), "Crowded"))
    places = [float(x) for x in re.findall(r'<text x="([\d.]+)" y="\d+" text-anchor="middle">\d+ ms', drawn)]
    assert len(places) > 3
    assert all(after - before > 50 for before, after in pairwise(places))


def test_a_deadline_shorter_than_its_guard_is_drawn_all_the_same() -> None:
    assert "time is up 0 ms" in str(draw_axis(AXIS._replace(deadline_ms=4), "Short"))
