"""Jumps: how many, how many of the true ones, and what the others are."""

import numpy as np
import pytest
from astropy.table import Table
from drawing import draw, words

from tso_helpers import jumps, plotting

RNG = np.random.default_rng(12)


def test_plot_jumps_per_integration_with_its_rate():
    counts = RNG.poisson(1500, 18)
    ax = plotting.plot_jumps_per_integration(counts, opportunities=917504, label="NRS1", first=10)
    draw(plotting.plot_jumps_per_integration(counts + 50, opportunities=917504, ax=ax, label="NRS2"))
    assert ax.lines[0].get_xdata().tolist() == list(range(10, 28))
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > counts.max()
    assert "%" in ax.percent.get_ylabel()
    assert np.allclose(ax.percent.get_ylim(), 100 * np.array(ax.get_ylim()) / 917504)
    assert draw(plotting.plot_jumps_per_integration([0, 0])).get_ylim()[1] >= 1


def test_plot_completeness():
    flags = np.zeros((1, 3, 4, 4), dtype=bool)
    flags[0, 1, 0, 0] = True
    names = ("integration", "group", "row", "column", "electrons")
    hits = Table(rows=[(0, 1, 0, 0, 900.0), (0, 1, 2, 2, 60.0)], names=names)
    table = jumps.completeness(flags, hits, [10, 50, 100, 1000])
    ax = draw(plotting.plot_completeness(table, label="threshold 4"))
    line = ax.containers[0].lines[0]
    assert line.get_ydata().tolist() == [0, 100]
    assert ax.get_xscale() == "log"
    assert "e$^-$" in ax.get_xlabel()
    with pytest.raises(ValueError, match="no bin"):
        plotting.plot_completeness(jumps.completeness(flags, hits, [1e5, 1e6]))


def test_plot_breakdown():
    table = Table({"cause": ["true hits", "excess noise"], "count": [180, 18]})
    ax = draw(plotting.plot_breakdown({"two-point": table, "across": table}, per=18))
    assert [patch.get_height() for patch in ax.patches] == [10, 1, 10, 1]
    assert len({patch.get_hatch() for patch in ax.patches}) == 2
    assert "per integration" in ax.get_ylabel()
    assert words(ax) == ["two-point", "across"]


@pytest.mark.parametrize("call", [lambda: plotting.plot_jumps_per_integration([]), lambda: plotting.plot_breakdown({})])
def test_nothing_is_drawn_from_nothing(call):
    with pytest.raises(ValueError):
        call()
