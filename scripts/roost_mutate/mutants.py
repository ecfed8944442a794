"""What can be wrong in a module: its source with one small mistake at a time. Pure.

Comparisons are shifted, conditions turned round or halved, statements left out, constants changed. Left alone are what
people read (docstrings, an error's message) and what only type checkers do (annotations).
`tests/unit/test_mutants.py` has an example of each.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

__all__ = ["Mutant", "mutants_of"]

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_UNSEEN: Final = {
    (ast.AnnAssign, "annotation"),
    (ast.arg, "annotation"),
    (ast.FunctionDef, "returns"),
    (ast.AsyncFunctionDef, "returns"),
    (ast.ClassDef, "keywords"),
    (ast.ClassDef, "decorator_list"),
}
_TWINS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """A module with a mistake in it."""

    line: int  # of the original
    what: str
    source: str


def mutants_of(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines as far as they are alike."""
    tree = ast.parse(source)
    for node in _code(tree):
        for changed in _mistakes(node):
            yield Mutant(node.lineno, f"{_short(node)} -> {_short(changed)}", ast.unparse(_with(tree, node, changed)))


def _code(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """What runs, from the outside in."""
    for name, value in ast.iter_fields(node):
        if (type(node), name) in _UNSEEN or (name == "exc" and isinstance(value, ast.Call)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_prose(child):
                continue
            if isinstance(child, ast.expr | ast.stmt):
                yield child
            yield from _code(child)


def _is_prose(node: ast.AST) -> bool:
    """Whether it is a docstring, an import, the list of public names, or a type."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.Subscript(value=ast.Name(id="Literal")):
            return True
    return False


def _mistakes(node: ast.expr | ast.stmt) -> Iterator[ast.expr | ast.stmt]:
    for rule in _RULES:
        yield from rule(node)


def _compared_otherwise(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for other in _COMPARISONS[type(operator)]:
                yield ast.Compare(node.left, [*node.ops[:index], other(), *node.ops[index + 1 :]], node.comparators)


def _halved(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.BoolOp(values=values):
            for index in range(len(values)):
                rest = [*values[:index], *values[index + 1 :]]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.IfExp(body=body, orelse=other):
            yield from (body, other)


def _calculated_otherwise(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    match node:
        case ast.BinOp(op=operator) if type(operator) in _ARITHMETIC:
            yield ast.BinOp(node.left, _ARITHMETIC[type(operator)](), node.right)
        case ast.AugAssign(op=operator) if type(operator) in _ARITHMETIC:
            yield ast.AugAssign(node.target, _ARITHMETIC[type(operator)](), node.value)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)):
            yield ast.Constant(value + "~")
        case ast.Call(func=ast.Name(id=name)) if name in _TWINS:
            yield ast.Call(ast.Name(_TWINS[name]), node.args, node.keywords)


def _turned_round(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Conditions that are no comparison, which has its own mistakes."""
    match node:
        case ast.If() | ast.While() if not isinstance(node.test, ast.Compare):
            changed = copy.copy(node)
            changed.test = ast.UnaryOp(ast.Not(), node.test)
            yield changed
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            for index, part in enumerate(node.generators):
                if part.ifs:
                    changed_all = copy.copy(node)
                    every = ast.comprehension(part.target, part.iter, [], part.is_async)
                    changed_all.generators = [*node.generators[:index], every, *node.generators[index + 1 :]]
                    yield changed_all


def _left_out(node: ast.AST) -> Iterator[ast.stmt]:
    match node:
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Delete(targets=[ast.Name(), *_]):
            return  # that an argument is not used
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Delete() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.AnnAssign(target=ast.Attribute(), value=ast.expr()):
            yield ast.Pass()


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


_Rule = Callable[[ast.AST], Iterator[ast.expr | ast.stmt]]
_RULES: Final[tuple[_Rule, ...]] = (_compared_otherwise, _halved, _calculated_otherwise, _turned_round, _left_out)


def _with(tree: ast.Module, old: ast.AST, new: ast.AST) -> ast.Module:
    """A copy of `tree` with one node changed for another."""
    # One memo, so that a copy is found by its original, and `new` may hold parts of `tree`.
    memo: dict[int, ast.AST] = {id(old): new}
    return ast.fix_missing_locations(copy.deepcopy(tree, memo))


def _short(node: ast.AST) -> str:
    first, *rest = ast.unparse(node).splitlines()
    return first + (" ..." if rest else "")
