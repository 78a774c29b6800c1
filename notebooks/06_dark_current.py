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
#     - jwst.dark_current.DarkCurrentStep
# ---

# %% [markdown]
# # 06 · Weigh the dark current
#
# You subtract the dark signal, find out where it matters and where it doesn't, work out what it does to a transit depth, and
# check your prediction by running the data both ways to the light curve.
#
# **You will be able to**
#
# - say what is in a dark reference besides dark current;
# - put a number on the dark in different parts of the frame;
# - derive how a constant extra signal dilutes a transit, and predict the effect in parts per million;
# - decide for your own star and aperture whether the step matters.
#
# **You need** [00 · Start here](00_start_here.ipynb); helpful: [04 · superbias and reference pixels](04_superbias_refpix.ipynb)
# and [05 · linearity](05_linearity.ipynb). Words in the [glossary](glossary.md).
#
# **Takes** 35 min to read and try, 35 s to run; 0.8 GB peak memory; 0.8 GB disk.

# %% [markdown]
# ## Set up
#
# One line chooses the data: the simulated exposure, unless the environment variable `TSO_OBSERVATION` says otherwise.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tso_helpers as tso

tso.plotting.use_style()
obs = tso.open_observation()

# %% [markdown]
# You are here:

# %%
tso.plotting.stage1_map(here="dark_current")
plt.show()

# %% [markdown]
# *What to notice:* `dark_current` stands right after `linearity`. Dark current is charge like any other and bends like it, so the
# ramp is straightened first. The dark reference was made from straightened ramps, and is subtracted from one.
#
# ## The effect: signal without light
#
# Charge collects in a pixel even in complete darkness, set free by heat. This **dark current** is why the detectors are kept
# at about 43 K. At that temperature it is tiny: in the simulation 0.0064 electrons per second in a typical pixel.
#
# **Predict:** an integration lasts 63 s. How many electrons of dark current does a typical pixel collect? How many DN is
# that, with a gain of 1.4 electrons per DN? Keep your number.
#
# You take the first segment after `linearity`, and divide the frame into three regions: the left part, where no starlight
# falls (with NRS1), the background right of it, and the spectrum.

# %%
example = obs.examples["bright_nonlinear"]
detector, segment = example.detector, example.segment
before = obs.after("linearity", detector=detector, segment=segment)
columns = np.arange(before.data.shape[-1])
active = ~tso.dq.mask(before.pixeldq, "REFERENCE_PIXEL")
background = tso.trace.background(before) & active
spectrum = ~tso.trace.background(before, half_width=2) & (columns >= 700)
regions = {
    "left of column 500": active & (columns < 500),
    "background right of it": background & (columns >= 500),
    "on the spectrum": spectrum,
}

# %% [markdown]
# ### What the reference file holds
#
# Like the superbias, the dark is measured beforehand, in many exposures without light, and comes as a reference
# file. But unlike the superbias it is not one image: it is a **ramp**, with a value for each read.

# %%
from pathlib import Path

from jwst.dark_current import DarkCurrentStep
from stdatamodels.jwst import datamodels

path = DarkCurrentStep().get_reference_file(before, "dark")
dark = datamodels.DarkNirspecModel(path)
frame_time = before.meta.exposure.frame_time
print(Path(path).name)
print(
    f"{dark.data.shape[0]} reads x {dark.data.shape[1]} rows x {dark.data.shape[2]} columns, one read every {frame_time:.3f} s"
)

# %% [markdown]
# The median over each of two regions, read by read, beside what a dark current of 0.0064 electrons per second alone would
# give (the gain is what the ratio of electrons to DN is; here 1.4):

# %%
read_times = frame_time * np.arange(1, dark.data.shape[0] + 1)
chosen = list(regions)[:2]
medians = {name: np.median(dark.data[:, regions[name]], axis=1) for name in chosen}
alone = 0.0064 / 1.4 * read_times
tso.plotting.plot_dark_ramps(
    read_times, medians, lines={"0.0064 electrons per second, alone": alone}, title=f"{detector}: the dark reference"
)
plt.show()

