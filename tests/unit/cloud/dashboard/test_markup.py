from roost_cloud.dashboard.markup import address, choice, entry, table, tag

EVIL = "<script>alert('x')</script>\" onload=\"y"


def test_what_devices_and_people_say_is_text_wherever_it_stands() -> None:
    made = (
        tag("p", EVIL, title=EVIL)
        + table([EVIL], [[EVIL]], caption=EVIL)
        + entry("text", EVIL, value=EVIL)
        + choice("c", {EVIL: EVIL}, EVIL)
    )
    assert "<script" not in made
    assert '" onload' not in made
    assert "&lt;script&gt;" in made


def test_addresses_hold_whatever_is_in_them() -> None:
    assert address("devices", "../a b?") == "/ui/devices/..%2Fa%20b%3F"
    assert address("fleet", query={"label": "site=a&b", "state": ""}) == "/ui/fleet?label=site%3Da%26b"


def test_a_cell_says_which_column_it_is_of() -> None:
    made = table(["Device", "State"], [["cam-01", "online"]], caption="Devices")
    assert '<th scope="row">cam-01</th><td data-head="State">online</td>' in made
