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
#     - jwst.linearity.LinearityStep
# ---

# %% [markdown]
# # 05 · Straighten the ramps
#
# You measure how far real ramps bend, let the linearity step straighten them, and find out what keeps them from being
# perfectly straight afterwards.
#
# **You will be able to**
#
# - say why a pixel answers less and less to the same light, and what that does to a transit;
# - read the polynomial that the step applies, and find it for a pixel;
# - test the linearity of a whole detector with one ratio;
# - tell non-linearity from charge migration, and say why one must not be cured with the other's medicine.
#
# **You need** [00 · Start here](00_start_here.ipynb); helpful: [04 · Take out the offsets](04_superbias_refpix.ipynb).
# Words in the [glossary](glossary.md).
#
# **Takes** 20 min to read and try, 30 s to run; 0.9 GB peak memory; 0.8 GB disk.

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
tso.plotting.stage1_map(here="linearity")
plt.show()

# %% [markdown]
# *What to notice:* the step stands after everything that has to do with offsets. It must: what bends is the answer to
# charge, not the bias under it.
#
# ## Why ramps bend
#
# A pixel is a small capacitor. Each electron that light sets free takes away a bit of its voltage, and the voltage is what
# is read. But the capacitance itself grows as the charge comes in, so that **each further electron changes the voltage a
# little less than the one before**. Constant light gives a ramp that flattens, long before the pixel is full.
#
# Take a bright pixel, and draw a straight line through the first third of its ramp:

# %% tags=["before-step"]
example = obs.examples["bright_nonlinear"]
detector, segment = example.detector, example.segment
ramp = obs.after("refpix", detector, segment)
times = tso.ramps.group_times(ramp)
early = max(3, round(len(times) * 0.3))

samples = tso.ramps.pixel_ramp(ramp.data, example.integration, example.row, example.column)
slope, intercept = tso.ramps.fit_first_groups(times, samples, early)
title = f"{detector}, row {example.row}, column {example.column}: a line through its first {early} groups"
ax = tso.plotting.plot_ramp(times, samples, title=title)
ax.plot(times, slope * times + intercept, label="samples: fit")
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# *What to notice:* the samples leave the line slowly, and always downwards. By eye you hardly see it. In numbers:

# %% tags=["before-step"]
below = 100 * (1 - samples[-1] / (slope * times[-1] + intercept))
print(f"last sample: {samples[-1]:.3g} DN, {below:.2g} % below the line")

assert below > 0.5, "this pixel does not bend"

# %% [markdown]
# A few per cent. The atmosphere of a planet changes the light by a few hundredths of a per cent. And the bend depends on
# how bright a pixel is, so it does not cancel when you divide the transit by the star alone.
#
# ## The step
#
# The pipeline knows, for every pixel, the curve from measured to true counts. It is a polynomial $F = c_0 + c_1 m + c_2 m^2 +
# c_3 m^3 + \dots$ of the measured counts $m$ above the bias. The step evaluates it, sample by sample.

# %%
from jwst.linearity import LinearityStep

straight = LinearityStep.call(ramp)
for line in tso.logs.lines(step="linearity"):
    print(line)

# %% [markdown]
# Where is the curve? In the reference file whose name the header of the result notes. The coefficients of our pixel:

# %%
from jwst import datamodels
from jwst.lib.reffile_utils import get_subarray_model
from stpipe import crds_client

path = crds_client.reference_uri_to_cache_path(straight.meta.ref_file.linearity.name, "jwst")
with datamodels.LinearityModel(path) as reference:
    coefficients = get_subarray_model(straight, reference).coeffs[:, example.row, example.column].astype(float)
terms = coefficients[:, None] * samples[-1] ** np.arange(len(coefficients))[:, None]
for power, (coefficient, term) in enumerate(zip(coefficients, terms[:, 0], strict=True)):
    print(f"c{power} = {coefficient:9.3g}   adds {term:9.3g} DN to the last sample")

# %% [markdown]
# The linear term is the measurement itself; the quadratic one does nearly all the work. You can check the step by hand:

# %%
by_hand = np.polynomial.polynomial.polyval(samples.astype(float), coefficients)
after = tso.ramps.pixel_ramp(straight.data, example.integration, example.row, example.column)
print(f"last sample: {by_hand[-1]:.5g} DN by hand, {after[-1]:.5g} DN from the step")

assert np.allclose(by_hand, after, rtol=1e-4)

# %% [markdown]
# **Predict:** draw, before and after, how far each sample lies from a line through the first groups, in per cent. What will
# the curve look like after the step: flat at zero, or not quite? To see it through the noise, take the pixel's median ramp over
# all integrations of the segment.

