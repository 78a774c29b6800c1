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
#     - jwst.jump.JumpStep
# ---

# %% [markdown]
# # 08 · Find the jumps
#
# You find the samples that cosmic rays have spoilt, see how the pipeline decides, check its flags against the list of true
# hits, and weigh what a flag costs against what a missed hit costs.
#
# **You will be able to**
#
# - recognise a cosmic ray in a ramp and say what `jump` compares with what;
# - tell from the log which of its two methods has run, and what decides on that;
# - give a jump rate together with its denominator, and say where the flags come from;
# - choose `rejection_threshold` by completeness and false positives;
# - put numbers on lost samples and on missed hits, in ramps and in light curves.
#
# **You need** [00 · Start here](00_start_here.ipynb) and [02 · data-quality flags](02_dq_init.ipynb); helpful:
# [07 · 1/f noise](07_one_over_f.ipynb). Words in the [glossary](glossary.md).
#
# **Takes** 45 min to read and try, 60 s to run; 1.3 GB peak memory; 1 GB disk.

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
tso.plotting.stage1_map(here="jump")
plt.show()

# %% [markdown]
# *What to notice:* the marked box, `jump`, comes after every correction and before `ramp_fit`. By now the ramps are straight
# and their stripes are gone. What still jumps should be real. And the fit that follows must know which samples to trust.
#
# ## The effect: a step in the ramp
#
# A **cosmic ray** is a fast particle, mostly a proton. On its way through the detector it sets free some thousand electrons,
# in no time, in a few pixels. The pixel keeps them until the next reset. So a hit is a **step** in the ramp: all later
# samples are too high by the same amount. The slope before and after the step is still the star's.
#
# The worked example is a pixel close to the spectrum. You take at most 18 integrations around it (a simulated segment of lesson
# size has no more), after the 1/f correction of lesson 07.

# %%
example = obs.examples["clean_jump"]
detector, segment, row, column, group = (example.detector, example.segment, example.row, example.column, example.group)
total = obs.shape(detector, segment)[0]
first = max(0, min(example.integration - 9, total - 18))
ramp = obs.after("one_over_f", detector, segment, integrations=slice(first, first + 18))
hit = example.integration - first  # the integration of the example, counted within `ramp`
print(f"{detector}: {' x '.join(map(str, ramp.data.shape))} (integrations x groups x rows x columns)")
print(f"pixel ({row}, {column}), integration {example.integration} of segment {segment}, group {group}")

# %% [markdown]
# The ramp of that pixel in this integration, in the one before and in the one after. Each starts from its own first sample,
# because every reset leaves another level behind.

# %%
times = tso.ramps.group_times(ramp)
fig, ax = plt.subplots(figsize=(8.5, 3.6), layout="constrained")
for k in (hit - 1, hit, hit + 1):
    samples = tso.ramps.pixel_ramp(ramp.data, k, row, column)
    tso.plotting.plot_ramp(
        times,
        samples - samples[0],
        ax=ax,
        label=f"integration {first + k}",
        title=f"{detector}, pixel ({row}, {column})",
    )
ax.set_ylabel("signal since the first group (DN)")
plt.show()

# %% [markdown]
# *What to notice:* three ramps climb at the same pace. The squares, the integration in the middle, leave the others between one
# group and the next, go up by a few thousand DN, and then run parallel to them until the end.
#
# Where in the picture is it? Subtract neighbouring groups: what remains is what arrived in between. From that, subtract
# what typically arrives in each pixel (the median of all its differences).

# %%
box = (slice(row - 6, row + 7), slice(column - 10, column + 11))
differences = tso.ramps.group_differences(ramp.data[:, :, box[0], box[1]])
unusual = differences[:, group - 1] - np.median(differences, axis=(0, 1))
stamps = {f"integration {first + k}": unusual[k] for k in (hit - 1, hit, hit + 1)}
tso.plotting.show_stamps(
    stamps, (row, column), corner=(row - 6, column - 10), label="unusual charge (DN)", limits=(-100, 400)
)
plt.show()

# %% [markdown]
# *What to notice:* noise on the left and on the right, stronger in the upper rows, where the spectrum begins. In the middle panel one
# pixel shines inside the ring. There is no hit at this place one integration earlier or later. This example was planted in the
# centre of a pixel; most hits cross several pixels or share their charge between neighbours.
#
# And what do the flags say so far?

# %% tags=["before-step"]
for k in (hit - 1, hit, hit + 1):
    names = sorted({name for flags in tso.dq.at(ramp.groupdq, k, row, column) for name in flags})
    print(f"integration {first + k}: flags in any group: {', '.join(names) or 'none'}")
assert not tso.dq.mask(ramp.groupdq, "JUMP_DET").any(), "nothing has looked for jumps yet"

