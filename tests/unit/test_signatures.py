"""Functions are called with few things: at most seven parameters, but for the command line's options."""

import ast
from pathlib import Path

import pytest

import tso_helpers

PACKAGE = Path(tso_helpers.__file__).parent
MOST = 7
OPTIONS = {"cli.py"}  # each parameter is an option that a person types


def parameters(function):
    """Names of all parameters, without the object itself."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
    return [one.arg for one in every if one is not None and one.arg not in ("self", "cls")]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_few_parameters(path):
    if path.name in OPTIONS:
        return
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    many = {function.name: parameters(function) for function in functions if len(parameters(function)) > MOST}
    assert not many
