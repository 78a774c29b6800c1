"""What the figures show: each function is rendered, and its artists, labels, limits and data are checked.

The notebook tests compare text, not pictures; this is where the pictures are looked after.
"""

import inspect

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import Table

from tso_helpers import dq, jumps, light_curve, one_over_f, plotting, ramps, trace
from tso_helpers.plotting import style

RNG = np.random.default_rng(12)
FRAME = RNG.normal(100, 20, (32, 200))
TIMES = 4.51 * np.arange(1, 15)
SAMPLES = 200.0 * TIMES


@pytest.fixture(autouse=True)
def _style():
    with mpl.rc_context():
        mpl.use("agg")
        plotting.use_style()
        yield
        plt.close("all")


def draw(ax):
    """Render the figure (warnings are errors) and check what every axes must have."""
    axes = np.atleast_1d(ax).ravel()
    axes[0].figure.canvas.draw()
    assert axes[0].figure.get_size_inches()[0] <= 10
    for one in axes:
        assert one.has_data()
        assert one.get_xlabel() or one is not axes[-1]
        assert one.get_ylabel() or one is not axes[0]
        assert np.isfinite([*one.get_xlim(), *one.get_ylim()]).all()
        for line in one.lines:
            assert np.isfinite(np.asarray(line.get_ydata(), dtype=float)).any()
    return ax


def words(ax):
    legend = ax.get_legend()
    return [text.get_text() for text in legend.get_texts()] if legend else []


# ------------------------------------------------------------------------------------------------------------ style


def test_style_is_seaborns_ticks_with_colours_that_differ_for_everybody():
    assert mpl.rcParams["xtick.bottom"]
    assert mpl.rcParams["axes.facecolor"] == "white"
    assert mpl.rcParams["image.origin"] == "lower"
    assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(plotting.COLOURS.values())
    assert len(set(plotting.COLOURS.values())) == len(style.MARKERS) == len(style.LINES) == 7


def test_series_differ_by_marker_and_line_not_by_colour_alone():
    ax = style.new_axes()
    looks = [style.next_look(ax) for _ in range(7)]
    for key in ("color", "marker", "linestyle"):
        assert len({str(look[key]) for look in looks}) == 7


@pytest.mark.parametrize("name", sorted(set(plotting.__all__) - {"COLOURS", "use_style", "ramp_explorer"}))
def test_every_figure_takes_axes_and_says_what_it_does(name):
    function = getattr(plotting, name)
    assert {"ax", "axes"} & set(inspect.signature(function).parameters)
    assert "Parameters" in function.__doc__
    assert "Returns" in function.__doc__


# ----------------------------------------------------------------------------------------------------------- frames


def test_show_frame():
    image = FRAME.copy()
    image[3, 3] = np.nan
    ax = draw(plotting.show_frame(image, vmin=-50, vmax=200, label="rate (DN/s)", title="NRS1", first_column=900))
    shown = ax.images[0]
    assert shown.get_clim() == (-50, 200)
    assert shown.get_extent() == [899.5, 1099.5, -0.5, 31.5]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column", "row")
    assert ax.get_title(loc="left") == "NRS1"
    assert "rate (DN/s)" in [other.get_ylabel() for other in ax.figure.axes]
    assert np.array_equal(shown.get_array().filled(np.nan), image, equal_nan=True)


def test_show_frame_stretches_over_most_of_the_pixels():
    low, high = plotting.show_frame(FRAME).images[0].get_clim()
    assert (low, high) == tuple(np.percentile(FRAME, (1, 99)))
    low, high = draw(plotting.show_frame(np.full((4, 4), 7.0))).images[0].get_clim()
    assert low < 7 < high


def test_compare_frames_has_one_stretch():
    axes = draw(plotting.compare_frames(FRAME, FRAME - 100, label="DN"))
    assert [ax.get_title(loc="left") for ax in axes] == ["before", "after"]
    assert axes[0].images[0].get_clim() == axes[1].images[0].get_clim()
    assert len(axes[0].figure.axes) == 3  # one colour bar for both
    three = draw(plotting.compare_frames(FRAME, FRAME, FRAME, titles="abc", vmin=-100, vmax=100))
    assert [ax.images[0].get_clim() for ax in three] == [(-100, 100)] * 3
    given = plt.subplots(2)[1]
    assert list(plotting.compare_frames(FRAME, FRAME, axes=given)) == list(given)


