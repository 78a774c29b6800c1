# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   lesson:
#     skip:
#     - jwst.ramp_fitting.RampFitStep
#     - jwst.gain_scale.GainScaleStep
# ---

# %% [markdown]
# # 09 · Fit the ramps and see the transit
#
# You turn ramps into count rates, check each rate and its error against the truth, and put all segments of both detectors
# together to your first good light curves.
#
# **You will be able to**
#
# - say why a ramp is not fitted like any other straight line, and what OLS_C and LIKELY do about it;
# - read the products of `ramp_fit` (shapes, units, errors) and bring them to the right scale with `gain_scale`;
# - judge slopes and their errors by their pulls;
# - stitch the segments to a white-light curve, compare its scatter with photon noise, and say where the excess comes from;
# - weigh a wide aperture against a narrow one, and save the rates for a spectroscopic analysis.
#
# **You need** [00 · Start here](00_start_here.ipynb); helpful: [07 · 1/f noise](07_one_over_f.ipynb) and
# [08 · jumps](08_jumps.ipynb). Words in the [glossary](glossary.md).
#
# **Takes** 45 min to read and try, 50 s to run; 0.9 GB peak memory; 1.2 GB disk.

# %% [markdown]
# ## Set up
#
# One line chooses the data: the simulated exposure, unless the environment variable `TSO_OBSERVATION` says otherwise.

# %%
import matplotlib.pyplot as plt
import numpy as np
from astropy.stats import mad_std

import tso_helpers as tso

tso.plotting.use_style()
obs = tso.open_observation()

# %% [markdown]
# You are here:

# %%
tso.plotting.stage1_map(here="ramp_fit")
plt.show()

# %% [markdown]
# *What to notice:* the marked box, `ramp_fit`, is the last but one; only `gain_scale` follows. Everything before it
# corrected or flagged **samples**. From here on there are no samples any more: each ramp becomes one number, its slope, with an
# error.
#
# ## The effect: samples that know of each other
#
# A slope through points: `np.polyfit`, and done? That would be right if each point had an error of its own. Some of
# the noise is like that: the **read noise** of each sample is new. The **photon noise** is not. A photon that arrives early stays
# in the pixel, and lifts *all* later samples together. The samples are **correlated**, and the more so the brighter the pixel.
#
# Make some ramps yourself to see what follows. Photons arrive at random and add up, and each sample gets read noise:

# %%
exposure = {"groups": obs.shape(obs.detectors[0], obs.segments[0])[1], "step": obs.group_time}
times = exposure["step"] * np.arange(exposure["groups"])


def toy_ramps(rate, read_noise, number=4000):
    """Ramps of a steady light, electrons; shape (ramp, group)."""
    random = np.random.default_rng(9)
    light = random.poisson(rate * exposure["step"], size=(number, times.size)).cumsum(axis=1)
    return light + random.normal(0, read_noise, light.shape)


# %% [markdown]
# Two ways to get a slope: the ordinary line, in which every sample counts the same, and simply last minus first. Two kinds of
# pixel: one in which photon noise rules, one in which read noise does.
#
# **Predict:** which way is better for the bright pixel, which for the faint one?

# %%
kinds = {"bright: 500 electrons/s": (500.0, 12.0), "faint: 0.1 electrons/s": (0.1, 12.0)}
toys = {kind: toy_ramps(*numbers) for kind, numbers in kinds.items()}
slopes = {
    kind: {
        "ordinary line": np.polyfit(times, ramps.T, 1)[0],
        "last minus first": (ramps[:, -1] - ramps[:, 0]) / times[-1],
    }
    for kind, ramps in toys.items()
}
tso.plotting.plot_slope_estimates(slopes, {kind: numbers[0] for kind, numbers in kinds.items()})
plt.show()

# %% [markdown]
# *What to notice:* all histograms stand on the vertical line, the true slope: neither way is biased. On the left (bright) both
# are equally wide as far as the eye can tell. On the right (faint) the ordinary line (solid) is clearly narrower. The standard
# deviations:

# %%
for kind, ways in slopes.items():
    print(f"{kind:23}:", ", ".join(f"{way} {values.std():.3g} electrons/s" for way, values in ways.items()))

# %% [markdown]
# For the bright pixel last minus first is even a little better than the line.
#
# If you said that a line through all samples must always be better: for the bright pixel the samples in between tell nothing new.
# The last sample already holds every photon.
#
# And the error? An ordinary fit takes it from how much the samples scatter about the line:

# %%
for kind, ramps in toys.items():
    line = np.polyfit(times, ramps.T, 1)
    left = ramps.T - (line[0] * times[:, np.newaxis] + line[1])
    claimed = np.sqrt((left**2).sum(axis=0) / (times.size - 2) / np.sum((times - times.mean()) ** 2)).mean()
    real = slopes[kind]["ordinary line"].std()
    print(f"{kind:23}: error claimed by the line {claimed:.3g} electrons/s, scatter {real / claimed:.2f} times that")

# %% [markdown]
# For the faint pixel the claim is about right. For the bright one it is far too small: photons that bend the whole ramp a little
# hardly show as scatter about the line. That is why you cannot fit ramps like any other data.

