"""Whatever a task's contestants share, no fallback shares a worker with what it falls back from."""

from hypothesis import given
from hypothesis import strategies as st

from roost_edge.workers import Sharer, group_by_base

sharers = st.lists(st.tuples(st.booleans(), st.none() | st.sampled_from(["b1", "b2", "b3"])), max_size=12).map(
    lambda traits: [Sharer(f"c{number}", *trait) for number, trait in enumerate(traits)]
)


@given(sharers)
def test_everyone_is_in_exactly_one_group(contestants: list[Sharer]) -> None:
    groups = group_by_base(contestants)
    assert sorted(one.contestant for group in groups for one in group) == sorted(one.contestant for one in contestants)
    assert all(groups)


@given(sharers)
def test_no_two_that_may_answer_share_and_the_one_that_may_comes_first(contestants: list[Sharer]) -> None:
    for first, *others in group_by_base(contestants):
        assert not any(one.may_answer for one in others)
        assert (
            first.may_answer or not others or not any(one.may_answer and one.base == first.base for one in contestants)
        )


@given(sharers)
def test_only_equal_bases_are_shared(contestants: list[Sharer]) -> None:
    for group in group_by_base(contestants):
        assert len(group) == 1 or (group[0].base is not None and {one.base for one in group} == {group[0].base})


@given(sharers)
def test_whoever_can_share_does(contestants: list[Sharer]) -> None:
    """As few workers as the rules allow: for each base one for each that may answer, or one for all that score."""
    groups = group_by_base(contestants)
    alone = sum(one.base is None for one in contestants)
    by_base = {
        base: max(1, sum(one.may_answer for one in contestants if one.base == base))
        for base in {one.base for one in contestants if one.base is not None}
    }
    assert len(groups) == alone + sum(by_base.values())


@given(sharers)
def test_the_same_contestants_always_group_alike(contestants: list[Sharer]) -> None:
    assert group_by_base(contestants) == group_by_base(list(contestants))