# %%
deviations = {}
for name, model in (("before", ramp), ("after", straight)):
    typical = np.median(model.data[:, :, example.row, example.column], axis=0)
    line = np.polyval(tso.ramps.fit_first_groups(times, typical, early), times)
    deviations[name] = 100 * (typical / line - 1)

fig, ax = plt.subplots()
for (name, deviation), style in zip(deviations.items(), ("s--", "o-"), strict=True):
    ax.plot(times[1:], deviation[1:], style, label=name)
ax.axhline(0, color="black", linewidth=1)
ax.set(
    xlabel="time since reset (s)",
    ylabel="distance from the line (%)",
    title="The bright pixel, before and after the step",
)
ax.legend()
plt.show()

# %% [markdown]
# *What to notice:* before (squares), a curve that falls steadily, to several per cent. After (circles), it stays close to zero.

# %%
print(f"last sample: {deviations['before'][-1]:.2g} % before, {deviations['after'][-1]:.1g} % after the step")

assert abs(deviations["after"][-1]) < abs(deviations["before"][-1]) / 2

# %% [markdown]
# If you predicted a flat line: from a single pixel you cannot tell yet. To see what remains you need many.
#
# ## One ratio for all pixels
#
# Here is the test. For each pixel and integration, divide the **last** difference between two groups by the **first**. The
# star shines steadily, so the ratio of a straight ramp is 1, however bright the pixel. Draw it against how far up the
# ramp went, the fluence.
#
# **Predict:** which pixels will lie furthest below 1 before the step?


# %%
def ratios(model):
    """Last over first difference and fluence (DN) of all pixels that are not flagged; NaN for the others."""
    ratio, fluence = tso.ramps.linearity_ratio(model.data, model.groupdq, minimum=100)
    return np.where(model.pixeldq == 0, ratio, np.nan), fluence


ratio_before, fluence_before = ratios(ramp)
ratio_after, fluence_after = ratios(straight)
top = 3000 * np.ceil(np.nanpercentile(fluence_after[np.isfinite(ratio_after)], 99.9) / 3000)
edges = np.arange(3000, top + 1, 3000)

# %% [markdown]
# Hundreds of thousands of dots would be one black cloud, so the figure shows how many pixels fall into each small box,
# and the median of each step in fluence with its uncertainty:

# %%
fig, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
tso.plotting.plot_linearity_ratio(fluence_before, ratio_before, ax=axes[0], edges=edges, title="before")
tso.plotting.plot_linearity_ratio(fluence_after, ratio_after, ax=axes[1], edges=edges, title="after")
plt.show()

# %% [markdown]
# *What to notice:* left, the cloud sinks as pixels get brighter: the brightest lose almost a tenth of their sensitivity on the way
# up. Right, it lies close to the dashed line of straight ramps. The cloud is wide on the left of each panel because faint pixels
# are noisy; the medians (dots) are much better known than the cloud is wide.

# %%
_, median_before, sigma_before, number_before = tso.ramps.binned_median(fluence_before, ratio_before, edges)
center, median_after, sigma_after, number = tso.ramps.binned_median(fluence_after, ratio_after, edges)
good = (number_before > 100) & (number > 100)
print("fluence (DN)    before              after")
for i in np.flatnonzero(good):
    values = f"{median_before[i]:.3f} +- {sigma_before[i]:.4f}    {median_after[i]:.3f} +- {sigma_after[i]:.4f}"
    print(f"{1e3 * round(edges[i] / 1e3):6.0f} up        {values}")
bright = np.flatnonzero(good)[-1]

assert abs(median_after[bright] - 1) < 0.3 * abs(median_before[bright] - 1)
assert median_after[bright] > median_before[bright] + 0.02

# %% [markdown]
# The step removes most of the bend. But look at the column "after" from top to bottom: the ratio starts **above** 1 and
# ends **below** it, by several times its uncertainty. A polynomial for each pixel that is a bit wrong would bend
# all ramps the same way, up or down. This is something else.
#
# ## What remains: charge migration
#
# A pixel that is fuller than its neighbour pushes some of its new electrons over. The fuller it gets, and the larger the
# contrast, the more. The bright pixel in the middle of the spectrum loses: its ramp still flattens. The faint pixels beside
# it gain: their ramps **steepen**. That is **charge migration**; in images of stars it makes bright ones look wider (the
# "brighter-fatter" effect). No correction of single pixels can undo it, because it depends on the neighbours.
#
# Is that what you see? For the simulated exposure you can ask. The true ramps, with and without charge migration:

# %%
trends = {}
if obs.truth is not None:
    for name, without in (("with charge migration", ()), ("without", ("charge_migration",))):
        true = obs.truth.noiseless_ramp(detector, segment, 0, without=without)[None]
        ratio, fluence = tso.ramps.linearity_ratio(true, minimum=100)
        trends[name] = tso.ramps.binned_median(fluence, np.where(straight.pixeldq == 0, ratio, np.nan), edges)[:2]