@pytest.mark.parametrize(
    "call",
    [
        lambda: plotting.show_frame(np.full((4, 4), np.nan)),
        lambda: plotting.show_frame(np.zeros(4)),
        lambda: plotting.compare_frames(FRAME),
        lambda: plotting.compare_frames(FRAME, FRAME[1:]),
        lambda: plotting.compare_frames(FRAME, FRAME, titles=["one"]),
        lambda: plotting.compare_frames(FRAME, FRAME, axes=plt.subplots()[1]),
        lambda: plotting.compare_columns({}, 3),
        lambda: plotting.plot_ramp(TIMES, SAMPLES[1:]),
        lambda: plotting.plot_ramp(TIMES, SAMPLES, flags=[[]]),
        lambda: plotting.plot_ramp(TIMES, np.full(14, np.nan)),
        lambda: plotting.plot_linearity_ratio([1.0, 2.0], [1.0]),
        lambda: plotting.plot_linearity_ratio([1.0, np.nan], [np.nan, 1.0]),
        lambda: plotting.plot_dq_map(np.zeros((2, 4, 4), dtype=int)),
        lambda: plotting.plot_dq_map(np.zeros((4, 4), dtype=int), names=["WET"]),
        lambda: plotting.plot_tally(dq.tally(np.zeros(3, dtype=int))),
        lambda: plotting.plot_power_spectrum(np.arange(1.0, 50), -np.ones(49)),
        lambda: plotting.plot_against_half_width([1, 2], [1.0]),
        lambda: plotting.plot_jumps_per_integration([]),
        lambda: plotting.plot_breakdown({}),
        lambda: plotting.plot_light_curve([1.0, 2.0], [1.0]),
        lambda: plotting.compare_light_curves({}),
        lambda: plotting.compare_light_curves({"NRS1": ([1.0], [1.0])}, axes=plt.subplots(2)[1]),
        lambda: plotting.plot_pulls([np.nan]),
    ],
)
def test_nothing_is_drawn_from_nothing(call):
    with pytest.raises(ValueError):
        call()


def test_show_mask():
    mask = trace.background_mask((32, 200), np.full(200, 16.0), 12)
    ax = draw(plotting.show_mask(mask, names=("sky", "star")))
    assert np.array_equal(ax.images[0].get_array(), mask)
    assert words(ax) == ["sky (22 %)", "star (78 %)"]
    with pytest.raises(TypeError, match="True or False"):
        plotting.show_mask(FRAME)


def test_column_profile_has_even_rows_under_even():
    ax = draw(plotting.column_profile(FRAME, 7))
    by_label = {line.get_label(): line for line in ax.lines}
    assert by_label["even rows"].get_xdata().tolist() == list(range(0, 32, 2))
    assert np.array_equal(by_label["odd rows"].get_ydata(), FRAME[1::2, 7])
    assert by_label["even rows"].get_marker() != by_label["odd rows"].get_marker()
    assert ax.get_title(loc="left") == "column 7"
    with pytest.raises(IndexError):
        plotting.column_profile(FRAME, 200)


def test_compare_columns():
    ax = draw(plotting.compare_columns({"last group": FRAME, "one before": FRAME + 3}, 20))
    assert words(ax) == ["last group", "one before"]
    assert np.array_equal(ax.lines[1].get_ydata(), FRAME[:, 20] + 3)
    with pytest.raises(IndexError):
        plotting.compare_columns({"a": FRAME}, 200)


def test_row_profiles_tell_odd_from_even():
    frame = FRAME + 70 * (np.arange(32) % 2)[:, None]
    frame[:, 5] = np.nan
    ax = draw(plotting.row_profiles(frame, limits=(-50, 250), columns=slice(0, 100)))
    medians = {line.get_label(): np.nanmedian(line.get_ydata()) for line in ax.lines if "median" in line.get_label()}
    assert abs(medians["median of the odd rows"] - medians["median of the even rows"] - 70) < 10
    assert ax.get_ylim() == (-50, 250)
    assert ax.get_xlim() == (-0.5, 99.5)
    assert len(ax.lines) == 32 + 4
    low, high = draw(plotting.row_profiles(FRAME)).get_ylim()
    assert low < 60
    assert high > 140


