"""Thinning leaves what is kept speaking for all that there was."""

import statistics
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from roost_edge.spool.thinning import CHANCE, FLOOR, LEAST_PROBABILITY, is_tossed_for, next_class, survives

ROUNDS = 4
INPUTS = 20_000


def test_the_weight_of_what_survives_is_the_number_of_what_there_was() -> None:
    """Seeded: by Horvitz and Thompson the sum has mean n and variance n (1 - p) / p after any number of rounds."""
    for spool in range(5):
        samples = [f"06d512e219d217f{spool}-{number}" for number in range(INPUTS)]
        alive = samples
        for number in range(1, ROUNDS + 1):
            alive = [sample for sample in alive if survives(sample, round_number=1000 * spool + number)]
            probability = CHANCE**number
            scatter = (INPUTS * (1 - probability) / probability) ** 0.5
            assert abs(len(alive) / probability - INPUTS) < 4 * scatter


def test_rounds_are_independent_of_each_other_and_of_names_next_to_each_other() -> None:
    tosses = {
        number: [survives(f"boot-{count}", round_number=number) for count in range(INPUTS)] for number in (1, 2, 2**48)
    }
    for first, second in ((1, 2), (2, 2**48), (1, 2**48)):
        assert abs(statistics.correlation(tosses[first], tosses[second])) < 4 / INPUTS**0.5
    for toss in tosses.values():
        assert abs(statistics.correlation(toss[1:], toss[:-1])) < 4 / INPUTS**0.5


@given(st.dictionaries(st.integers(0, 5), st.integers(0, 100)), st.integers(0, 5) | st.none())
def test_a_class_goes_only_when_those_below_are_at_their_floor_and_never_for_what_is_worth_less(
    bytes_by_class: dict[int, int], highest: int | None
) -> None:
    chosen = next_class(bytes_by_class, highest=highest)
    present = sorted(priority for priority, size_bytes in bytes_by_class.items() if size_bytes)
    candidates = [priority for priority in present if highest is None or priority <= highest]
    if chosen is None:
        assert not candidates
        return
    floor_bytes = FLOOR * sum(bytes_by_class.values())
    assert chosen in candidates
    assert all(bytes_by_class[below] <= floor_bytes for below in candidates if below < chosen)
    assert bytes_by_class[chosen] > floor_bytes or chosen == candidates[-1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 100)), min_size=1, max_size=200))
def test_no_class_is_thinned_away_by_what_is_worth_more(added: list[tuple[int, int]]) -> None:
    """Rounds that halve to the byte: what is left is half of the floor of a full spool, or all that there was."""
    room = 150
    held, ever = Counter[int](), Counter[int]()
    for priority, size_bytes in added:
        held[priority] += size_bytes
        ever[priority] += size_bytes
        while sum(held.values()) > room:
            chosen = next_class(held)
            assert chosen is not None
            held[chosen] = held[chosen] // 2
        for one in ever:
            assert held[one] >= min(ever[one], int(FLOOR * room / 2))


@given(st.lists(st.floats(LEAST_PROBABILITY, 1), min_size=1))
def test_a_round_tosses_for_those_that_stand_for_the_fewest_until_nothing_is_left_to_toss_for(
    probabilities: list[float],
) -> None:
    for _ in range(40):
        highest = max(probabilities)
        tossed = [is_tossed_for(probability, highest) for probability in probabilities]
        assert tossed[probabilities.index(highest)] == (highest * CHANCE >= LEAST_PROBABILITY)
        for probability, is_tossed in zip(probabilities, tossed, strict=True):
            assert not is_tossed or probability > highest / 2
        probabilities = [p * CHANCE if toss else p for p, toss in zip(probabilities, tossed, strict=True)]
    assert min(probabilities) >= LEAST_PROBABILITY
    assert max(probabilities) * CHANCE < LEAST_PROBABILITY


@given(st.text(min_size=1), st.integers(0, 2**63 - 1))
def test_a_toss_is_the_same_at_every_look(sample: str, number: int) -> None:
    assert Counter(survives(sample, round_number=number) for _ in range(3)).most_common(1)[0][1] == 3