else:
    print("Real data: the truth is not known. Compare with the published brighter-fatter measurements instead.")

# %% [markdown]
# **Predict:** on which of the two curves will the measured medians lie?

# %%
fig, ax = plt.subplots()
for (name, (where, trend)), style in zip(trends.items(), ("-", "--"), strict=False):
    ax.plot(where, trend, style, label=f"truth, {name}")
ax.errorbar(center[good], median_after[good], sigma_after[good], fmt="o", label="measured, after the step")
ax.set(
    xlabel="last minus first group (DN)", ylabel="last / first difference", title=f"{detector}: what remains, and why"
)
ax.legend()
plt.show()

# %% [markdown]
# *What to notice:* the measured points follow the solid curve, the truth with charge migration, from above 1 on the left to
# below 1 on the right. The dashed curve, without it, stays within about two parts in a thousand of 1. The step has done its job; what
# remains is real.

# %%
if trends:
    with_it, without_it = (trend[good] for _, trend in trends.values())
    distance = [np.nanmedian(np.abs(median_after[good] - trend)) for trend in (with_it, without_it)]
    print(
        f"typical distance of the measured medians from the truth: {distance[0]:.1g} with migration, {distance[1]:.1g} without"
    )
    assert distance[0] < 0.5 * distance[1]

# %% [markdown]
# And how close do the corrected ramps come to the true ones, in DN? Compare how far the mean ramp rises, in the bright pixels:

