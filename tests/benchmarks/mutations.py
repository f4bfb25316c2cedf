"""The faults that can be put into a Python source: one changed operator, constant, condition, return or raise."""

from __future__ import annotations

import ast
from collections.abc import Iterator

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


def mutants(source: str) -> Iterator[tuple[int, int, str]]:
    """Yield (number of the node, its line, kind of change) for each fault that a source can get."""
    tree = ast.parse(source)
    skipped = {id(inner) for node in ast.walk(tree) for part in _said(node) for inner in ast.walk(part)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) not in skipped and _changed(node) is not None:
            yield number, node.lineno, type(node).__name__


def mutated(source: str, number: int) -> str:
    """Return a source with the fault at one of its nodes."""
    tree = ast.parse(source)
    target = list(ast.walk(tree))[number]
    return ast.unparse(_Swap(target, _changed(target)).visit(tree))


class _Swap(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, target: ast.AST, other: ast.AST) -> None:
        self._target, self._other = target, other

    def visit(self, node: ast.AST) -> ast.AST:
        return self._other if node is self._target else self.generic_visit(node)


def _said(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that say something and do nothing: types, docstrings, wording, names."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value
    elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
        yield node.annotation
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
        yield node.returns
    elif isinstance(node, ast.Assign):
        yield from (node.value for one in node.targets if getattr(one, "id", "") == "__all__")
    elif isinstance(node, ast.If):
        yield from [node] * (getattr(node.test, "id", "") == "TYPE_CHECKING")
    elif isinstance(node, ast.Raise) and node.exc is not None:
        yield node.exc
    elif isinstance(node, ast.JoinedStr):
        yield node


def _changed(node: ast.AST) -> ast.AST | None:  # noqa: C901, PLR0911, PLR0912 - a table of cases
    """Return a node with a fault, None when it can get none."""
    match node:
        case ast.Compare(left, [first, *others], right) if type(first) in COMPARISONS:
            return ast.Compare(left, [COMPARISONS[type(first)](), *others], right)
        case ast.BinOp(left, operator, right) if type(operator) in OPERATORS:
            return ast.BinOp(left, OPERATORS[type(operator)](), right)
        case ast.AugAssign(target, operator, value) if type(operator) in OPERATORS:
            return ast.AugAssign(target, OPERATORS[type(operator)](), value)
        case ast.BoolOp(operator, values):
            return ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            return operand
        case ast.Constant(bool(value)):
            return ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            return ast.Constant(value + 1)
        case ast.Constant(str(value)) if value:
            return ast.Constant(f"XX{value}")
        case ast.If(test, body, orelse):
            return ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.IfExp(test, body, orelse):
            return ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.While(test, body, orelse):
            return ast.While(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Return(value) if value is not None and getattr(value, "value", "") is not None:
            return ast.Return(ast.Constant(None))
        case ast.Break():
            return ast.Continue()
        case ast.Continue() | ast.Raise():
            return ast.Pass()
    return None