# %% tags=["before-step"]
bright, faint = slopes.values()
assert bright["last minus first"].std() < bright["ordinary line"].std(), "photon noise: the ends hold it all"
assert faint["last minus first"].std() > 1.2 * faint["ordinary line"].std(), "read noise: more samples, less noise"
assert real / claimed < 1.3, "independent errors are claimed rightly"

# %% [markdown]
# The pipeline has two ways out:
#
# - **OLS_C**, the default, is a least-squares line with **weights** that depend on the signal-to-noise ratio of the ramp
#   (Fixsen et al. 2000): equal weights for a faint pixel, and more and more weight at both ends the brighter it is. The errors are
#   computed from the expected noise, never from the scatter about the line: a part for the photons (`var_poisson`) and a
#   part for the read noise (`var_rnoise`). ("OLS" stands for ordinary least squares, "C" for the language it is written in.)
# - **LIKELY** fits the *differences* of successive groups, with their full covariance (Brandt 2024): the maximum of
#   the likelihood.
#
# Both work around flags. A saturated sample ends the ramp; a jump divides it. OLS_C fits each piece and takes the weighted mean of
# their slopes; LIKELY leaves out the difference that has the jump.
#
# ## The step
#
# The ramps of one segment after `jump`:
#
# **Predict:** the step returns two products, the one for the whole segment, the other for each integration. Which shapes and
# which unit will they have?

# %%
from jwst.ramp_fitting import RampFitStep

example = obs.examples["bright_nonlinear"]
detector, segment = example.detector, example.segment
ramp = obs.after("jump", detector=detector, segment=segment)
rate, rateints = RampFitStep.call(ramp)
for name, model in (("ramp", ramp), ("rate", rate), ("rateints", rateints)):
    print(f"{name:8} {type(model).__name__:10} {model.data.shape}")
print(*tso.logs.lines(obs.log, "ramp_fit", contains="Using"), sep="\n")

# %% [markdown]
# A **tuple** of two: `rate`, an image, averaged over the integrations of the segment, and `rateints`, one image per
# integration. The axis of the groups is gone. For a time series you want `rateints`: the transit is in it. The mean would have
# averaged it away.
#
# The unit stands in the metadata:

# %%
units = rateints.search("unit")
for path, unit in sorted(zip(units.paths, units.nodes, strict=True)):
    print(path, "=", unit)

# %% [markdown]
# DN/s: *per second*, not per group or per integration. For that the step must know how far apart the groups are:

# %%
group_time = ramp.meta.exposure.group_time
print(f"group_time: {group_time:.4g} s; first to last group: {group_time * (ramp.data.shape[1] - 1):.4g} s")

# %% [markdown]
# If you expected counts: `ramp_fit` is where the time enters. Much confusion in published code comes from rates that are
# taken for counts.
#
# Beside `data` each product carries `err`, the two variances that make it up, and `dq`:

# %%
parts = rateints.var_poisson + rateints.var_rnoise
some = parts > 0
middle = np.median(rateints.err[some] ** 2 / parts[some])
print(f"median of err² / (var_poisson + var_rnoise): {middle:.4g}")
print(f"pixels without a rate (DO_NOT_USE): {100 * tso.dq.mask(rateints.dq, 'DO_NOT_USE').mean():.2g} %")

# %% [markdown]
# ### Look: one ramp and its slope
#
# A line has a slope and an intercept, but the step returns only the slope. Draw the line so that it **starts where the fit
# starts**, at the first sample that the fit used. (One group off, and every line seems to miss its samples.)

# %%
row, column = example.row, example.column
integration = min(10, ramp.data.shape[0] - 1)
when = tso.ramps.group_times(ramp)
samples = tso.ramps.pixel_ramp(ramp.data, integration, row, column)
usable = ramp.groupdq[integration, :, row, column] == 0
slope, error = (float(array[integration, row, column]) for array in (rateints.data, rateints.err))
line = tso.ramps.slope_line(when, samples, slope, usable)
true_slope = None if obs.truth is None else obs.truth.rate(detector, segment, integration)[row, column]
title = f"{detector}, pixel ({row}, {column}), integration {integration}"
tso.plotting.plot_slope(when, samples, line, error, true_slope, title=title)
plt.show()

# %% [markdown]
# *What to notice:* above, the line goes through the samples so well that you cannot see more. Below is the difference: the
# samples wander off the line and come back smoothly, they don't jump about it. That is the correlation: each carries the photons of the one
# before. The shaded wedge is the error of the slope, which opens from the start; the dotted line is the true slope.

# %%
ends = (samples[-1] - samples[0]) / (when[-1] - when[0])
print(f"fitted: {slope:.4g} ± {error:.2g} DN/s; last minus first: {ends:.4g} DN/s")
if true_slope is not None:
    print(f"true: {true_slope:.4g} DN/s")
assert abs(slope / ends - 1) < 0.05, "a slope of a bright pixel is close to last minus first over time"

# %% [markdown]
# ## Compare with the truth: pulls
#
# A single pixel can be lucky. The test for all of them is the **pull**,
#
# $$\frac{\textrm{fitted}-\textrm{true}}{\textrm{error}}.$$
#
# If the errors are right, pulls have a mean of zero and a standard deviation of one.
#
# **Predict:** will it be one on the spectrum? In the background?