# %% [markdown]
# Nothing. The pixel is nowhere near saturation, so no earlier step has noticed.
#
# ## How the step decides
#
# There are two methods. The first is the **two-point difference** (Anderson & Gordon 2011). For every pixel:
#
# 1. take the differences between neighbouring groups;
# 2. take their median. In the pipeline of today that is the median over all groups **and all integrations** of the ramp it is
#    given, so that a single hit cannot move it;
# 3. work out how much a difference should scatter: photon noise of the median, and read noise, added in squares (in electrons,
#    so the gain is needed as well);
# 4. flag a sample when its difference is off by more than `rejection_threshold` (4) standard deviations, up **or down**.
#
# A pixel that exceeds 10 standard deviations has its four direct neighbours flagged with it, because charge seldom stops at the
# border of a pixel. (A ramp with fewer than 10 differences is treated a little differently: one jump at a time, and by the sizes of
# the differences, whatever their sign.)
#
# The step needs two reference files, gain and read noise. Do steps 1 to 3 by hand; `tso.jumps.significance` is this
# formula for all pixels at once.
#
# **Predict:** by how many standard deviations does the hit stand out: 5, 50, or 500?

# %%
from jwst.jump import JumpStep
from jwst.lib.reffile_utils import get_subarray_model
from stdatamodels.jwst import datamodels

maps = {}
for kind, model in (("gain", datamodels.GainModel), ("readnoise", datamodels.ReadnoiseModel)):
    with model(JumpStep().get_reference_file(ramp, kind)) as reference:
        maps[kind] = get_subarray_model(ramp, reference).data
unusable = tso.dq.mask(ramp.groupdq, "SATURATED") | tso.dq.mask(ramp.groupdq, "DO_NOT_USE")
significance = tso.jumps.significance(ramp.data, maps["gain"], maps["readnoise"], unusable)
print(f"{significance[hit, group, row, column]:.3g} standard deviations")

# %% [markdown]
# All differences of the pixel in the three integrations:

# %%
series = {f"integration {first + k}": significance[k, :, row, column] for k in (hit - 1, hit, hit + 1)}
tso.plotting.plot_significance(series, threshold=4, title=f"pixel ({row}, {column})")
plt.show()

# %% [markdown]
# *What to notice:* all points but one lie inside the grey band of ±4 standard deviations. One square is far above it: note
# that the scale is logarithmic outside the band. If you said 5, you thought of a *barely* detectable hit: a typical
# one leaves thousands of electrons, while the noise of a difference is some tens.
#
# ## Run it
#
# **Predict:** which share of all samples will be flagged: one in ten, one in a hundred, or one in a thousand? Do you expect all of
# them to be cosmic rays?

# %%
flagged = JumpStep.call(ramp)
print(*tso.logs.lines(step="jump", contains=("threshold", "two-point", "sigma clip")), sep="\n")

# %% [markdown]
# The log names the method. The flags of the worked example, group by group, before and after the step:

# %%
for k in (hit - 1, hit, hit + 1):
    found = [g for g, names in enumerate(tso.dq.at(flagged.groupdq, k, row, column)) if "JUMP_DET" in names]
    print(f"integration {first + k}: JUMP_DET in group(s) {', '.join(map(str, found)) or 'none'}")
assert "JUMP_DET" in tso.dq.at(flagged.groupdq, hit, row, column)[group], "the hit must be found"

# %% [markdown]
# One flag, in the **first group that contains the charge**. Not in the later ones: they are as good as before, if one doesn't
# compare them across the step. Here is the ramp with its flags:

# %%
samples = tso.ramps.pixel_ramp(flagged.data, hit, row, column)
flags = tso.dq.at(flagged.groupdq, hit, row, column)
ax = tso.plotting.plot_ramp(times, samples, title=f"integration {first + hit}, pixel ({row}, {column})")
tso.plotting.mark_flags(times, flags, ax)
plt.show()

# %% [markdown]
# *What to notice:* below the samples, a single mark stands under the first sample after the step, and the axis on the right names
# it: JUMP_DET.
#
# ### What the fit makes of it
#
# `ramp_fit` cuts the ramp at the flag, fits a slope to either piece, and averages the slopes. Fit the three
# integrations twice: from the ramps with flags and from those without. (The fit itself is the subject of
# [lesson 09](09_ramp_fitting.ipynb).)

# %%
from jwst.ramp_fitting import RampFitStep

near = slice(hit - 1, hit + 2)
fits = {
    name: RampFitStep.call(tso.detector1.cut(model, integrations=near))[1]
    for name, model in (("with flags", flagged), ("without", ramp))
}
for name, rates in fits.items():
    values = zip(rates.data[:, row, column], rates.err[:, row, column], strict=True)
    print(f"{name:10}: " + ",  ".join(f"{rate:6.1f} ± {error:.1f}" for rate, error in values) + "  DN/s")

# %% [markdown]
# The **slopes agree** when the flag is there, and one of them is far off when it isn't. Now the intercepts: draw a line with
# the fitted slope through the samples before the step and through those after it. Where do the lines meet time zero?

# %%
slopes = fits["with flags"].data[:, row, column]
for k, slope in zip(range(hit - 1, hit + 2), slopes, strict=True):
    samples = tso.ramps.pixel_ramp(ramp.data, k, row, column)
    before, after = [np.mean(samples[part] - slope * times[part]) for part in (slice(0, group), slice(group, None))]
    print(f"integration {first + k}: intercept {before:7.0f} DN before the group, {after:7.0f} DN after it")

