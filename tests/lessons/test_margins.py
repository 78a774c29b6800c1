"""The tool that measures how close asserts come to their limits notes what it should, and changes no verdict."""

import ast
import json

import margins
import numpy as np
import pytest


@pytest.fixture
def noted(monkeypatch, tmp_path):
    """Run code as a watched cell; what was noted, as {comparison: margins}."""
    log = tmp_path / "log"
    monkeypatch.setenv(margins.LOG, str(log))

    def run(code, **names):
        tree = margins._InAsserts().visit(ast.parse(code))
        exec(compile(tree, "cell", "exec"), {"np": np, **names})
        found = {}
        for what, margin, _ in map(json.loads, log.read_text().splitlines() if log.exists() else ()):
            found.setdefault(what, []).append(margin)
        return found

    return run


def test_each_link_of_a_chain_is_noted(noted):
    assert noted("assert 0.8 < x < 1.2", x=1.0) == {"0.8 < x < 1.2": [pytest.approx(0.2), pytest.approx(0.2 / 1.2)]}


def test_of_an_array_the_closest_element_counts(noted):
    (found,) = noted("assert (x > 1).all()", x=np.array([2.0, 1.1, 5.0])).values()
    assert found == [pytest.approx(0.1 / 1.1)]


def test_of_a_tolerance_what_is_left(noted):
    (found,) = noted("assert np.isclose(x, 1, rtol=0.01, atol=0)", x=1.0075).values()
    assert found == [pytest.approx(0.25)]


def test_other_code_is_left_alone(noted):
    assert noted("x = 1 < 2\nassert 'a' in 'abc' and x == True") == {}


@pytest.mark.parametrize("code", ["assert 2 < 1", "assert 1 < 3 < 2", "assert np.allclose([1], [2])"])
def test_what_fails_still_fails(noted, code):
    with pytest.raises(AssertionError):
        noted(code)


def test_how_far_the_variants_move_is_told():
    plain = {("a < b", 0): (0.10, "9 | 10"), ("c < d", 0): (0.50, "1 | 2")}
    other = {("a < b", 0): (0.08, "9.2 | 10"), ("c < d", 0): (0.50, "1 | 2")}
    rows = list(margins.rows("07_x", {"": plain, "all": other}))
    assert rows == [(0.08, pytest.approx(0.02), "07_x", "a < b", "9 | 10"), (0.50, 0.0, "07_x", "c < d", "1 | 2")]
    text = "\n".join(margins.table(rows))
    assert "2 comparisons" in text
    assert "1 move" in text