# %%
regions = {"spectrum": ~tso.trace.background(ramp, half_width=2), "background": tso.trace.background(ramp)}
clean = (ramp.groupdq == 0).all(axis=1) & (ramp.pixeldq == 0)
several = min(6, ramp.data.shape[0])
pulls = {}
if obs.truth is None:
    print("Real data: the true rates are unknown, and so are the pulls.")
else:
    true = np.stack([obs.truth.rate(detector, segment, k) for k in range(several)])
    every = (rateints.data[:several] - true) / rateints.err[:several]
    pulls = {name: every[clean[:several] & region] for name, region in regions.items()}
ax = None
for name, values in pulls.items():
    ax = tso.plotting.plot_pulls(values, ax=ax, label=name, title=f"{detector}: pulls of samples without flags")
plt.show()

# %% [markdown]
# *What to notice:* the vertical axis is logarithmic. The histogram of the spectrum (solid) follows the dotted Gaussian of width one,
# a little wider. That of the background (dashed) follows it too: the errors there are right.
#
# In numbers, with a width that ignores outliers:


# %%
def width(values):
    return mad_std(values, ignore_nan=True)


for name, values in pulls.items():
    print(f"{name:10}: median pull {np.median(values):5.2f}, width {width(values):.2f}")
if obs.truth is not None:
    assert 0.8 < width(pulls["spectrum"]) < 1.4, "the errors on the spectrum are about right"
    assert abs(np.median(pulls["background"])) < 2 * width(pulls["background"]) < 5, "those of the background roughly"

# %% [markdown]
# Why is the histogram of the spectrum a little wide? Two things may bias a rate.
#
# 1. **The column correction.** The median of the background is not only noise: whatever light it holds is subtracted everywhere. Here
#    that is next to nothing, for the slit ends 8 rows from the spectrum, and most of the background lies beyond.
# 2. **What nothing here corrects:** charge migration, of which [lesson 05](05_linearity.ipynb) spoke. Bright pixels push some of
#    their charge to their neighbours.
#
# Separate the two. `truth.rate` knows nothing of charge migration, `truth.noiseless_ramp` includes it. So compare the
# rates with both, by brightness:

# %%
if obs.truth is not None:
    ramps = np.stack([obs.truth.noiseless_ramp(detector, segment, k) for k in range(several)])
    collected = (ramps[:, -1] - ramps[:, 0]) / (when[-1] - when[0])
    excess = {"perfect rate": rateints.data[:several] - true, "with migration": rateints.data[:several] - collected}
    print("true rate      fitted minus      fitted minus rate\n (DN/s)        perfect rate      with migration")
    for low, high in ((1, 5), (5, 20), (20, 60), (60, 150), (150, 300), (300, 900)):
        chosen = clean[:several] & (true >= low) & (true < high) & ~regions["background"]
        typical = np.median(true[chosen])
        medians = [float(np.median(values[chosen])) for values in excess.values()]
        print(f"{low:4} to {high:3}", *(f"{value:8.2f} ({100 * value / typical:5.1f} %)" for value in medians))
    del ramps, collected

# %% [markdown]
# Read the second column upwards from its last row: the brightest pixels are low, their fainter neighbours high. The last column, which
# allows for migration, is close to zero in all rows: the column median took hardly any light.
#
# If you predicted a width of one and no bias everywhere: that is what the errors promise. They know of photons and read noise. They cannot
# know what an earlier step has done.
#
# ## Tune it: OLS_C or LIKELY?
#
# The step has few parameters: `algorithm`, `firstgroup` and `lastgroup` (leave groups out; exercise 1), `maximum_cores`. The
# algorithm, on a few integrations:

# %%
few = obs.after("jump", detector, segment, integrations=slice(0, 4))
fits = {}
for algorithm in ("OLS_C", "LIKELY"):
    mean, every = RampFitStep.call(few, algorithm=algorithm)
    fits[algorithm] = {"rate": every.data.copy(), "error": every.err.copy()}
    mean.close()
good = (few.groupdq == 0).all(axis=1) & (few.pixeldq == 0)
for name, region in regions.items():
    change = (fits["LIKELY"]["rate"] - fits["OLS_C"]["rate"]) / fits["OLS_C"]["error"]
    print(f"{name:10}: LIKELY minus OLS_C, in errors: width {width(change[good & region]):.2f}")

# %% [markdown]
# The two differ by a fraction of an error bar. Which is closer to the truth?

# %%
for algorithm, fit in fits.items():
    if obs.truth is None:
        print(f"{algorithm}: no truth to compare with")
        continue
    off = fit["rate"] - np.stack([obs.truth.rate(detector, segment, k) for k in range(4)])
    chosen = good & regions["spectrum"]
    rms = {name: width(off[good & region]) for name, region in regions.items()}
    pull = width(off[chosen] / fit["error"][chosen])
    print(
        f"{algorithm:7}: off by {rms['spectrum']:.3g} (spectrum), {rms['background']:.3g} DN/s (background), pulls {pull:.2f}"
    )
    assert 0.8 < pull < 1.4, "both give sensible errors"

