"""The examples in the docstrings give what they say."""

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["dq", "ramps", "trace", "one_over_f", "jumps", "light_curve"])
def test_examples_in_docstrings(name):
    failed, tried = doctest.testmod(import_module(f"tso_helpers.{name}"))
    assert tried > 5
    assert failed == 0