# %% [markdown]
# *What to notice:* the dashed line at the bottom is the dark current, and it hardly leaves zero. The two curves
# of the reference (circles, squares) lie far above it, they are not straight, and the left part of the frame lies above the rest.
#
# Most of this "dark" is no dark current. After a reset the bias needs a while to **settle**: it climbs, quickly at first and
# then more and more slowly, in every integration in the same way. (Rauscher et al. 2007 describe such a *reset
# anomaly* of these detectors: nearly noiseless, and easily calibrated out.) The dark reference is where such things end up,
# because they look like signal, grow during the ramp, and repeat.

# %%
for name in chosen:
    print(f"{name}: {medians[name][-1]:.2f} DN after {read_times[-1]:.0f} s, of which dark current {alone[-1]:.2f} DN")

# %% [markdown]
# If you predicted 0.4 electrons, or 0.3 DN: right, for the dark current. The reference holds ten times as much.
#
# And there are exceptions: **hot pixels**. In some of them the dark collects thousands of DN:

# %%
last = dark.data[-1]
for limit in (10, 100, 1000):
    print(f"pixels with more than {limit:4} DN of dark in {read_times[-1]:.0f} s: {np.sum(last > limit)}")

# %% [markdown]
# `dq_init` knows most of them from its mask and has flagged them ([lesson 02](02_dq_init.ipynb)).
#
# ## The step
#
# The exposure keeps fewer groups than the reference has reads (in lesson size every fifth; the real one keeps all), and the
# step must find out which reads belong to which groups.
#
# **Predict:** in the last group, by how many per cent will the counts change on the spectrum, and by how many in the faint
# left part?

# %%
after = DarkCurrentStep.call(before)
print(*tso.logs.lines(obs.log, "dark_current"), sep="\n")

# %% [markdown]
# At lesson size the log says `groupgap=4` for the science data: four reads were dropped between two groups. The step has picked the matching reads of the
# reference and subtracted them; no parameter was needed.
#
# ### Look
#
# The last group of one integration before and after, at the same stretch:

# %%
integration = example.integration
pair = before.data[integration, -1], after.data[integration, -1]
tso.plotting.compare_frames(*pair, titles=("before dark_current, last group", "after"), limits=(-100, 700))
plt.show()

# %% [markdown]
# *What to notice:* the spectrum, its wings and the grain look the same in both panels. What the eye finds are single bright dots that
# are gone from the lower one: hot pixels, whose dark has been subtracted. The rest needs a stretch a hundred times finer:

# %%
tso.plotting.show_frame(
    pair[0] - pair[1], limits=(0, 8), title=f"{detector}: what the step removed from the last group"
)
plt.show()

# %% [markdown]
# *What to notice:* no trace of the spectrum, and the same in every integration: a few DN everywhere, more on the left (the
# brighter part, which ends near column 500), fine grain from pixel to pixel, a few bright dots, which are hot pixels, and
# zero in the reference pixels at the very ends.
#
# ### Measure
#
# (before - after) / after in the last group, in per cent; the median over the integrations for each pixel, then over
# each region.

# %%
share = 100 * np.median((before.data[:, -1] - after.data[:, -1]) / after.data[:, -1], axis=0)
percent = {name: float(np.median(share[region])) for name, region in regions.items()}
for name, value in percent.items():
    print(f"{name:23}: {value:7.3f} %")

# %% [markdown]
# Some per cent where the signal is faint, next to nothing on the spectrum:

# %%
assert percent["left of column 500"] > percent["background right of it"] > 1, "some per cent of a faint signal"
assert percent["left of column 500"] > 100 * percent["on the spectrum"] > 0, "next to nothing of a bright one"

# %% [markdown]
# A word of caution about such percentages, which are quoted often: on the left the signal that you divide by is hardly
# light. It is mostly the constant by which active pixels stand above the reference pixels (lesson 04). What matters
# is not the share of the *counts*, it is the share of the *slope*.
#
# The image of those shares shows where the step could ever matter:

# %%
tso.plotting.show_frame(share, limits=(0, 15), label="dark (% of the counts)", title=f"{detector}, last group")
plt.show()

# %% [markdown]
# *What to notice:* the spectrum is a dark band without any dark (below a tenth of a per cent); around it the share rises
# to some per cent, and it is highest in the left quarter of the frame.
#
# ### Compare with the truth