# ------------------------------------------------------------------------------------------------------------ ramps


def test_plot_ramp_with_everything():
    flags = [[]] * 10 + [["SATURATED"]] * 2 + [["JUMP_DET", "SATURATED"]] * 2
    line = ramps.slope_line(TIMES, SAMPLES, 200.0)
    ax = draw(plotting.plot_ramp(TIMES, SAMPLES, flags=flags, limit=11000, line=line, truth=SAMPLES, title="pixel"))
    assert words(ax) == ["samples", "samples: fit", "truth", "limit (11,000 DN)"]
    assert ax.get_xlabel() == "time since reset (s)"
    assert ax.get_ylabel() == "signal (DN)"
    assert [text.get_text() for text in ax.flags.get_yticklabels()] == ["JUMP_DET", "SATURATED"]
    assert [line.get_xdata().tolist() for line in ax.flags.lines] == [TIMES[12:].tolist(), TIMES[10:].tolist()]
    low, high = ax.get_ylim()
    assert low < SAMPLES.min()
    assert high > 11000
    assert min(ax.get_yticks()) > -1500  # no negative ticks beside the flags


def test_ramps_on_one_axes_all_stay_in_view():
    ax = plotting.plot_ramp(TIMES, SAMPLES, flags=[["JUMP_DET"]] + [[]] * 13, label="integration 66")
    draw(plotting.plot_ramp(TIMES, 3 * SAMPLES, ax=ax, flags=[[]] * 13 + [["SATURATED"]], label="integration 67"))
    assert ax.get_ylim()[1] > 3 * SAMPLES.max()
    assert [text.get_text() for text in ax.flags.get_yticklabels()] == ["JUMP_DET", "SATURATED"]
    assert len({line.get_marker() for line in ax.lines}) == 2
    assert len(ax.figure.axes) == 2


def test_ramp_without_flags_says_so():
    ax = draw(plotting.plot_ramp(TIMES, SAMPLES, flags=[[]] * 14))
    assert [text.get_text() for text in ax.flags.texts] == ["no flags"]
    assert not hasattr(draw(plotting.plot_ramp(TIMES, SAMPLES)), "flags")


def test_plot_linearity_ratio():
    fluence = RNG.uniform(100, 30000, 20000)
    ratio = 1 - 2.6e-6 * fluence + RNG.normal(0, 0.02, fluence.size)
    ratio[:10] = np.nan
    ax = draw(plotting.plot_linearity_ratio(fluence.reshape(2, 100, 100), ratio.reshape(2, 100, 100)))
    assert ax.get_ylim() == (0.85, 1.15)
    assert set(words(ax)) == {"straight ramp", "median"}
    medians = ax.containers[0].lines[0]
    assert np.allclose(medians.get_ydata(), 1 - 2.6e-6 * medians.get_xdata(), atol=0.004)
    assert ax.collections[0].get_array().sum() > 19000


# ------------------------------------------------------------------------------------------------------------ flags


def test_plot_dq_map_marks_each_flag_where_it_is():
    flags = np.zeros((32, 200), dtype=np.uint32)
    flags[:, :4] = dq.value("REFERENCE_PIXEL")
    flags[10, 50] = dq.value("HOT", "DO_NOT_USE")
    ax = draw(plotting.plot_dq_map(flags, first_column=100))
    assert words(ax) == ["REFERENCE_PIXEL (128)", "DO_NOT_USE (1)", "HOT (1)"]
    assert len({line.get_marker() for line in ax.lines}) == 3
    assert (ax.lines[2].get_xdata().item(), ax.lines[2].get_ydata().item()) == (150, 10)
    chosen = draw(plotting.plot_dq_map(flags, names=["HOT"]))
    assert words(chosen) == ["HOT (1)"]


def test_plot_dq_map_says_what_it_leaves_out_or_that_there_is_nothing():
    many = np.array([[1 << bit for bit in range(9)]])
    assert "3 more" in draw(plotting.plot_dq_map(many)).get_legend().get_title().get_text()
    empty = plotting.plot_dq_map(np.zeros((4, 4), dtype=np.uint8))
    assert empty.texts[0].get_text() == "no pixel is flagged"