# %% [markdown]
# Hardly a difference. LIKELY is the better estimator on paper, most of all at intermediate brightness; here other errors are larger than
# the difference between the two, and it takes several times as long. This series stays with the default.
#
# ## gain_scale
#
# One more step. NIRSpec reads subarrays with **another gain setting** than the full frame. Rates that are to be compared with those of
# full frames must be rescaled; `gain_scale` multiplies them by a factor, GAINFACT, which stands in the header of the gain reference:

# %%
from jwst.gain_scale import GainScaleStep
from stdatamodels.jwst import datamodels


def gain_of(model):
    """Gain of a detector in this subarray (electrons per DN, median) and its factor GAINFACT."""
    with datamodels.GainModel(GainScaleStep().get_reference_file(model, "gain")) as reference:
        return float(np.nanmedian(reference.data)), reference.meta.exposure.gain_factor


gain, factor = gain_of(ramp)
print(f"gain {gain:.4g} electrons per DN, GAINFACT {factor:.4g}")

# %% [markdown]
# **Predict:** what will the step do to `data`, to `err`, to `var_poisson`, and to a transit depth?

# %%
scaled = GainScaleStep.call(rateints)
print(*tso.logs.lines(obs.log, "gain_scale"), sep="\n")
ratios = {}
for name in ("data", "err", "var_poisson", "var_rnoise"):
    new, old = (getattr(model, name)[:, regions["spectrum"]] for model in (scaled, rateints))
    ratios[name] = float(np.nanmedian(new[old != 0] / old[old != 0]))
    print(f"{name:11}: times {ratios[name]:.4g}")
assert np.isclose(ratios["data"], factor, rtol=1e-3), "rates are multiplied by GAINFACT"
assert np.isclose(ratios["var_poisson"], factor**2, rtol=1e-3), "variances by its square"

# %% [markdown]
# Rates and errors grow by the factor, variances by its square. A transit depth is a ratio, and doesn't care. So is the step
# irrelevant, as is sometimes said? Not at all: it changes every rate by some 40 per cent, fluxes with it. And who wants the number of
# **electrons**, for the expected photon noise, must know that the gain (electrons per DN) belongs to the rates *before* `gain_scale`.
# Mix the two, and your expected noise is wrong by the square root of the factor (exercise 2).
#
# ## All segments, both detectors
#
# Now everything: each segment of each detector comes in after `jump`, goes through both steps, and leaves its rates behind. One
# ramp is in memory at a time.
#
# The rates are also **saved**, under the names that the archive uses: that is what a spectroscopic analysis starts from. They go to a folder
# of the observation, never beside the notebook. `tso.products.save` also notes in the header what the rates were made of, and writes nothing over a
# file that was made of the same and holds other values: it complains, unless you say `replace=True`.

# %%
ramp = rate = rateints = scaled = every = clean = few = good = true = None  # makes room
folder = obs.outputs / "stage1"


def calibrate(name, number):
    """Rates of one segment after ramp_fit and gain_scale (CubeModel), and the ramp that they come from."""
    ramp = obs.after("jump", name, number)
    _, rateints = RampFitStep.call(ramp)
    return GainScaleStep.call(rateints), ramp


# %% [markdown]
# What is kept: rates without gaps (`fill_bad` puts a typical value where a pixel failed in some integrations), times, gains,
# and, from each detector's first segment, apertures of several half-widths about the trace.

# %%
half_widths = (1, 2, 3, 4, 6, 8, 12)
frames, measured, gains, apertures, saved = {}, {}, {}, {}, []
for name in obs.detectors:
    pieces, parts = [], []
    for number in obs.segments:
        model, ramp = calibrate(name, number)
        if number == obs.segments[0]:
            gains[name] = gain_of(ramp)
            apertures[name] = {width: ~tso.trace.background(ramp, half_width=width) for width in half_widths}
        pieces.append(tso.rates.fill_bad(model))
        parts.append(tso.light_curve.from_rates(model))
        saved.append(tso.products.save(model, folder / tso.products.name_of(model), obs.identity(name, number)))
        ramp = model = None
    frames[name], measured[name] = np.concatenate(pieces), parts
    print(f"{name}: {len(frames[name])} integrations of {len(pieces)} segments")

# %% [markdown]
# Integration 10 of both detectors:

# %%
images = [frames[name][min(10, len(frames[name]) - 1)] for name in obs.detectors]
top = np.percentile(images[0], 99.5)
titles = [f"{name}, integration {min(10, len(frames[name]) - 1)}" for name in obs.detectors]
tso.plotting.compare_frames(*images, titles=titles, limits=(0, top), label="rate (DN/s)")
plt.show()

# %% [markdown]
# *What to notice:* compare with the raw frames of [lesson 01](01_download_and_quick_looks.ipynb). The bias, the offset of odd and even
# rows, the stripes are gone. What is left is the spectrum: in NRS1 it begins in the left third of the frame, where the filter
# lets the light through, and sinks from top to bottom; in NRS2 it is fainter and rises to the upper right. Small dark notches in it are pixels
# without a rate.
#
# ## The first light curve
#
# Add up the whole frame: that is the **white-light curve**, all wavelengths together. Put the segments one after another in the order
# of time (`stitch`), and divide by the median outside the transit, whose time and duration are known (Espinoza et al. 2024).

