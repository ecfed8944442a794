"""What scripts/mutate tries, and what it leaves alone."""

import pytest

from scripts.roost_mutate.mutants import mutants_of


@pytest.mark.parametrize(
    ("source", "tried"),
    [
        ("x = a <= b", ["a <= b -> a < b", "a <= b -> a > b"]),
        ("x = a and b", ["a and b -> b", "a and b -> a"]),
        ("x = not a", ["not a -> a"]),
        ("x = a if b else c", ["a if b else c -> a", "a if b else c -> c"]),
        ("x = any(a)", ["any(a) -> all(a)"]),
        ("x = [a for a in b if a]", ["[a for a in b if a] -> [a for a in b]"]),
        ("if a:\n    a.b = c", ["if a: ... -> if not a: ...", "a.b = c -> pass"]),
        ("while a:\n    break", ["while a: ... -> while not a: ...", "break -> pass"]),
        ("def f():\n    return a", ["return a -> return None"]),
        ("x = 1", ["1 -> 2"]),
        ("x = True", ["True -> False"]),
        ("x = 'a'", ["'a' -> 'a~'"]),
        ("raise E(1, 'said to people')", ["raise E(1, 'said to people') -> pass"]),
        ("def f(a: int = 1) -> 'str':\n    '''Prose.'''\n    del a", ["1 -> 2"]),
        ("import a\n__all__ = ['a']\nT = Literal['a']", []),
    ],
)
def test_a_line_can_be_wrong_in_these_ways(source: str, tried: list[str]) -> None:
    assert [mutant.what for mutant in mutants_of(source)] == tried


def test_a_mutant_is_the_module_with_one_mistake() -> None:
    first, *_ = mutants_of("def f(a):\n    return a < 1 or a < 2\n")
    assert first == (2, "return a < 1 or a < 2 -> return None", "def f(a):\n    return None")
