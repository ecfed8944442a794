"""Nonces and labels under anything that callers can think of."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from roost_cloud.fleet.labels import MAX_LABELS, LabelError, changed, check_labels, parse_selector
from roost_cloud.fleet.nonces import MAX_NONCE_CHARS, NONCE_LIFETIME, is_good, new_nonce
from roost_shared.topics import NAME

KEY = b"key"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
names = st.from_regex(NAME, fullmatch=True)
keys = st.from_regex(r"[a-z0-9][a-z0-9._/-]{0,10}", fullmatch=True)
values = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=20)
labels = st.dictionaries(keys, values, max_size=8)


@given(names, names, st.timedeltas(-timedelta(days=400), timedelta(days=400)))
def test_nonce_is_good_for_its_device_around_its_time_only(tenant: str, device: str, later: timedelta) -> None:
    nonce = new_nonce(KEY, tenant, device, NOON)
    assert len(nonce) <= MAX_NONCE_CHARS
    assert is_good(KEY, nonce, tenant, device, NOON + later) == (abs(later) < NONCE_LIFETIME)
    assert not is_good(KEY, nonce, device, tenant, NOON) or tenant == device
    assert not is_good(b"other", nonce, tenant, device, NOON)


@given(st.text(max_size=120))
def test_text_that_is_no_nonce_is_not_good(text: str) -> None:
    assert not is_good(KEY, text, "acme", "cam-01", NOON)


@given(st.data())
def test_nonce_with_a_character_changed_is_not_good(data: st.DataObject) -> None:
    nonce = new_nonce(KEY, "acme", "cam-01", NOON)
    # The last character's low bits are padding, which says nothing.
    place = data.draw(st.integers(0, len(nonce) - 2))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."))
    changed_text = nonce[:place] + other + nonce[place + 1 :]
    assert is_good(KEY, changed_text, "acme", "cam-01", NOON) == (changed_text == nonce)


@given(labels, st.dictionaries(keys, st.none() | values, max_size=8))
def test_changes_do_what_they_say_and_no_more(before: dict[str, str], changes: dict[str, str | None]) -> None:
    after = changed(before, changes)
    assert all(after.get(key) == value for key, value in changes.items())
    assert all(after[key] == value for key, value in before.items() if key not in changes)
    assert changed(after, changes) == after
    assert after.keys() <= before.keys() | changes.keys()


@given(keys, values)
def test_selector_reads_what_a_label_says(key: str, value: str) -> None:
    assert parse_selector(f"{key}={value}") == (key, value)


@given(st.dictionaries(st.text(max_size=80), st.text(max_size=300), max_size=MAX_LABELS + 4))
def test_labels_are_kept_whole_or_refused(given_labels: dict[str, str]) -> None:
    try:
        kept = check_labels(given_labels)
    except LabelError:
        return
    assert kept == given_labels
    assert all("\0" not in key + value for key, value in kept.items())