# %%
mid_transit, duration = obs.transit  # BJD_TDB and days
curves, outside, flux = {}, {}, {}
for name in obs.detectors:
    whole = tso.light_curve.stitch(measured[name])
    outside[name] = tso.light_curve.out_of_transit(whole.time, mid_transit, duration, margin=0.1 / 24)
    curves[name], flux[name] = whole.relative(outside[name]), whole.flux

# %% [markdown]
# How good can it be? Counting N electrons is good to $1/\sqrt{N}$. Only those count that arrive **between the first and the last
# group**: the slope doesn't see the others.
#
# **Predict:** will the measured scatter be equal to that, 10 % larger, twice as large, ten times?

# %%
seconds = obs.group_time * (exposure["groups"] - 1)


def photons(name, values):
    """Photon noise (ppm) of a summed rate after gain_scale."""
    gain, factor = gains[name]
    return tso.light_curve.expected_scatter_ppm(values[outside[name]] / factor, gain, seconds)


scatter = {name: tso.light_curve.scatter_ppm(curves[name].flux, outside[name]) for name in obs.detectors}
expected = {name: photons(name, flux[name]) for name in obs.detectors}
truths = {}
if obs.truth is not None:
    for name in obs.detectors:
        true_times, electrons = obs.truth.light_curve(name)
        truths[name] = true_times, tso.light_curve.normalise(electrons, outside[name])
tso.plotting.compare_light_curves(curves, truths, mid_transit=mid_transit, scatter=scatter, expected=expected)
plt.show()

# %% [markdown]
# *What to notice:* **there is the transit**, in both detectors, and the points lie on the black line, the true light
# curve, but for five in NRS1: soon after mid-transit they lie half a part per thousand above it. There the image of the star changed (you will see it below),
# and with 18 integrations in a file `jump` takes a part of the change for jumps; [lesson 10](10_whole_observation.ipynb) has more. The bottom is rounded because the star's disc is fainter at its edge (limb darkening). The scatter in the titles is not ten times
# that of the photons, but it isn't equal to it either.
#
# The level is right, too. The truth is in electrons per second:

# %%
for name in obs.detectors:
    print(f"{name}: scatter {scatter[name]:.3g} ppm, photons {expected[name]:.3g} ppm")
    if obs.truth is not None:
        gain, factor = gains[name]
        ratio = np.median(flux[name] / factor * gain / obs.truth.light_curve(name)[1])
        off = 1e6 * (curves[name].flux - truths[name][1])
        inside = ~outside[name]
        difference = off[inside].mean() - off[~inside].mean()
        sigma = off.std() * np.sqrt(1 / inside.sum() + 1 / (~inside).sum())
        print(f"   electrons: {ratio:.4g} of the true ones; depth too small by {difference:.0f} ± {sigma:.0f} ppm")
        assert 0.95 < ratio < 1.05, "rate, factor and gain give the star's electrons"

# %% [markdown]
# (Compare the difference of the depths with its uncertainty before you believe in it. The level is a little low because the gain reference is half
# a per cent too small, as a real one may be; the depth, a ratio, does not change with it.)
#
# ## Where does the excess come from?
#
# A scatter from so few integrations is itself uncertain, by ten per cent or more. There is a better way to learn what noise is in
# there, because you have all the pixels. Take the differences of neighbouring integrations outside the transit, and look at the noise
# three times:
#
# - **pixel by pixel**: the sum of all pixels' variances. That would be the noise of the sum if every pixel were on its own;
# - **column by column**: the variances of the columns' sums. What pixels of a column *share* counts here; what they only *exchange* is gone;
# - **the sum** itself.
#
# The first two are averages over thousands of values, and well known.

# %%
budget = {}
for name in obs.detectors:
    budget[name] = tso.rates.noise_budget(frames[name], outside[name])
    pairs = np.sum(outside[name][1:] & outside[name][:-1])
    print(
        f"{name}: photons {expected[name]:.0f} ppm; pixel by pixel {budget[name]['pixels']:.0f}, "
        f"columns {budget[name]['columns']:.0f} ppm"
    )
    print(f"      (the sum itself: {budget[name]['sum']:.0f} ppm, known to {100 / np.sqrt(2 * pairs):.0f} %)")

# %% [markdown]
# Pixel by pixel there is more noise than photons give: the telescope's pointing jitters by a hundredth of a pixel, and moves light from
# one pixel to the next. In the sum of a column that is gone, for what one pixel loses its neighbour gains. But the columns have an excess
# over the photons as well, so **the pixels of a column share noise**. Who does that? The correction of 1/f noise! From all 32 pixels of
# a column it subtracts *one* number, the median of the few background pixels, and the error of that number enters the sum of all the
# other pixels with the same sign.
#
# Does the size fit? The truth holds the read noise, white and 1/f, as ramps without any light. Let the correction
# subtract its medians from them too, take slopes, and look at the sums of the columns. How the samples are weighted matters (you saw
# that above), and it differs from pixel to pixel; so do it with equal weights and with the ends only, which are the two extremes.