def test_plot_tally():
    table = dq.tally(np.array([1] * 90 + [3] * 10, dtype=np.uint8))
    ax = draw(plotting.plot_tally(table))
    assert [patch.get_width() for patch in ax.patches] == [100, 10]
    assert [text.get_text().strip() for text in ax.texts] == ["100 (100 %)", "10 (10 %)"]
    assert ax.get_xscale() == "log"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["DO_NOT_USE", "SATURATED"]


# ------------------------------------------------------------------------------------------------------------ noise


def test_plot_power_spectrum_before_and_after():
    f = np.arange(2.0, 50000, 2.0)
    slope = one_over_f.spectral_slope(f, 5 / f + 1e-3)
    ax = plotting.plot_power_spectrum(f, 5 / f + 1e-3, slope=slope, label="before")
    after = np.where(f < 500, RNG.normal(0, 1e-4, f.size), 1e-3)
    draw(plotting.plot_power_spectrum(f, after, ax=ax, label="after", title="NRS1"))
    names = words(ax)
    assert {"before", "after"} < set(names)
    assert any(name.startswith(r"$\beta$ = 1.0") for name in names)
    assert "after: at most (2$\\sigma$)" in names
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert "Hz" in ax.get_xlabel()
    assert "DN$^2$/Hz" in ax.get_ylabel()
    assert len(ax.texts) == 1  # the line frequency is named once


def test_plot_mask_stages():
    image = FRAME + 3000 * np.exp(-0.5 * (np.arange(32)[:, None] - 16) ** 2)
    columns = np.arange(20, 190)
    rows = trace.trace_rows(lambda x: 16 + 0 * x, 200, 10, 190)
    mask = trace.background_mask(image.shape, rows)
    smooth = trace.smooth(image)
    found = trace.centroids(smooth, columns)
    axes = draw(plotting.plot_mask_stages(image, smooth, columns, found, rows, mask, title="NRS2"))
    assert axes.shape == (4,)
    assert [ax.get_title(loc="left")[0] for ax in axes[1:]] == ["2", "3", "4"]
    assert axes[0].get_title(loc="left").startswith("NRS2: 1")
    assert axes[0].images[0].get_clim() == axes[1].images[0].get_clim()
    assert words(axes[2]) == ["centroids", "trace"]
    assert np.array_equal(axes[3].images[0].get_array(), mask)


def test_plot_against_half_width():
    ax = plotting.plot_against_half_width([4, 8, 12], [2.0, 2.5, 4.0], label="NRS1", before=5.0)
    draw(plotting.plot_against_half_width([4, 8, 12], [2.2, 2.6, 4.1], ax=ax, label="NRS2"))
    assert words(ax) == ["NRS1", "NRS1: no correction", "NRS2"]
    assert "rows" in ax.get_xlabel()
    assert "DN" in ax.get_ylabel()


# ------------------------------------------------------------------------------------------------------------ jumps


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


# ----------------------------------------------------------------------------------------------------- light curves


def curve():
    times = 2459791.5 + np.linspace(0, 0.3, 54)
    flux = np.where(light_curve.out_of_transit(times, 2459791.612, 0.12), 1.0, 0.977)
    return times, flux + RNG.normal(0, 1e-4, 54), flux


def test_plot_light_curve_in_hours():
    times, flux, true = curve()
    ax = draw(plotting.plot_light_curve(times, flux, (times, true), mid_transit=2459791.612, label="NRS1"))
    assert np.allclose(ax.lines[0].get_xdata(), 24 * (times - 2459791.612))
    assert np.array_equal(ax.lines[1].get_ydata(), true)
    assert "mid-transit" in ax.get_xlabel()
    assert words(ax) == ["NRS1", "truth"]
    assert "first integration" in draw(plotting.plot_light_curve(times, flux)).get_xlabel()


def test_compare_light_curves_side_by_side():
    times, flux, true = curve()
    curves = {"NRS1": (times, flux), "NRS2": (times, flux)}
    axes = draw(
        plotting.compare_light_curves(
            curves, {"NRS1": (times, true)}, mid_transit=2459791.6, scatter={"NRS1": 101.2}, expected={"NRS1": 99.6}
        )
    )
    assert [ax.get_title(loc="left") for ax in axes] == ["NRS1: scatter 101 ppm (photons 100)", "NRS2"]
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert [len(ax.lines) for ax in axes] == [2, 1]
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