# %%
if obs.truth is not None:
    steps = range(0, ramp.shape[0], max(ramp.shape[0] // 4, 1))
    rise = np.mean([obs.truth.noiseless_ramp(detector, segment, i)[[0, -1]] for i in steps], axis=0)
    rise = rise[1] - rise[0]
    pixels = (straight.pixeldq == 0) & (rise > 0.6 * rise[straight.pixeldq == 0].max())
    error = {}
    for name, model in (("before", ramp), ("after", straight)):
        found = np.median(model.data[list(steps), -1] - model.data[list(steps), 0], axis=0)
        error[name] = 100 * np.median(found[pixels] / rise[pixels] - 1)
        print(f"{name}: {error[name]:.2g} % from the truth, median of {pixels.sum()} bright pixels")
    assert abs(error["after"]) < 0.15 * abs(error["before"])

# %% [markdown]
# ### The charge_migration step
#
# The pipeline has a step of that name. It does not move charge back. It looks for pixels above a threshold and
# **flags** (`CHARGELOSS`, `DO_NOT_USE`) the groups of their ramps from there on, so that the ramp fit uses only the lower part. The four
# pixels at their sides are flagged with them, because they have received the charge. The step was made for
# undersampled images of stars, and is skipped by default elsewhere. `Step.call` runs it all the same:

# %%
from jwst.charge_migration import ChargeMigrationStep

for threshold in (25000, 15000):
    flagged = ChargeMigrationStep.call(straight, signal_threshold=threshold)
    lost = tso.dq.mask(flagged.groupdq, "CHARGELOSS")
    on_trace = lost.any(axis=(0, 1))
    print(f"above {threshold} DN: {100 * lost.mean():.2g} % of all samples flagged, in {on_trace.sum()} pixels")
    del flagged

# %% [markdown]
# A lower threshold flags more. These are few of all samples, but they are the ones with most of the star's light. For a
# time series the sum across the spectrum matters more than each pixel, and charge that moves to a neighbour **stays in the
# sum**. So this series leaves the step out, as the pipeline does for this mode.
#
# ## Tune
#
# There is little to tune: `LinearityStep` has no threshold. What you can replace is the polynomial, with
# `override_linearity`. Scale all terms above the linear one, and look at the brightest bin of the ratio:

# %%
short = obs.after("refpix", detector, segment, integrations=slice(0, 6))


def bright_ratio(scale):
    """Median ratio of the brightest pixels when the bent part of the polynomial is scaled."""
    with datamodels.LinearityModel(path) as reference:
        reference.coeffs = np.concatenate([reference.coeffs[:2], scale * reference.coeffs[2:]])
        model = LinearityStep.call(short, override_linearity=reference)
    ratio, fluence = ratios(model)
    return float(np.nanmedian(ratio[fluence > edges[bright]]))


print(f"no polynomial: {bright_ratio(0):.4g}; the reference: {bright_ratio(1):.4g}")

assert bright_ratio(1) > bright_ratio(0) + 0.02

# %% [markdown]
# The ratio moves where you push it. In an exercise you will push it to 1, and then think about whether that was a good idea.
#
# ## All segments
#
# The step looks at single samples only, so segments are independent. Here are the medians of the brightest pixels of each:

# %%
straight = ratio_before = fluence_before = fluence_after = ratio_after = None  # makes room
for name in obs.detectors:
    for number in obs.segments:
        with obs.after("linearity", name, number) as model:
            ratio, fluence = ratios(model)
        limit = 0.7 * np.nanpercentile(fluence[np.isfinite(ratio)], 99)
        chosen = ratio[fluence > limit]
        print(f"{name} segment {number}: {np.nanmedian(chosen):.3f} for pixels above {1e3 * round(limit / 1e3):.0f} DN")

# %% [markdown]
# The charge migration of NRS2 is weaker in our simulation, and its pixels are fainter: its ratios lie closer to 1.
#
# ## Exercises
#
# ### 1. The transit without the step
#
# The star fills a pixel up to `signal` measured DN. In transit it is fainter by `depth`. If you never corrected for
# non-linearity and simply compared the measured counts: by how many ppm would the transit look too shallow?
#
# <details><summary>Hint</summary>
#
# `true = signal + c2 * signal**2 + c3 * signal**3`. In transit the true counts are `(1 - depth) * true`. Which measured counts
# belong to them? Make a fine grid of measured counts, compute the true ones, and let `np.interp` read the curve backwards.
#
# </details>

# %%
depth, signal = 0.0215, float(samples[-1])
c2, c3 = coefficients[2:4]
answer = None  # your code here

tso.exercises.check("linearity-transit", answer, depth=depth, signal=signal, c2=c2, c3=c3)

# %% tags=["solution"]
grid = np.linspace(0, signal, 2001)
true = grid + c2 * grid**2 + c3 * grid**3
in_transit = np.interp((1 - depth) * true[-1], true, grid)
answer = 1e6 * (depth - (1 - in_transit / signal))
print(f"{answer:.3g} ppm")

assert tso.exercises.check("linearity-transit", answer, depth=depth, signal=signal, c2=c2, c3=c3)

# %% [markdown]
# That is for the last sample, where the bend is largest, and the fitted slope suffers a good part of it. Compare it with the
# features of this planet's spectrum: about a thousand ppm.
#
# ### 2. An experiment: make bright ramps straight
#
# Try several scales of the polynomial with `bright_ratio`. Which one gives the brightest pixels a ratio closest to 1? Before you
# celebrate: what would it do to the faint pixels, whose ratio lies *above* 1 already?
#
# <details><summary>Hint</summary>
#
# `tried = {scale: bright_ratio(scale) for scale in (0.8, 0.9, 1.0, 1.1, 1.2)}`, then look at it. Each scale takes about a second.
#
# </details>

# %%
tried = {1.0: bright_ratio(1.0)}  # try more
answer = None  # your code here: the scale

tso.exercises.check("linearity-scale", answer, ratios=tried)

# %% tags=["solution"]
tried = {scale: bright_ratio(scale) for scale in (0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2)}
for scale, ratio in tried.items():
    print(f"{scale:.2f}: {ratio:.4f}")
answer = min(tried, key=lambda scale: abs(tried[scale] - 1))

assert tso.exercises.check("linearity-scale", answer, ratios=tried)

# %% [markdown]
# ## Recap
#
# - A pixel's capacitance grows as it fills, so its ramp flattens; a bright pixel ends a few per cent below a straight line, and a transit in
#   uncorrected counts is too shallow.
# - The step evaluates one polynomial per pixel, from the reference file that the header names, on counts above the bias.
# - The last difference over the first, against fluence, tests all pixels at once: straight ramps have the ratio 1.
# - What remains has both signs: bright pixels lose charge, their neighbours gain it. That is charge migration, and bending the
#   polynomial until bright ramps look straight makes the neighbours worse.
#
# ## On real data
#
# Everything runs as it stands. There is no true curve to compare with, and a real polynomial has more terms (up to fifth order) and
# errors of its own, which are not the same for all pixels. With 70 groups the first and last differences span 0.9 s instead of 4.5 s, and the ratio
# of one pixel is noisier; there are nine times as many integrations to make up for it. The strength of the charge migration is our choice in
# the simulation, made so that the ratios come out as in the published lesson on these data.
#
# ## Next
#
# [06 · Subtract the dark, or leave it](06_dark_current.ipynb).
#
# ## References
#
# - The step: [linearity](https://jwst-pipeline.readthedocs.io/en/latest/jwst/linearity/index.html),
#   and [charge_migration](https://jwst-pipeline.readthedocs.io/en/latest/jwst/charge_migration/index.html), in the pipeline's documentation.
# - This observation: Alderson et al. 2023, [doi:10.1038/s41586-022-05591-3](https://doi.org/10.1038/s41586-022-05591-3).