# %%
def noise_of_columns(ramps, level):
    """Noise (ppm of `level`, DN/s) of the columns' sums: slopes with equal weights, and from the ends only."""
    grid = obs.group_time * (np.arange(exposure["groups"]) - (exposure["groups"] - 1) / 2)
    ends = np.zeros(grid.size)
    ends[0], ends[-1] = -1 / seconds, 1 / seconds
    sums = [np.tensordot(weights, ramps, (0, 1)).sum(axis=-2) for weights in (grid / np.sum(grid**2), ends)]
    return [1e6 * float(np.sqrt((values**2).sum(axis=-1).mean())) / level for values in sums]


excess = {name: np.sqrt(max(budget[name]["columns"] ** 2 - expected[name] ** 2, 0)) for name in obs.detectors}
if obs.truth is None:
    print("Real data: the true read noise is unknown.")
for name in obs.detectors if obs.truth is not None else ():
    where = [(name, obs.segments[0], k) for k in range(2)]
    reads = np.stack([obs.truth.white_noise(*one) + obs.truth.one_over_f(*one) for one in where])
    corrected = tso.one_over_f.remove_columns(reads, ~apertures[name][12])
    level = np.median(flux[name][outside[name]]) / gains[name][1]
    low, high = noise_of_columns(corrected, level)
    print(
        f"{name}: columns have {excess[name]:.0f} ppm more than photons; read noise gives {low:.0f} to {high:.0f} ppm"
    )
    assert 0.5 * low < excess[name] < 2 * high, "read noise and its correction account for the excess"
    del reads, corrected

# %% [markdown]
# So the read noise that is left after the correction, most of it shared within columns, accounts for the excess: the value
# that was measured lies between the two extremes or near the upper one. Many pixels in the wings of the star are bright enough to be weighted towards their ends. The
# noise of the sum itself is uncertain (by a little more than its percentage says, because neighbouring differences share an integration), and it contains the
# **start-up**: the flux of the first integrations is a little low and rises to its level, as in many real time series. (The simulation puts
# that in; look at the first point of the light curves.) It gives no strong reason to believe that columns share much with
# each other.

# %%
for name in obs.detectors:
    assert 0.85 < budget[name]["pixels"] / expected[name] < 2.5, "single pixels see photons and the pointing"
    assert 1.1 < budget[name]["columns"] / expected[name] < 2.5, "the columns have more than photons"

# %% [markdown]
# Without the correction it would be far worse ([lesson 07](07_one_over_f.ipynb) has measured it). But you can do something about
# *how many* pixels that shared number enters: most of the 32 rows hold no star.
#
# ## Narrow or wide?
#
# Sum only the pixels within some rows of the trace. **Predict:** what will a narrower aperture do to the scatter? Is there a
# price?

# %%
chosen = {name: [*masks.values(), np.ones_like(masks[1])] for name, masks in apertures.items()}
noise, limit, tilt = {}, {}, {}
for name in obs.detectors:
    before = outside[name] & (curves[name].time < mid_transit)
    after = outside[name] & (curves[name].time > mid_transit)
    sums = [tso.light_curve.white_light(frames[name], aperture=mask) for mask in chosen[name]]
    noise[name] = [tso.rates.noise_budget(frames[name], outside[name], mask)["columns"] for mask in chosen[name]]
    limit[name] = [photons(name, values) for values in sums]
    tilt[name] = [1e6 * (np.median(values[after]) / np.median(values[before]) - 1) for values in sums]
widths = np.array([*half_widths, 32])
tso.plotting.plot_aperture_trade(widths, noise, limit, tilt, frame=32)
plt.show()

# %% [markdown]
# *What to notice:* in the upper panel the noise (markers, column by column as above) lies on the dotted line of the photons for narrow
# apertures, and climbs away from it the more rows are added. In the lower panel, on a logarithmic axis, is the price: the level after
# the transit differs from that before it, by a per cent or more in the narrowest apertures, and by little in the widest.
#
# The star did not change. Near integration 270 of this observation (a little after mid-transit) a segment of JWST's mirror **tilted**
# and the image of the star became wider: light moved from the core of the profile into its wings. A narrow aperture loses it.
# The whole frame holds nearly all: what falls beyond the edges of the slit is lost for every aperture. Look:

# %%
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained", sharey=True)
first = obs.detectors[0]
for ax, (title, aperture) in zip(axes, {"±2 rows": apertures[first][2], "whole frame": None}.items(), strict=True):
    sums = tso.light_curve.white_light(frames[first], aperture=aperture)
    relative = sums / np.median(sums[outside[first] & (curves[first].time < mid_transit)])
    curve = tso.light_curve.LightCurve(curves[first].time, relative, curves[first].error)
    tso.plotting.plot_light_curve(curve, ax=ax, mid_transit=mid_transit, label=first, title=title)
    ax.axhline(1, color="0.5", linestyle=":")
plt.show()

# %% [markdown]
# *What to notice:* both curves begin at one, the dotted line. On the left (±2 rows) the flux falls a second time soon after
# mid-transit and doesn't come back to one after the transit; on the right (whole frame) it does, but for less than a tenth of a per cent. That is
# what the slit cuts off, and a slow fall of the whole baseline.

