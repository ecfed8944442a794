"""A file counts as complete if, and only if, it has stayed the same for the settling time."""

from hypothesis import given
from hypothesis import strategies as st

from roost_edge.intake.settling import Settling, Stamp

STAMPS = st.builds(Stamp, st.integers(0, 3), st.integers(0, 2), st.integers(0, 1))
LISTINGS = st.dictionaries(st.sampled_from(["a", "b", "c"]), STAMPS)
LOOKS = st.lists(st.tuples(st.integers(0, 40), LISTINGS), min_size=1)


def unchanged_ns(looks: list[tuple[int, dict[str, Stamp]]], name: str) -> int:
    """How long a file has been as the last look found it, counted from the looks alone."""
    now_ns, listing = looks[-1]
    since_ns = now_ns
    for when_ns, earlier in reversed(looks):
        if earlier.get(name) != listing[name]:
            break
        since_ns = when_ns
    return now_ns - since_ns


@given(LOOKS, st.integers(0, 100))
def test_complete_is_what_has_not_changed_for_long_enough(
    steps: list[tuple[int, dict[str, Stamp]]], settle_ns: int
) -> None:
    settling = Settling(settle_ns)
    now_ns = 0
    looks: list[tuple[int, dict[str, Stamp]]] = []
    for step_ns, listing in steps:
        now_ns += step_ns
        looks.append((now_ns, listing))
        complete = settling.complete(listing, now_ns)
        assert set(complete) == {name for name in listing if unchanged_ns(looks, name) >= settle_ns}
        assert complete == sorted(complete, key=lambda name: (listing[name].mtime_ns, name))