# %%
removed = before.data[integration, -1] - after.data[integration, -1]
if obs.truth is None:
    print("Real data: the true dark is unknown.")
else:
    true = obs.truth.dark_ramp(detector)[-1]
    for name in chosen:
        region = regions[name]
        ratio = np.median(removed[region] / true[region])
        print(
            f"{name}: removed {np.median(removed[region]):.2f} DN, true {np.median(true[region]):.2f} DN, ratio {ratio:.3f}"
        )
        assert 0.9 < ratio < 1.1, "the step must remove what is there, to the accuracy of the reference"

# %% [markdown]
# The reference is good to a few per cent of itself; what it gets wrong varies slowly along the frame. Real ones are averages of a
# limited number of exposures, and their noise is put into **every** integration, the same each time. In a time series such a constant does no harm by itself. But it acts like the
# signal that you are going to look at now.
#
# ## What an uncorrected dark does to a transit
#
# ### Derive it
#
# Call the star's rate out of transit $S$ and the transit depth $\delta$, so that in transit the rate is $S(1-\delta)$. Add a
# constant rate $D$ that has nothing to do with the star. What you measure is
#
# $$\delta' = 1 - \frac{S(1-\delta)+D}{S+D} = \frac{\delta\,S}{S+D} = \frac{\delta}{1+D/S} \approx \delta\,\left(1-\frac{D}{S}\right).$$
#
# The transit becomes **shallower**, by the share $D/S$ of itself. This is **dilution**. The same happens with any light that
# isn't the star's: sky, a neighbouring star, the planet's night side.
#
# Three things follow. The change is small *times small*: a dark of one per mille changes a depth of two per cent by 20
# ppm (parts per million). It grows with the **number of pixels** that you add up, because each brings its own $D$, while $S$ hardly
# grows beyond the spectrum's own rows. And it is larger where the star is **faint**: it depends on wavelength, which is bad,
# because wavelength dependence is what you want to measure.
#
# ### Predict it
#
# **Predict:** for this star, will the white-light depth change by about 1, 10, 100 or 1000 ppm? Once for the sum
# over the whole frame, once for an aperture of ±4 rows about the spectrum.
#
# You have all that you need to work it out: the dark's rate from what the step removed, the star's from the same
# ramp. As a rate, take last minus first group over the time between.

# %%
aperture = ~tso.trace.background(before, half_width=4)
usable = ~tso.dq.mask(before.pixeldq, "DO_NOT_USE") & active
seconds = obs.group_time * (before.data.shape[1] - 1)
lost = before.data[0] - after.data[0]
dark_rate = (lost[-1] - lost[0]) / seconds
star_rate = np.median(after.data[:, -1] - after.data[:, 0], axis=0) / seconds
ratio = {
    name: dark_rate[mask & usable].sum() / star_rate[mask & usable].sum()
    for name, mask in (("whole frame", active), ("±4 rows", aperture))
}
for name, value in ratio.items():
    print(f"{name:11}: D/S = {value:.2e}, a depth of 2.2 % is lowered by about {0.022e6 * value:.2g} ppm")

# %% [markdown]
# ### Run it both ways
#
# Now the real thing: ramps with and without the step, through `ramp_fit`, for all three segments. (Jumps and 1/f
# noise are left as they are: both ways suffer from them alike, so they hardly touch the difference.) What is kept
# of each segment is the sum over the rows, column by column.

# %%
from jwst.ramp_fitting import RampFitStep


def rates(ramp):
    """Rate of each pixel in each integration, without gaps, DN/s; shape (integration, row, column)."""
    rate, rateints = RampFitStep.call(ramp)
    rate.close()
    return tso.rates.fill_bad(rateints)


def column_sums(ramp):
    """Rate of each column, in the whole frame and in the aperture; each (integration, column), DN/s."""
    values = rates(ramp)
    return values.sum(axis=1), np.where(aperture, values, 0).sum(axis=1)


# %% [markdown]
# One segment is in memory at a time:

