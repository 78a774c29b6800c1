"""Light curves with their errors beside the true ones, and pulls."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawing import draw, words

from tso_helpers import light_curve, plotting
from tso_helpers.light_curve import LightCurve

RNG = np.random.default_rng(12)


def curve():
    """A light curve, and its true flux."""
    times = 2459791.5 + np.linspace(0, 0.3, 54)
    flux = np.where(light_curve.out_of_transit(times, 2459791.612, 0.12), 1.0, 0.977)
    return LightCurve(times, flux + RNG.normal(0, 1e-4, 54), np.linspace(1e-4, 2e-4, 54)), flux


def test_plot_light_curve_in_hours():
    made, true = curve()
    ax = draw(plotting.plot_light_curve(made, (made.time, true), mid_transit=2459791.612, label="NRS1"))
    assert np.allclose(ax.lines[0].get_xdata(), 24 * (made.time - 2459791.612))
    assert np.array_equal(ax.lines[0].get_ydata(), made.flux)
    assert np.array_equal(ax.lines[-1].get_ydata(), true)
    assert "mid-transit" in ax.get_xlabel()
    assert set(words(ax)) == {"NRS1", "truth"}
    assert "first integration" in draw(plotting.plot_light_curve(made)).get_xlabel()


def test_errors_are_drawn_as_bars():
    made, _ = curve()
    bars = draw(plotting.plot_light_curve(made)).containers[0].lines[2][0]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    assert np.allclose(ends, np.stack([made.flux - made.error, made.flux + made.error], axis=1))


def test_compare_light_curves_side_by_side():
    made, true = curve()
    curves = {"NRS1": made, "NRS2": made}
    axes = draw(
        plotting.compare_light_curves(
            curves, {"NRS1": (made.time, true)}, mid_transit=2459791.6, scatter={"NRS1": 101.2}, expected={"NRS1": 99.6}
        )
    )
    assert [ax.get_title(loc="left") for ax in axes] == ["NRS1: scatter 101 ppm (photons 100)", "NRS2"]
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert ["truth" in words(ax) for ax in axes] == [True, False]
    assert len(draw(plotting.compare_light_curves({"NRS1": curves["NRS1"]}))) == 1


def test_plot_pulls():
    pulls = RNG.normal(0, 1.2, 20000)
    pulls[:100], pulls[100:120] = np.nan, 50
    ax = plotting.plot_pulls(pulls, label="NRS1")
    draw(plotting.plot_pulls(RNG.normal(size=1000), ax=ax, label="NRS2"))
    names = words(ax)
    assert len(names) == 3
    assert names[0].startswith("NRS1: robust $\\sigma$ = 1.2")
    assert "0.1" in names[0]
    assert ax.get_xlim() == (-5, 5)
    density, edges, _ = ax.patches[0].get_data()
    assert 0.99 < np.sum(density * np.diff(edges)) <= 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: plotting.plot_light_curve(LightCurve([1.0, 2.0], [np.nan, np.nan], [0.1, 0.1])),
        lambda: plotting.compare_light_curves({}),
        lambda: plotting.compare_light_curves({"NRS1": curve()[0]}, axes=plt.subplots(2)[1]),
        lambda: plotting.plot_pulls([np.nan]),
    ],
)
def test_nothing_is_drawn_from_nothing(call):
    with pytest.raises(ValueError):
        call()
