from roost_cloud.dashboard.sheet import RESERVED, Sheet, keys_of


def test_a_word_leads_to_the_next_that_has_none() -> None:
    sheet = Sheet(3).choose("a").choose("b")
    assert sheet.at == 2
    assert Sheet(3, at=2).choose("c").at == 0  # round to what was passed over


def test_a_second_word_takes_the_place_of_the_first_and_is_undone_at_once() -> None:
    sheet = Sheet(2).choose("a").choose("b").move(-1).choose("c")
    assert sheet.chosen == {0: "c", 1: "b"}
    assert sheet.undo().chosen == {1: "b"}
    assert sheet.undo().undo().chosen == {}


def test_nothing_leads_out_of_the_sheet() -> None:
    assert Sheet(3).move(-5).at == 0
    assert Sheet(3).move(5).at == 2
    assert Sheet(0).choose("a").undo().move(1) == Sheet(0)


def test_every_label_has_a_key_of_its_own_as_far_as_there_are_some() -> None:
    labels = ["u", "7", "s", *(f"kind {number}" for number in range(40))]
    keys = keys_of(labels)
    assert keys["7"] == "7"
    assert not set(RESERVED) & set(keys)
    assert len(set(keys.values())) == len(keys) == 33