# %%
times, with_dark, without = [], [], []
after = before = lost = removed = pair = None  # makes room
for number in obs.segments:
    ramp = obs.after("linearity", detector, number)
    times.append(tso.light_curve.integration_times(ramp))
    without.append(column_sums(ramp))
    with_dark.append(column_sums(DarkCurrentStep.call(ramp)))
    ramp.close()
    del ramp
times = np.concatenate(times)
sums = {"dark subtracted": np.concatenate(with_dark, axis=1), "dark left in": np.concatenate(without, axis=1)}
print(f"{times.size} integrations of {len(obs.segments)} segments, both ways")

# %% [markdown]
# Which integrations are in transit? Mid-transit and duration of WASP-39 b are known (Espinoza et al. 2024). The depth is then
# simply one minus the mean inside over the mean outside; no fit, because you are after a *difference*.

# %%
mid_transit, duration = obs.transit  # BJD_TDB and days
outside = tso.light_curve.out_of_transit(times, mid_transit, duration, margin=0.1 / 24)
inside = np.abs(times - mid_transit) < 1 / 24
white = {way: dict(zip(ratio, both.sum(axis=-1, dtype=float), strict=True)) for way, both in sums.items()}


def depth(flux):
    """One minus the mean flux in transit over the mean flux outside."""
    return 1 - flux[inside].mean() / flux[outside].mean()


change, expected = {}, {}
for name in ratio:
    good, bad = white["dark subtracted"][name], white["dark left in"][name]
    dilution = np.mean(bad - good) / good[outside].mean()
    expected[name] = depth(good) / (1 + dilution) - depth(good)
    change[name] = depth(bad) - depth(good)
    print(
        f"{name:11}: D/S = {dilution:.2e}; depth changes by {1e6 * change[name]:6.1f} ppm,"
        f" the formula says {1e6 * expected[name]:6.1f} ppm"
    )

# %% [markdown]
# Theory and measurement agree:

# %%
for name in ratio:
    assert 0.8 < change[name] / expected[name] < 1.25, "the transit is diluted as derived"
    assert 0.5 < expected[name] / (-depth(white["dark subtracted"][name]) * ratio[name]) < 2, (
        "D/S as the reference says"
    )
assert abs(change["whole frame"]) > 2 * abs(change["±4 rows"]) > 0, "more pixels, more dilution"

# %% [markdown]
# And in time: above, the light curve both ways; below, the difference of the two, each relative to its own level outside the transit.


# %%
def relative(flux):
    return flux / flux[outside].mean()


curves = {way: relative(values["±4 rows"]) for way, values in white.items()}
difference = {name: relative(white["dark left in"][name]) - relative(white["dark subtracted"][name]) for name in ratio}
model = {
    name: (1 - relative(white["dark subtracted"][name])) * -expected[name] / depth(white["dark subtracted"][name])
    for name in ratio
}
tso.plotting.plot_dilution(
    times, curves, difference, predicted=model, mid_transit=mid_transit, title=f"{detector}, white light, ±4 rows"
)
plt.show()

# %% [markdown]
# *What to notice:* in the upper panel the squares lie inside the rings: the two light curves cannot be told apart, and both
# are noisy, because jumps and 1/f noise are still in them. (The step down soon after mid-transit is no planet: a mirror segment tilted and
# moved light out of the aperture. It happened to both ways alike.) The lower panel is in ppm: outside the transit the difference scatters
# about zero, inside it is positive, an upside-down transit. It is largest for the sum over the whole frame, and much smaller for the
# aperture of ±4 rows. The lines are the formula, applied to the measured curve. So they share its noise, and for ±4 rows its tilt.
#
# If you predicted 1000 ppm, you took $D/S$ for the change of the depth; multiply by $\delta$ once more.
#
# ### Along the spectrum
#
# The same, column by column (in bins of 16), for the depth that each bin would give:


# %%
def binned(values, width=16):
    """Sum over the integrations chosen and over `width` columns."""
    return values[outside].mean(axis=0).reshape(-1, width).sum(axis=-1)