# %% [markdown]
# The **intercepts differ**: by a few tens of DN between the integrations, because each reset leaves another charge behind, and by
# thousands of DN within the integration that was hit. That difference is the charge of the cosmic ray. Nobody minds an intercept: the
# slope is the measurement.


# %%
def pull(rates):
    """How far the slope of the hit integration lies from the mean of its neighbours, in standard deviations."""
    value, error = rates.data[:, row, column], rates.err[:, row, column]
    return (value[1] - (value[0] + value[2]) / 2) / np.hypot(error[1], np.hypot(error[0], error[2]) / 2)


print(f"deviation {pull(fits['with flags']):.2f} σ with flags, {pull(fits['without']):.0f} σ without")
assert abs(pull(fits["with flags"])) < 5 < abs(pull(fits["without"])), "the flag must save the slope"

# %% [markdown]
# ## Measure: how many, and of how many
#
# A sample counts as a new jump when it has JUMP_DET after the step and did not have it before. A *rate* needs a
# denominator, and papers differ in it. Here it is the number of chances in one integration: groups × rows × columns. The first
# group can never be flagged, because no difference ends there; without it the denominator is smaller and the rate larger.

# %%
counts = tso.jumps.jumps_per_integration(ramp.groupdq, flagged.groupdq)
chances = tso.jumps.opportunities(ramp.data.shape)
fewer = tso.jumps.opportunities(ramp.data.shape, differences=True)
typical = np.median(counts)
print(f"{typical:.0f} flagged samples per integration (median)")
print(f"of {' x '.join(map(str, ramp.data.shape[1:]))} = {chances:,} samples: {100 * typical / chances:.3f} %")
print(f"of {fewer:,} differences: {100 * typical / fewer:.3f} %")
assert 2e-4 < typical / chances < 1e-2, "about one sample in a thousand is flagged"

# %% [markdown]
# In one figure, integration by integration:

# %%
tso.plotting.plot_jumps_per_integration(counts, chances, first=first, title=f"{detector}, segment {segment}")
plt.show()

# %% [markdown]
# *What to notice:* the points scatter about the line of their median, without a trend; the axis on the right gives the same
# numbers in per cent. A cosmic-ray rate would not change within hours either, unless the Sun has something to say.
#
# If you said one in a thousand, you were right about the number. Now for the second half of the question.
#
# ## Compare with the truth: where do the flags come from?
#
# In the simulation each hit is known: its pixels, its time and its charge. Each flag is put down to the first cause that
# applies: a **true hit** (50 electrons or more in that pixel and group); a **neighbour** of one; a **telegraph pixel**, whose
# dark level flips to and fro, mostly by some tens of electrons, in a few pixels by hundreds; and **excess noise**, which is all the rest.

# %%
new = tso.jumps.new_flags(ramp.groupdq, flagged.groupdq)
hits = telegraph = None
if obs.truth is None:
    print("Real data: nobody has a list of the true hits. Exercise 1 shows what can be said without one.")
else:
    hits = obs.truth.hits(detector, segment)
    hits["integration"] -= first
    telegraph = obs.truth.telegraph_pixels(detector)
    causes = tso.jumps.breakdown(new, hits, telegraph)
    tso.plotting.plot_breakdown({"two-point difference, 4 σ": causes}, per=len(new))
    assert causes["count"][:2].sum() > 100 * len(new), "hits and their neighbours: hundreds per integration"
    plt.show()

# %% [markdown]
# *What to notice:* four bars of comparable height. Hits and their neighbours together explain only part of the flags, less than half
# at the default threshold in the default exposure. Telegraph pixels make one of the highest bars although only one pixel in a hundred is
# one. Their jumps are real, but they come from the detector, not from space. (With real data there is no figure.)
#
# What is the excess noise? Look at the flagged samples outside the first three groups of causes, and at what their own
# difference says:

# %%
if hits is not None:
    quiet = ~np.broadcast_to(telegraph, new.shape)
    struck = np.zeros(new.shape, dtype=bool)
    inside = (hits["integration"] >= 0) & (hits["integration"] < len(new))
    struck[tuple(hits[name][inside] for name in ("integration", "group", "row", "column"))] = True
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        quiet &= ~np.roll(struck, (down, right), (2, 3))
    rest = new & quiet & ~struck
    up, down = [np.count_nonzero(rest & (sign * significance > 4)) / len(new) for sign in (1, -1)]
    print(f"excess: {rest.sum() / len(new):.0f} per integration, of which {up:.0f} above +4 σ, {down:.0f} below -4 σ,")
    print(f"{rest.sum() / len(new) - up - down:.0f} within ±4 σ: flagged only because a neighbour was")
    assert min(up, down) > 0, "noise goes both ways"

# %% [markdown]
# About as many go down as up: no cosmic ray takes charge away, so this is **noise**. Others did not exceed the threshold at
# all; they lie beside a telegraph pixel or a noise peak that exceeded 10 σ. How much noise would one expect beyond 4 σ? For
# a normal distribution:

# %%
from scipy.stats import norm