# %% tags=["before-step"]
for name in truths:
    off, inside = 1e6 * (curves[name].flux - truths[name][1]), ~outside[name]
    sigma = off.std() * np.sqrt(1 / inside.sum() + 1 / (~inside).sum())
    assert abs(off[inside].mean() - off[~inside].mean()) < 4 * sigma + 50, "the frame shows the true depth"
for name in obs.detectors:
    narrow, whole = half_widths.index(2), -1
    assert noise[name][narrow] < noise[name][whole], "fewer rows, less shared noise"
    assert abs(tilt[name][narrow]) > 3 * abs(tilt[name][whole]), "the narrow aperture sees the mirror tilt"
    assert abs(tilt[name][whole]) < 1000, "the whole frame loses less than a tenth of a per cent"

# %% [markdown]
# So there is no best aperture as such:
#
# | | whole frame | narrow aperture |
# |---|---|---|
# | noise | read noise, and what is left of the column correction, of all rows | close to the photons |
# | changes of the profile | hardly seen | steps and trends, to be modelled |
#
# Analyses of this observation use apertures of a few rows, and put the tilt into the model of the light curve (Alderson et al. 2023). The
# step is easy to model; noise isn't. If you predicted that fewer pixels mean fewer photons: they do, but the outer rows hold so little
# of the light that you don't notice.
#
# ## What you hand over
#
# For a spectroscopic analysis, `products/stage1/` in the folder of the observation now holds, for each segment of each detector,
#
# | name | holds |
# |---|---|
# | `<exposure>-seg<nnn>_<detector>_rateints.fits` | rates of every integration after `gain_scale` (DN/s) |
# | `<exposure>_<detector>_whitelight.ecsv` | time (BJD_TDB) and relative flux of the whole frame |
#
# The first are ordinary products of Stage 1: `datamodels.open` reads them, and Stage 2 of the pipeline, or other people's
# software, goes on from there. One of them again:

# %%
with datamodels.open(saved[0]) as stored:
    print(saved[0].name)
    for name in ("data", "err", "dq", "var_poisson", "var_rnoise"):
        print(f"   {name:11} {getattr(stored, name).shape}")
    about = stored.meta.exposure
    print(f"   unit {stored.meta.bunit_data}, integrations {about.integration_start} to {about.integration_end}")
    assert stored.meta.cal_step.gain_scale == "COMPLETE", "these rates have been through both steps"

# %% [markdown]
# And the light curves, as text that a program or an editor can read:

# %%
from astropy.table import Table

for name in obs.detectors:
    curve = curves[name]
    columns = {"time": curve.time, "flux": curve.flux, "error": curve.error, "out_of_transit": outside[name]}
    table = Table(columns, units={"time": "d"})
    table.meta["identity"] = tso.products.digest([obs.identity(name, number) for number in obs.segments])
    table.meta["comments"] = [f"{name}: white light of the whole frame, 1 out of transit; time is BJD_TDB"]
    stem = obs.uncal(name, obs.segments[0]).name.partition("-seg")[0]
    path = tso.products.save_table(table, folder / f"{stem}_{name.lower()}_whitelight.ecsv")
    print(f"{path.name}: {len(table)} rows")

# %% [markdown]
# ## Lesson 00's figure again
#
# You began with a light curve straight from the raw ramps: last minus first group, all pixels. Here it is, beside what
# you have now, on one scale.


# %%
def last_minus_first(path):
    """Sum over the frame of last minus first group, DN."""
    with datamodels.RampModel(path) as raw:
        return (raw.data[:, -1].astype(float) - raw.data[:, 0]).sum(axis=(1, 2))


raw = np.concatenate([last_minus_first(obs.uncal(first, number)) for number in obs.segments])
calibrated = curves[first]
relative = tso.light_curve.normalise(raw, outside[first])
from_raw = tso.light_curve.LightCurve(calibrated.time, relative, np.zeros(len(raw)))  # nobody knows its errors yet
both = {"from the raw ramps": from_raw, "calibrated": calibrated}
gone = {name: tso.light_curve.scatter_ppm(curve.flux, outside[first]) for name, curve in both.items()}
true_curves = dict.fromkeys(both, truths[first]) if truths else None
tso.plotting.compare_light_curves(both, true_curves, mid_transit=mid_transit, scatter=gone)
plt.show()

# %% [markdown]
# *What to notice:* the same photons in both panels. On the left the points scatter by a good part of the transit's depth;
# on the right they follow the black line, and the scatter in the title is a small fraction of that on the left. That is what
# Stage 1 is for.

# %%
for name, value in {**gone, "photons alone": expected[first]}.items():
    print(f"{name:18}: {value:.3g} ppm")
assert 0.5 * expected[first] < gone["calibrated"] < 3 * expected[first], "what is left is of the order of the photons'"

# %% [markdown]
# ## Exercises
#
# ### 1. Half a ramp
#
# Some teams leave out the last groups of a ramp, where it bends most. What does it cost? Fit `few` with `lastgroup` such that only the
# **first half of the groups** is used. By what factor does `err` grow in the bright pixels (`bright`, median of the ratio)?
# Predict first: is it $\sqrt{2}$?