middles = 7.5 + 16 * np.arange(columns.size // 16)
star, both = binned(sums["dark subtracted"][1]), [binned(sums[way][1]) for way in ("dark left in", "dark subtracted")]
lit = star > 0.02 * np.median(star[middles > 700])
extra = (both[0] - both[1])[lit] / star[lit]
lowered = depth(white["dark subtracted"]["±4 rows"]) * extra / (1 + extra)
tso.plotting.plot_depth_change(middles[lit], {"±4 rows": lowered}, title=f"{detector}: dilution in bins of 16 columns")
plt.show()

# %% [markdown]
# *What to notice:* along most of the spectrum the depth is lowered by some ppm, a little more where the star is fainter. At
# the short-wavelength end, where the filter cuts the light off, it rises steeply. Single bins stand out: a hot pixel that the mask
# does not know lies in their aperture.

# %%
print(f"median {1e6 * np.median(lowered):.1f} ppm; bluest bin {1e6 * lowered[0]:.0f} ppm")
assert lowered[0] > 3 * np.median(lowered) > 0, "the fainter the star, the more dilution"

# %% [markdown]
# To compare: for one transit of a bright star, G395H reached uncertainties of 50 to 60 ppm at a resolution of 100
# (Espinoza et al. 2023).
#
# ## Twice is once: the background that you subtract anyway
#
# In this series, and in most analyses of such data, a background is subtracted from every column later:
# [lesson 07](07_one_over_f.ipynb) does it for each group, to remove 1/f noise. What does that do to a dark that was left in?
#
# **Predict:** will the column correction remove the dark, too?
#
# Four integrations, four ways: with and without the dark step, with and without the column correction.

# %%
few = obs.after("linearity", detector, segment, integrations=slice(0, 4))
few_dark = DarkCurrentStep.call(few)
ways = {}
for name, ramp in (("dark left in", few), ("dark subtracted", few_dark)):
    ways[name] = rates(ramp)
    columns_removed = ramp.copy()
    columns_removed.data = tso.one_over_f.remove_columns(ramp.data, background)
    ways[name + ", columns corrected"] = rates(columns_removed)
    del columns_removed
for suffix in ("", ", columns corrected"):
    more = (ways["dark left in" + suffix] - ways["dark subtracted" + suffix])[:, aperture].sum(axis=1).mean()
    star = ways["dark subtracted" + suffix][:, aperture].sum(axis=1).mean()
    print(f"±4 rows{suffix}: D/S = {more / star:9.1e}")

# %% [markdown]
# The column's background contains the same dark as the pixels of the spectrum, so its median takes out most of it. What
# is left is what differs from pixel to pixel: hot pixels, and the grain.
#
# If you predicted that it has nothing to do with it: a median of background pixels does not ask where their signal
# comes from.
#
# The truth says the same in another way. How far is the fitted rate from the true one, in the background?

# %%
if obs.truth is None:
    print("Real data: the true rates are unknown.")
else:
    true = np.stack([obs.truth.rate(detector, segment, k) for k in range(few.data.shape[0])])
    bias = {name: float(np.nanmedian((values - true)[:, background])) for name, values in ways.items()}
    for name in ("dark left in", "dark subtracted"):
        print(f"{name:15}: fitted minus true rate in the background {bias[name]:.3f} DN/s")
    slope = np.median((obs.truth.dark_ramp(detector)[-1] - obs.truth.dark_ramp(detector)[0])[background]) / seconds
    print(f"the true dark signal grows by {slope:.3f} DN/s on average")
    assert 0.5 < (bias["dark left in"] - bias["dark subtracted"]) / slope < 2, "the step takes that much off the rates"

# %% [markdown]
# The two biases differ by what the dark adds to the slope of a background pixel. With the dark subtracted hardly anything is left; in other
# integrations it may be a little more, because the level of the whole frame is noisy and so few of them do not average it out.
#
# ## So: apply it?
#
# For this star, with a sensible aperture: the depth changes by an amount that nobody will ever see, with or without
# the step, and less still once the columns are corrected. The step costs little, and the pipeline runs it unless told otherwise.
# There are two sides to it.
#
# - **For it**: faint stars, wide apertures, the end of the spectrum, hot pixels. The depth is then biased, and
#   differently at each wavelength.
# - **Against it**: a dark reference that is itself noisy or does not fit your window puts its own pattern into your data.
#
# Either way you now know how to decide: work out $\delta\,D/S$. For the aperture of ±4 rows, and stars fainter than
# this one:

# %%
good = white["dark subtracted"]["±4 rows"]
star, extra = good[outside].mean(), np.mean(white["dark left in"]["±4 rows"] - good)
for fainter in (1, 10, 100, 1000):
    dilution = extra / (star / fainter)
    print(f"a star {fainter:4} times fainter: depth of 2.2 % lowered by {0.022e6 * dilution / (1 + dilution):8.3g} ppm")

# %% [markdown]
# ## Tune it
#
# The step has two parameters of its own. `dark_output` saves the dark that was made to match your groups.
# `average_dark_current` (electrons per second) changes **no data at all**: it tells `ramp_fit` to allow for the Poisson noise
# of the dark. The third lever is the reference itself, `override_dark`. Try a dark of twice the size, and a large
# `average_dark_current`, and look at the whole background, the dark left end included:

# %%
twice = dark.copy()
twice.data = 2 * dark.data
trials = {
    "default": {},
    "override_dark: twice as large": {"override_dark": twice},
    "average_dark_current=5": {"average_dark_current": 5.0},
}
taken, noise = {}, {}
for name, parameters in trials.items():
    result = DarkCurrentStep.call(few, **parameters)
    taken[name] = float(np.median((few.data[0, -1] - result.data[0, -1])[background]))
    rate, rateints = RampFitStep.call(result)
    noise[name] = float(np.nanmean(np.sqrt(rateints.var_poisson[0][background])))
    print(f"{name:29}: removed {taken[name]:.2f} DN, Poisson error of a background pixel {noise[name]:.3f} DN/s")
    del result, rate, rateints

# %% [markdown]
# Twice the dark takes twice as much, and nobody complains: the step believes its reference. The ramps of faint pixels then even
# *sink*, and `ramp_fit`, which estimates the Poisson noise from the slope, finds none for them: the wrong dark spoils the
# error bars as well. The larger `average_dark_current` takes nothing, but the error grows. Its default is what the
# dark reference states, here zero.

# %%
assert taken["default"] > 1, "the background loses some DN"
assert 1.9 < taken["override_dark: twice as large"] / taken["default"] < 2.1, "what you give is what is subtracted"
assert noise["average_dark_current=5"] > 2 * noise["default"] > 0, "the error allows for the dark's own noise"

# %% [markdown]
# ## All segments, both detectors
#
# For the light curve, all segments of one detector have been through the step. The other detector has a dark of its own, which
# serves all its segments, so two integrations of each are enough to see it. The background in the last group, before and after:

# %%
print("detector segment   before (DN)   after (DN)")
for name in [one for one in obs.detectors if one != detector] or [detector]:
    for number in obs.segments:
        earlier = obs.after("linearity", name, number, integrations=slice(0, 2))
        later = DarkCurrentStep.call(earlier)
        mask = tso.trace.background(earlier) & ~tso.dq.mask(earlier.pixeldq, "REFERENCE_PIXEL")
        levels = [float(np.median(model.data[:, -1][:, mask])) for model in (earlier, later)]
        print(f"{name:8} {number:7} {levels[0]:13.2f} {levels[1]:12.2f}")
        for model in (earlier, later):
            model.close()

# %% [markdown]
# ## Exercises
#
# ### 1. How faint may the star be?
#
# You want every depth to be right within 100 ppm, and you leave the dark in. How many times fainter than this one may a star
# with the same transit be, in the **sum over the whole frame**? You have `S`, `D` (DN/s) and `delta`:

# %%
good, bad = white["dark subtracted"]["whole frame"], white["dark left in"]["whole frame"]
S, D, delta = good[outside].mean(), np.mean(bad - good), depth(good)
print(f"S = {S:.4g} DN/s, D = {D:.4g} DN/s, depth {100 * delta:.3g} %")

# %% [markdown]
# <details><summary>Hint</summary>
#
# A star f times fainter has the rate S/f. Write down the change of its depth, $\delta - \delta'$, with the formula of the
# lesson, set it equal to 1e-4, and solve for f.
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("dark-faintest-star", answer, star=S, dark=D, depth=delta)

# %% tags=["solution"]
share_allowed = 1e-4 / delta  # the depth may lose this share of itself: x = (D f/S) / (1 + D f/S)
answer = share_allowed / (1 - share_allowed) * S / D

assert tso.exercises.check("dark-faintest-star", answer, star=S, dark=D, depth=delta)

# %% [markdown]
# ### 2. A dark that is too short
#
# Suppose that nobody has measured a dark as long as your ramps. Cut `dark` to the **first half of its reads**, give it to
# the step with `override_dark`, read the log (`tso.logs.lines(obs.log, "dark_current")`), and compare with the right result,
# `few_dark`. By how many DN does the short dark take **too much** from a background pixel (median) in the last group?
#
# **Predict** the sign before you run it: look again at the figure of the dark reference.
#
# <details><summary>Hint</summary>
#
# `short = dark.copy()`, then `short.data = dark.data[:half]` and `short.meta.exposure.ngroups = half`. The excess is the right result
# minus the wrong one: `few_dark.data[:, -1] - wrong.data[:, -1]`, at `[:, background]`.
#
# </details>

# %%
answer = None  # your code here

context = {
    "dark": dark.data,
    "mask": background,
    "reads": 1 + (few.data.shape[1] - 1) * (few.meta.exposure.groupgap + 1),
}
tso.exercises.check("dark-too-short", answer, **context)

# %% tags=["solution"]
half = dark.data.shape[0] // 2
short = dark.copy()
short.data = dark.data[:half]
short.meta.exposure.ngroups = half
wrong = DarkCurrentStep.call(few, override_dark=short)
print(*tso.logs.lines(obs.log, "dark_current", contains="extrapolated"), sep="\n")
answer = float(np.median((few_dark.data[:, -1] - wrong.data[:, -1])[:, background]))

assert tso.exercises.check("dark-too-short", answer, **context)

# %% [markdown]
# ## Recap
#
# - The **dark reference** of a subarray holds dark current, hot pixels and, mostly, the settling of the bias after the reset: a
#   ramp that is not straight.
# - Its **size** depends on where you look: some per cent of the counts where there is no star, a few hundredths of a per cent or
#   less on the spectrum.
# - A constant rate D left in makes a transit shallower by the share D/S of itself: **dilution**. Predicted and measured changes
#   agree; they grow with the number of pixels and where the star is faint.
# - **Decide** with $\delta\,D/S$. For a bright star and a narrow aperture it is negligible, and a column correction takes most of the
#   dark out anyway.
#
# ## On real data
#
# - Set `TSO_OBSERVATION=mast` and the same cells run; those that compare with the truth say that there is none. With all 465
#   integrations of 70 groups the loop over the segments takes its time and memory; [lesson 10](10_whole_observation.ipynb) shows how to bound both.
# - The settling ramp of the simulation is a choice that gives the shares seen in the real data (about 12 % left of column 500, 5 %
#   right of it). Real bias settling is less regular, and its reference is noisier.
# - A real dark's errors are the same in every integration: look for them in the spectrum, not in the scatter.
# - The background light of the sky is not in the dark. It dilutes in the same way, and the column correction removes it too.
# - MIRI's dark depends on the integration as well: its reference has one more axis, and the first integrations differ.
#
# ## Next
#
# [07 · 1/f noise](07_one_over_f.ipynb): the largest noise that is left in these ramps.
#
# ## References
#
# - JWST pipeline documentation: [dark_current](https://jwst-pipeline.readthedocs.io/en/latest/jwst/dark_current/index.html).
# - JWST user documentation:
#   [NIRSpec detector performance](https://jwst-docs.stsci.edu/jwst-near-infrared-spectrograph/nirspec-instrumentation/nirspec-detectors/nirspec-detector-performance).
# - Birkmann et al. 2022, arXiv:2208.12686: dark signal and noise of NIRSpec's detectors in flight.
# - Rauscher et al. 2007, arXiv:0706.2344: read-out, noise, and the reset anomaly.
# - Espinoza et al. 2023, arXiv:2211.01459: how well NIRSpec does in time series.
# - Espinoza et al. 2024, Inhomogeneous terminators on the exoplanet WASP-39 b: orbit and mid-transit.
# - Alderson et al. 2023, doi:10.1038/s41586-022-05591-3: this observation.