background = tso.trace.background(ramp)
quiet = struck = rest = None  # no longer needed
expected = 0
for name, region in (("background", background), ("near the spectrum", ~background)):
    scale = mad_std(significance[:, 1:, region], ignore_nan=True)
    expected += 2 * norm.sf(4 / scale) * significance[0, 1:, region].size
    print(f"{name:18}: noise is {scale:.2f} times what the step assumes")
print(
    f"expected beyond ±4 σ: {2 * norm.sf(4) * significance[0, 1:].size:.0f} per integration if that were 1.00 "
    f"everywhere, {expected:.0f} as it is"
)

# %% [markdown]
# So the threshold of 4 is not really 4. Near the spectrum, the noise is some per cent larger than the READNOISE reference
# and the photons account for, because the column correction of lesson 07 has few pixels to work with there and adds noise of its own. In the
# tail of the distribution a few per cent make a large difference. The rest comes from the fact that the noise is not the
# same everywhere: a mixture of normal distributions has more tail than one of them.
#
# ## Tune it: `rejection_threshold`
#
# The threshold trades completeness for purity. Time-series teams often use 10, or 15, instead of 4. Try three values. For
# later, keep the flags and the rates that `ramp_fit` makes of each.
#
# **Predict:** from 4 to 10, how many of the true hits do you lose, and how many of the false flags do you get rid of?

# %%
thresholds = (4, 10, 30)
fit = RampFitStep.call(ramp)[1]
flags, errors, rates = {}, {"no step": fit.err}, {"no step": tso.rates.fill_bad(fit)}
for threshold in thresholds:
    result = flagged if threshold == 4 else JumpStep.call(ramp, rejection_threshold=threshold)
    fit = RampFitStep.call(result)[1]
    flags[threshold] = tso.jumps.new_flags(ramp.groupdq, result.groupdq)
    errors[f"{threshold} σ"], rates[f"{threshold} σ"] = fit.err, tso.rates.fill_bad(fit)
    print(f"threshold {threshold:2}: {100 * flags[threshold].mean():.3f} % of the samples are flagged")
del result, fit

# %% [markdown]
# **Completeness** is the share of true hits that are flagged, as a function of the charge that the hit left in the pixel. Saturated
# samples don't count: they are flagged as saturated, and a jump is not asked for.

# %%
if hits is not None:
    fig, ax = plt.subplots(figsize=(8.5, 3.6), layout="constrained")
    edges = np.geomspace(20, 20_000, 10)
    found = {threshold: tso.jumps.completeness(flags[threshold], hits, edges, ~unusable) for threshold in thresholds}
    for threshold, table in found.items():
        tso.plotting.plot_completeness(table, ax=ax, label=f"threshold {threshold} σ")
    ax.legend(loc="lower right")
    strong = found[4]["low"] > 300
    share = found[4]["found"][strong].sum() / found[4]["hits"][strong].sum()
    print(f"threshold 4: {100 * share:.1f} % of the hits of more than 300 electrons are found")
    assert share > 0.9, "strong hits are found"
    plt.show()

# %% [markdown]
# *What to notice:* all three curves are near 100 % for hits of a thousand electrons or more, whatever the threshold. To the
# left they fall apart: the higher the threshold, the earlier the curve drops. It does not drop to zero, since the weakest charges are
# mostly the outskirts of a strong hit and are flagged with it, as neighbours.
#
# Now purity: the flags that no hit explains, per integration. Telegraph pixels count among them here.

# %%
if hits is not None:
    false = np.array([tso.jumps.false_positives(flags[threshold], hits)[0] for threshold in thresholds]) / len(new)
    tables = [tso.jumps.breakdown(flags[threshold], hits) for threshold in thresholds]
    true = np.array([table["count"][:2].sum() for table in tables]) / len(new)
    tso.plotting.plot_threshold_scan(
        thresholds,
        {"hits and neighbours": true, "no hit explains them": false},
        ylabel="flagged samples per integration",
    )
    for threshold, good, bad in zip(thresholds, true, false, strict=True):
        print(f"threshold {threshold:2}: {good:4.0f} explained by hits, {bad:4.0f} not")
    assert false[1] / false[0] < 0.4 < true[1] / true[0], "10 gets rid of the false ones, not of the true"
    plt.show()

# %% [markdown]
# *What to notice:* from 4 to 10 the squares (no hit) fall steeply, the circles (hits) only a little. That is why 10 is a
# popular choice. From 10 to 30 both fall. The flags beyond 10 σ that no hit explains are the telegraph pixels with the largest steps, and
# their neighbours.
#
# ## Few groups
#
# Bright stars saturate soon, so their ramps have few groups, sometimes three or four. Does the step still work? Keep four or five of
# the groups of your ramps, evenly spread, so that the exposure lasts about as long as before. Give the step all integrations
# together, and then each of three alone, as in an exposure of a single integration.
#
# **Predict:** will it miss more of the weak hits, more of the strong ones, or neither? Will it flag more noise, or less?


# %%
def found_in(model, moved, which, step):
    """Share (%) of weak and strong hits found, and flags that no hit explains, per integration."""
    where = tso.jumps.new_flags(model.groupdq, JumpStep.call(model).groupdq)
    table = tso.jumps.completeness(where, moved, [100, 400, 50_000], ~unusable[which, ::step])
    return *(100 * table["fraction"]), tso.jumps.false_positives(where, moved)[0] / len(where)