# %%
few = obs.after("jump", detector, segment, integrations=slice(0, 4))
groups = few.data.shape[1]
bright = fits["OLS_C"]["rate"] > 150
print(f"{groups} groups, {bright.sum()} rates of bright pixels")

# %% [markdown]
# <details><summary>Hint</summary>
#
# `lastgroup` is the last group that is *used*, counted from zero: `RampFitStep.call(few, lastgroup=groups // 2 - 1)`. The errors of the
# full ramps are `fits["OLS_C"]["error"]`.
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("ramp-half", answer, groups=groups)

# %% tags=["solution"]
mean, half = RampFitStep.call(few, lastgroup=groups // 2 - 1)
answer = float(np.nanmedian(half.err[bright] / fits["OLS_C"]["error"][bright]))
print(f"{answer:.3g} times")

assert tso.exercises.check("ramp-half", answer, groups=groups)

# %% [markdown]
# ### 2. Count the electrons
#
# How many electrons of the star does one integration of the first detector count, out of transit? You have the summed rate **after**
# `gain_scale`, `star` (DN/s), the gain and its factor, and `seconds`, from the first group to the last.

# %%
star, (gain, factor) = flux[first][outside[first]], gains[first]
context = {"flux": star, "factor": factor, "gain": gain, "seconds": seconds}

# %% [markdown]
# <details><summary>Hint</summary>
#
# Go back to the rate before `gain_scale` first. The gain is in electrons per DN.
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("electrons-after-scaling", answer, **context)

# %% tags=["solution"]
answer = np.median(star) / factor * gain * seconds

assert tso.exercises.check("electrons-after-scaling", answer, **context)

# %% [markdown]
# ### 3. Choose an aperture
#
# Suppose that you don't want to model the tilt: its step must stay below 1000 ppm. Which half-width gives the least noise then, with
# the first detector? You have `widths`, `noise[first]` and `tilt[first]` (the last entry, 32, is the whole frame).
#
# <details><summary>Hint</summary>
#
# Keep those with `np.abs(tilt[first]) < 1000`; among them look for the smallest noise with `np.argmin`.
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("aperture-choice", answer, half_widths=widths, scatter=noise[first], step=tilt[first])

# %% tags=["solution"]
allowed = np.abs(tilt[first]) < 1000
answer = widths[allowed][np.argmin(np.array(noise[first])[allowed])]

assert tso.exercises.check("aperture-choice", answer, half_widths=widths, scatter=noise[first], step=tilt[first])

# %% [markdown]
# ## Recap
#
# - Samples up a ramp are **correlated**: an ordinary line weights them wrongly and claims too small an error. OLS_C weights by
#   brightness, LIKELY uses the covariance of the differences; for this star they agree.
# - `ramp_fit` returns **rate and rateints**, in DN/s, with an error in two parts. `gain_scale` multiplies the rates by **GAINFACT**; the gain
#   belongs to the rates before.
# - **Pulls** are close to Gaussian with width one on the spectrum. In the background they are wider and off zero: the errors know nothing of what earlier
#   steps have done.
# - The **white-light curve** of the stitched segments shows the transit at its true depth. Single pixels are at the photon noise; the excess is noise
#   that the pixels of a column share.
# - A **narrow aperture** is limited by photons but sees the mirror tilt; the frame is robust and noisier. The `rateints` are saved, in the folder
#   of the observation.
#
# ## On real data
#
# - Everything runs as it stands with `TSO_OBSERVATION=mast`; where the truth is needed, the cells say that there is none. With all 465
#   integrations of 70 groups the loop over the segments takes long, and each segment much memory; [lesson 10](10_whole_observation.ipynb) shows how to bound both.
# - With 70 groups the read noise weighs less and there are more samples for the jumps. The photon noise hardly changes.
# - The tilt is real and can be seen in the published light curves. How much light it moves into the wings is a choice
#   of this simulation: the step of the real data, and its dependence on the aperture, will differ.
# - Real light curves also have trends with time and noise that is correlated from one integration to the next. Scatter by differences does not see them:
#   bin the light curve and see whether the scatter falls with the square root.
# - Without a truth, check errors by the scatter of a pixel from one integration to the next against its `err`.
#
# ## Next
#
# [10 · Calibrate the whole observation](10_whole_observation.ipynb): the same chain for all integrations of the real exposure, in bounded
# memory. Spectra can be extracted from the rateints, with software of your choice.
#
# ## References
#
# - JWST pipeline documentation: [ramp_fitting](https://jwst-pipeline.readthedocs.io/en/latest/jwst/ramp_fitting/index.html) and
#   [gain_scale](https://jwst-pipeline.readthedocs.io/en/latest/jwst/gain_scale/index.html).
# - Fixsen et al. 2000, PASP 112, 1350: weights for ramps that are read out up the ramp.
# - Brandt 2024, arXiv:2309.08753: the likelihood of a ramp, the method of LIKELY.
# - Espinoza et al. 2023, arXiv:2211.01459: how well NIRSpec does in time series.
# - Espinoza et al. 2024, Inhomogeneous terminators on the exoplanet WASP-39 b: orbit and mid-transit.
# - Alderson et al. 2023, doi:10.1038/s41586-022-05591-3: this observation, and its mirror tilt.
