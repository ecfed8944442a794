import pytest

from roost_cloud.fleet.labels import LabelError, changed, check_labels, parse_selector


@pytest.mark.parametrize("key", ["site", "a", "roost.io/site", "0", "a" * 63, "line_3-b"])
def test_key_that_is_one(key: str) -> None:
    assert check_labels({key: "x"}) == {key: "x"}


@pytest.mark.parametrize("key", ["", "Site", "-a", "a b", "a=b", "a" * 64, "é", "a\n"])
def test_key_that_is_none(key: str) -> None:
    with pytest.raises(LabelError, match="no label's key"):
        check_labels({key: "x"})


@pytest.mark.parametrize("value", ["north", "Zürich 2", "a=b", "x" * 255, "½"])
def test_value_that_is_one(value: str) -> None:
    assert parse_selector(f"site={value}") == ("site", value)


@pytest.mark.parametrize("value", ["", " a", "a ", "a\nb", "a\0", "\ud800", "x" * 256])
def test_value_that_is_none(value: str) -> None:
    with pytest.raises(LabelError, match="'site' has a value"):
        check_labels({"site": value})


def test_selector_needs_its_equals_sign() -> None:
    with pytest.raises(LabelError, match="write key=value"):
        parse_selector("site")


def test_sixty_four_labels_are_enough() -> None:
    full = {f"k{number}": "v" for number in range(64)}
    assert changed(full, {"k0": None, "site": "north"}).keys() == full.keys() - {"k0"} | {"site"}
    with pytest.raises(LabelError, match="65 labels"):
        changed(full, {"site": "north"})


def test_key_to_remove_must_be_one_too() -> None:
    with pytest.raises(LabelError):
        changed({}, {"nul\0": None})