spread = -(-ramp.data.shape[1] // 4)
print("groups  integrations  hits of 100-400 e-  above 400 e-  flags without a hit")
for step in (1, spread) if hits is not None else ():
    few, moved = tso.detector1.cut(ramp, groups=slice(None, None, step)), hits[inside]
    moved["group"] = -(-moved["group"] // step)  # the next group that is kept contains the charge
    results = {f"all {len(ramp.data)}": found_in(few, moved, slice(None), step)}
    alone = []
    for k in (hit - 1, hit, hit + 1):
        own = moved[moved["integration"] == k]
        own["integration"] = 0
        one = tso.detector1.cut(few, integrations=slice(k, k + 1))
        alone.append(found_in(one, own, slice(k, k + 1), step))
    results["1 at a time"] = np.mean(alone, axis=0)
    for name, (weak, strong, false) in results.items():
        print(f"{few.data.shape[1]:6}  {name:12} {weak:16.1f} % {strong:11.1f} % {false:20.0f}")

# %% [markdown]
# Strong hits are found even with four groups. Weak ones get lost first: each difference now collects several times as much
# light, so it has more noise for a hit to hide in. Flags without a hit become fewer, because there are fewer differences to
# exceed the threshold, and because sizes of differences, which the step compares when there are fewer than 10, exceed it more
# rarely. An integration alone has only the median of its own few differences to compare with, which is noisy itself.
#
# What gets worse is the price. How much does a single flag add to the error of its ramp?

# %%
few = tso.detector1.cut(ramp, groups=slice(None, None, spread))
few_flagged = JumpStep.call(few)
few_errors = [RampFitStep.call(model)[1].err for model in (few_flagged, few)]
cases = {
    ramp.data.shape[1]: (new, errors["4 σ"], errors["no step"]),
    few.data.shape[1]: (tso.jumps.new_flags(few.groupdq, few_flagged.groupdq), *few_errors),
}
for count, (where, with_flag, without) in cases.items():
    once = (where.sum(axis=1) == 1) & (without > 0)
    cost = np.nanmedian(with_flag[once] / without[once])
    print(f"{count:2} groups: one flag makes the error {cost:.2f} times as large (median)")
    assert cost > 1.02, "a flag costs precision"
del few, few_flagged, few_errors, cases

# %% [markdown]
# With three differences, one flag takes a third of the ramp, and two hits in a ramp leave next to nothing. With two groups there
# is only one difference and nothing to compare it with: the step refuses. So for detecting jumps, and for living with
# them, one wants more than about five groups. (For exposures of one integration there are special thresholds for three and four groups. They
# hardly ever apply to a time series: the step counts the differences of all integrations together.)
#
# ## The other method: clip across integrations
#
# The log said "two-point difference" because the ramp has few integrations. When it has **100 or more** (`minimum_sigclip_groups`), the
# step works in another way: for each pixel and group, it takes the differences of *all integrations*, and clips those that
# are off by more than 4 times **their own scatter** (`astropy.stats.sigma_clip`). Each segment of the real observation
# has 155 integrations, so it is treated like this without anybody asking.
#
# To see it run you need a ramp of more than 100 integrations that fits into memory: many integrations, few columns. The cell
# simulates one, from the same star and the same detector: 110 integrations spread over the night, 256 columns around the
# example. It leaves out 1/f noise and offsets, which would have to be removed first, and could not be without reference pixels
# in the window. With real data, the columns are cut from the first 110 integrations.

# %%
from dataclasses import replace

start = min(max(column - 128, 0), ramp.data.shape[3] - 256)
if obs.truth is None:
    window = slice(start, start + 256)
    long = tso.detector1.cut(obs.after("dark_current", detector, segment, integrations=slice(0, 110)), columns=window)
else:
    recipe = obs.truth.recipe
    recipe = replace(
        recipe,
        integrations=(110,),
        detectors=(detector,),
        columns=(start, start + 256),
        plant=(),
        without=recipe.without | {"one_over_f", "pedestal", "odd_even", "ktc"},
    )
    night = tso.open_observation(recipe)
    long = night.after("dark_current", detector)
print(f"{' x '.join(map(str, long.data.shape))} (integrations x groups x rows x columns)")

# %% [markdown]
# Run the step on it as it is, then with a limit for the number of integrations that it doesn't reach. The log tells which method ran. Mind that the line
# "Executing two-point difference method" appears in **both** cases, and is followed by another one when the step clips.


# %%
def method():
    """Which method the latest run of the step has used, from its log."""
    found = [line.strip() for line in tso.logs.lines(step="jump", contains="using sigma clip")]
    return found[0] if found else "no line about sigma clip: two-point difference"


clipped = JumpStep.call(long)
print("as it is:                   ", method())
two_point = JumpStep.call(long, minimum_sigclip_groups=1000)
print("minimum_sigclip_groups=1000:", method())

# %% [markdown]
# ("1540" or the like in the log is the number of integrations × groups; what is compared with 100 is the number of integrations.)
#
# **Predict:** both use a threshold of 4 standard deviations. Which one flags more telegraph pixels, and why?

# %%
by_method = {
    "two-point difference": tso.jumps.new_flags(long.groupdq, two_point.groupdq),
    "clipped across integrations": tso.jumps.new_flags(long.groupdq, clipped.groupdq),
}
for name, found in by_method.items():
    print(f"{name:28}: {100 * found.mean():.3f} % of the samples")
assert 0 < by_method["clipped across integrations"].mean() < by_method["two-point difference"].mean()

# %% [markdown]
# And where they come from:

# %%
if obs.truth is not None:
    truth = night.truth
    args = truth.hits(detector, 1), truth.telegraph_pixels(detector)
    tables = {name: tso.jumps.breakdown(found, *args) for name, found in by_method.items()}
    tso.plotting.plot_breakdown(tables, per=len(long.data), title=f"{len(long.data)} integrations, 256 columns, 4 σ")
    a, b = (table["count"] for table in tables.values())
    assert (b[2] + b[3]) / (a[2] + a[3]) < 0.5 < b[0] / a[0], "the same hits, with fewer false flags"
    plt.show()

# %% [markdown]
# *What to notice:* in the two groups of bars on the left both methods are equally high: they find the same hits and the same
# neighbours. In the two groups on the right the hatched bars, clipping, nearly vanish. (With real data there is no figure.)
#
# Clipping measures the noise of each pixel from the pixel itself. A telegraph pixel jumps all the time, so for such a
# pixel a jump is nothing unusual, and noise above the READNOISE reference is known as well. The price: **everything** that
# makes the integrations differ counts as noise, the transit too. Compare the scatter across integrations with the
# noise that the two-point method works with:

# %%
change = np.diff(long.data, axis=1)
middle = np.median(change, axis=(0, 1))
cut = slice(start, start + 256)
assumed = np.sqrt(np.abs(middle) / maps["gain"][:, cut] + maps["readnoise"][:, cut] ** 2)
change -= np.median(change, axis=0)
seen = np.median(mad_std(change, axis=0), axis=0)
bright = middle > np.percentile(middle, 98)
print(
    f"scatter across integrations / assumed noise: {np.median(seen / assumed):.2f} in a typical pixel, "
    f"{np.median((seen / assumed)[bright]):.2f} in the brightest 2 %"
)
del change

# %% [markdown]
# In the brightest pixels the number is larger, because the transit and the drifts of the telescope count as noise there: their
# threshold is higher than 4 times the true noise. Which segment an integration is in thus decides, a little, which of its hits
# are found.
#
# ## Several processes: `maximum_cores`
#
# At full size the step takes minutes. `maximum_cores` spreads it over processes, each with a strip of rows: a number as
# a string (`"2"`), `"quarter"`, `"half"` or `"all"`. Each process starts Python anew and imports what it needs, and each
# gets a copy of its strip. For a small ramp that takes longer than the work itself. The flags must not depend on it:

# %%
piece = tso.detector1.cut(long, columns=slice(0, 64))
alone, together = (JumpStep.call(piece, maximum_cores=cores) for cores in ("1", "2"))
same = np.array_equal(alone.groupdq, together.groupdq)
number = np.count_nonzero(tso.dq.mask(together.groupdq, "JUMP_DET"))
print(f"{number} flags with two processes; the same as with one: {same}")
assert same * number > 0, "processes change the time, not the flags"

# %% [markdown]
# One thing does change: what the workers log is lost. The line about sigma clipping no longer appears, although the
# step clips. Put `%time` before a call to see what several processes gain on your machine; in a script, the call must stand under
# `if __name__ == "__main__":`, or the new processes start it again.
#
# ## What flags cost, and what misses cost
#
# ### Flags cost samples
#
# A flag takes one difference out of a ramp. How many ramps (pixels in one integration) are concerned, and how much larger is their error?

# %%
long = clipped = two_point = by_method = piece = alone = together = None  # no longer needed
touched = new.any(axis=1) & (errors["no step"] > 0)
aperture = ~tso.trace.background(ramp, half_width=5) & ~tso.dq.mask(ramp.pixeldq, "REFERENCE_PIXEL")
print(f"{100 * new.mean():.2f} % of the samples, but {100 * touched.mean():.1f} % of the ramps have a flag")
for name, chosen in (("all of them", touched), ("within 5 rows of the spectrum", touched & aperture)):
    ratio = np.nanmedian(errors["4 σ"][chosen] / errors["no step"][chosen])
    print(f"error of a ramp with a flag, {name}: {ratio:.2f} times as large")
    assert ratio > 1.02, "flags cost precision"

# %% [markdown]
# Where read noise dominates, a step in mid-ramp costs most, because the long lever between first and last group is lost.
# Near the spectrum, where photons dominate, it costs about the share of the time that was lost. Few ramps pay this price: the
# light of an integration comes from thousands of pixels.
#
# ### Misses cost outliers
#
# What is not flagged ends up in the slope. Add up the rates within 5 rows of the spectrum, without the step and with it. The
# excess should be the charge of the cosmic rays in these pixels, which the truth knows. Columns with a saturated pixel are left
# out of both: a saturated pixel has lost some of that charge, and the fit stops where it begins.

# %%
clean = aperture & ~tso.dq.mask(flagged.groupdq, "SATURATED").any(axis=(1, 2))[:, np.newaxis]
excess = np.where(clean, rates["no step"] - rates["4 σ"], 0).sum(axis=(1, 2), dtype=float)
flux = np.where(aperture, rates["4 σ"], 0).sum(axis=(1, 2), dtype=float).mean()
print(
    f"hits add {1e6 * excess.mean() / flux:.0f} ppm to the white light on average, "
    f"and {1e6 * excess.std() / flux:.0f} ppm of scatter"
)
assert np.all(excess > 0), "cosmic rays only add"
if hits is not None:
    late = hits[inside & (hits["group"] > 0)]
    late = late[clean[late["integration"], late["row"], late["column"]]]
    charge = np.bincount(late["integration"], late["electrons"], len(excess)) / obs.truth.gain(detector)
    charge /= np.ptp(times)  # DN/s, if every hit were spread evenly over the ramp
    ax = tso.plotting.plot_agreement(
        charge, excess, xlabel="charge of the true hits / ramp time (DN/s)", ylabel="light that the step removes (DN/s)"
    )
    ax.lines[0].set(markersize=10, label="one integration")
    ax.legend()
    plt.show()

# %% [markdown]
# *What to notice:* the points lie along the line of equality, with some scatter: a hit in mid-ramp weighs more in the slope than
# one near the ends. (With real data there is no figure.)
#
# A transit spectrum is made of narrower light curves, and in these a single hit is a disaster. Make one light curve per column,
# and ask how far each point lies from the median of its column.


# %%
def deviations(rate):
    """Deviation of each integration in each column's light curve, in standard deviations."""
    curves = np.where(aperture, rate, 0).sum(axis=1)[:, aperture.any(axis=0)]
    curves = curves / np.median(curves, axis=1, keepdims=True)  # what all columns share: the star, the transit
    curves = curves - np.median(curves, axis=0)
    return curves / mad_std(curves, axis=0)


off = {name: deviations(rate) for name, rate in rates.items()}
tso.plotting.plot_outliers({name: off[name] for name in ("no step", "4 σ")}, title="light curves of single columns")
plt.show()

# %% [markdown]
# *What to notice:* between -5 and 5 (shaded) the two curves nearly lie on one another: that is noise. On the right, the
# solid line, without the step, goes on at a low level to the very end of the scale, where the last bin holds everything beyond. With the
# step (dashed) this tail is gone but for a few points. On the left there is hardly anything: hits only add.
#
# And the thresholds? Count the points more than 5 σ above the median, and measure the scatter of the white light. In the
# simulation it is taken about the true light curve, otherwise from point to point.

# %%
true_light = None
if obs.truth is not None:
    places = [(detector, segment, first + k) for k in range(len(ramp.data))]
    true_light = np.array([obs.truth.rate(*place)[aperture].sum() for place in places])
for name, rate in rates.items():
    white = np.where(aperture, rate, 0).sum(axis=(1, 2), dtype=float)
    ppm = tso.light_curve.scatter_ppm(white) if true_light is None else 1e6 * np.std(white / true_light)
    print(
        f"{name:8}: {np.count_nonzero(off[name] > 5):4} outliers among {off[name].size:,} points, "
        f"white light scatters by {ppm:.0f} ppm"
    )
assert np.count_nonzero(off["no step"] > 5) > 2 * np.count_nonzero(off["4 σ"] > 5), "the step removes outliers"

# %% [markdown]
# That is the trade in numbers. Without the step, single columns are full of outliers and the white light scatters visibly more.
# With it, the light curves hardly depend on the threshold: false flags cost little, and what a high threshold misses is weak. Between
# "too many flags" and "too few" there is a wide, flat optimum; that is why teams can choose 4, 10 or 15 and all
# publish good spectra. What remains they clip from the light curves.
#
# ## All segments, both detectors, and products on disk
#
# `obs.after("jump", ...)` runs all steps up to this one on a segment. One segment is in memory at a time.

# %%
ramp = rates = off = errors = flags = None  # no longer needed
print("detector segment  flagged per integration    % of samples")
for name in obs.detectors:
    for number in obs.segments:
        done = obs.after("jump", name, number)
        share = tso.dq.mask(done.groupdq, "JUMP_DET").mean()
        chances = tso.jumps.opportunities(done.data.shape)
        print(f"{name:8} {number:7} {share * chances:24.0f} {100 * share:15.3f}")
        done.close()
        del done

# %% [markdown]
# The two detectors lie in the same rain of particles and are much alike.
#
# `obs.after` keeps what it computes. With your own scripts you do that yourself: **save the product, and
# load it when it is there.** `tso.products.save` writes under another name first and renames what is complete, so that an interrupted run
# leaves no half file behind. It also writes into the header what the product was made of (`obs.identity`): the file and how many of its
# integrations, the parameters, the versions. `is_current` compares that, so that neither a part of a segment nor the result of an old version
# passes for what you want now.

# %%
whole = slice(0, len(flagged.data))
made_of = obs.identity(detector, segment, whole, parameters={"jump": {"rejection_threshold": 4.0}})
product = obs.outputs / tso.products.name_of(obs.uncal(detector, segment), "jump-4-sigma", whole)
if not tso.products.is_current(product, made_of):
    tso.products.save(flagged, product, made_of)
with datamodels.RampModel(product) as loaded:
    stored = np.count_nonzero(tso.dq.mask(loaded.groupdq, "JUMP_DET"))
print(f"{product.name}: {stored} flags")
assert stored == counts.sum() > 0, "what was saved is what was found"

# %% [markdown]
# ## Exercises
#
# ### 1. Real hits without a truth
#
# With real data there is no list of hits. But noise goes up as often as down, and cosmic rays only go up. Estimate from `significance`
# and `new` (True where the step has set a flag) **how many samples per integration were hit**, at `threshold = 4`.
#
# <details><summary>Hint</summary>
#
# Count the flagged samples with `significance > threshold`, and those with `significance < -threshold`. Which of the two contains
# noise only? Divide by the number of integrations, `len(new)`.
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("jump-signs", answer, significance=significance, flagged=new, threshold=4)

# %% tags=["solution"]
above = np.count_nonzero(new & (significance > 4))
below = np.count_nonzero(new & (significance < -4))
answer = (above - below) / len(new)

assert tso.exercises.check("jump-signs", answer, significance=significance, flagged=new, threshold=4)

# %% [markdown]
# Compare it with the bar of the true hits above: some hits of 50 electrons hide in the noise, and saturated samples carry no jump flag.
#
# ### 2. For a neighbour's sake
#
# Run the step on `few` without flagging neighbours (`flag_4_neighbors=False`), and find **the samples that are flagged only
# because of a neighbour**: an array of True and False of the shape of the flags. **Predict** first: is it a tenth of all flags, a third, or a half?
#
# <details><summary>Hint</summary>
#
# `JumpStep.call(few, flag_4_neighbors=False)`, then `tso.jumps.new_flags(few.groupdq, ...)` as for `default`. You look for those that `default`
# has and the other has not: `a & ~b`.
#
# </details>

# %%
few = obs.after("one_over_f", detector, segment, integrations=slice(first, first + 18))
default = new

answer = None  # your code here

tso.exercises.check("jump-neighbours", answer, default=default, significance=significance, threshold=4)

# %% tags=["solution"]
single = JumpStep.call(few, flag_4_neighbors=False)
answer = default & ~tso.jumps.new_flags(few.groupdq, single.groupdq)

assert tso.exercises.check("jump-neighbours", answer, default=default, significance=significance, threshold=4)

# %% [markdown]
# ## Recap
#
# - A cosmic ray is a **step in the ramp**. The step compares each difference between groups with the pixel's median difference and
#   with the expected noise, and flags the first sample that contains the charge; the slope then comes from the pieces.
# - Below 100 integrations it uses the **two-point difference**, from 100 on it **clips across integrations**; the log
#   tells, in the line after "Executing two-point difference method".
# - About one sample in a thousand of **groups × rows × columns** is flagged at 4 σ, and only part of these are cosmic rays: the
#   rest are neighbours, telegraph pixels and noise beyond a threshold that is not quite what it says.
# - From 4 to 10 one loses few hits and **gets rid of most false flags**; strong hits are found at any threshold.
# - A flag **costs** precision, but only that of one ramp: some tens of per cent of its error, and few ramps have one. A missed hit makes
#   an **outlier** in the light curve of a column and scatter in the white light.
#
# ## On real data
#
# - Set `TSO_OBSERVATION=mast` and the same cells run on 18 of the integrations; those that compare with the truth say that there is none. With
#   70 groups they need about five times the memory, and the ramp of 110 integrations more than 10 GB: leave it out on a laptop.
# - Per integration, the published lesson found about 5,000 flagged samples, 0.11 % of 70 × 32 × 2048, with a whole segment of 155 integrations, hence by
#   clipping. Here clipping flags fewer. The simulation knows no pixel that changes its behaviour within hours, for instance.
# - The rate and the mean charge of the simulated hits are those measured in July 2022 (Rauscher & Fixsen); the spread of their
#   charges, the weak secondaries, and the number and height of telegraph steps are assumptions.
# - Now and then a **snowball** saturates a whole disc of pixels. `expand_large_events=True` flags its surroundings; in a
#   window of 32 rows it is rarely used.
# - A segment treated whole and the same segment in pieces of fewer than 100 integrations go through different methods: keep to
#   one of them when you compare.
#
# ## Next
#
# [09 · Ramp fitting](09_ramp_fitting.ipynb): slopes from flagged ramps, and the first light curve.
#
# ## References
#
# - JWST pipeline documentation: [jump](https://jwst-pipeline.readthedocs.io/en/latest/jwst/jump/index.html).
# - Anderson & Gordon 2011, doi:10.1086/662593: finding cosmic rays in non-destructive reads.
# - Rauscher & Fixsen, arXiv:2602.02134: rate and charge of cosmic rays in JWST's near-infrared detectors.
# - Alderson et al. 2023, doi:10.1038/s41586-022-05591-3: this observation.
