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
#     - jwst.saturation.SaturationStep
# ---

# %% [markdown]
# # 03 · Find the saturated samples
#
# You run the saturation step on a ramp, find out which samples it flags and why, and change its limit.
#
# **You will be able to**
#
# - say what the step compares with what, and why it works on raw counts;
# - follow the flags of a pixel up its ramp, and tell a full pixel from its flagged neighbours;
# - find the limits that were used: from the name of a reference file to a number for each pixel;
# - run the step with a limit of your own, and say what that costs;
# - explore any ramp by hand, with its flags, its limit and the truth.
#
# **You need** [00 · Start here](00_start_here.ipynb) and the flags of [02 · Read the data-quality
# flags](02_dq_init.ipynb). Words in the [glossary](glossary.md).
#
# **Takes** 25 min to read and try, 30 s to run; 1.0 GB peak memory; 0.8 GB disk.

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
tso.plotting.stage1_map(here="saturation")
plt.show()

# %% [markdown]
# *What to notice:* the step is the second that we run, before anything has been subtracted. It looks at **raw** counts.
#
# ## A pixel that is full
#
# A pixel collects electrons, and it can hold only so many: its **full well**. Then there is the converter that turns
# its voltage into a number of 16 bits, and no number of 16 bits is larger than 65,535. Whichever end comes first, from
# there on the counts say nothing about the light. The pixel is **saturated** until it is reset.
#
# For a time series, that has two faces. A star that is too bright for the mode fills pixels in *every* integration, at
# the same group. A cosmic ray fills a pixel *now and then*. Here is a pixel that such a thing happened to, in the
# integration where it did and in another one. The example's coordinates come with the observation:

# %% tags=["before-step"]
example = obs.examples["saturated_by_cosmic_ray"]
detector, segment, where = example.detector, example.segment, (example.row, example.column)
ramp = obs.after("dq_init", detector, segment)
times = tso.ramps.group_times(ramp)
print(f"{detector}: integration {example.integration}, row {where[0]}, column {where[1]}, group {example.group}")

quiet = (example.integration - 1) % ramp.shape[0]
fig, ax = plt.subplots()
for integration in (example.integration, quiet):
    samples = tso.ramps.pixel_ramp(ramp.data, integration, *where)
    tso.plotting.plot_ramp(times, samples, ax=ax, label=f"integration {integration}")
plt.show()

# %% [markdown]
# *What to notice:* this pixel lies in the dark. Usually its counts hardly move. In one integration they leap by tens of
# thousands of DN between two groups, and then they are flat again. A flat ramp looks like no light at all. A pixel
# under a bright star that has become full looks just as flat.
#
# ## The step
#
# **Predict:** in the last group of that integration, what share of all samples will be flagged as saturated: one in a
# hundred, in a thousand, in ten thousand?

# %%
from jwst.saturation import SaturationStep

flagged = SaturationStep.call(ramp)
saturated = tso.dq.mask(flagged.groupdq, "SATURATED")

last = saturated[example.integration, -1]
print(f"{last.sum()} of {last.size:,} samples, {100 * last.mean():.2g} %")

assert 0 < last.mean() < 0.01

# %% [markdown]
# A few in ten thousand: this star is no danger to its pixels in this mode. If you expected many more, you thought of a
# deep image of a crowded field. In a well-planned time series saturation is rare, because the number of groups was
# chosen so that it is.
#
# The flags are in `groupdq`, which has the axes of the data. Before and after, over the whole segment:

# %%
integrations, groups, rows, columns = flagged.groupdq.shape
print(f"groupdq: {integrations} integrations x {groups} groups x {rows} rows x {columns} columns")
counts = [np.count_nonzero(tso.dq.mask(model.groupdq, "SATURATED")) for model in (ramp, flagged)]
print(f"samples flagged SATURATED: {counts[0]} before, {counts[1]:,} after")
print("\n".join(tso.logs.lines(step="saturation")))

assert counts[0] == 0 < counts[1]

# %% [markdown]
# The log counts *pixels* that are saturated at any time in the segment. "A/D floor" is the other end of the converter:
# a sample of 0 DN gets `AD_FLOOR` and `DO_NOT_USE`. There are none here. ("SUPERBIAS" is opened as well; it only
# matters where several frames were averaged into a group.)
#
# ## The limit
#
# What does the step compare the counts with? With one number per pixel, from a **reference file**. Its name is noted in
# the header of the result:

# %%
print(flagged.meta.ref_file.saturation.name)

# %% [markdown]
# `crds://` stands for "in the cache of CRDS", the Calibration Reference Data System. CRDS looks at the header of your
# data (instrument, detector, subarray, date), and its rules say which file belongs to them. Where is that file on your
# disk? The pipeline's own translation:

# %%
import os
from pathlib import Path

from jwst import datamodels
from stpipe import crds_client

path = Path(crds_client.reference_uri_to_cache_path(flagged.meta.ref_file.saturation.name, "jwst"))
print("in $CRDS_PATH:", path.relative_to(Path(os.environ["CRDS_PATH"]).resolve()).as_posix())

with datamodels.SaturationModel(path) as reference:
    place = reference.meta.subarray
    print(f"the file: {reference.data.shape}, rows from {place.ystart}")
print(f"your data: {flagged.shape[-2:]}, rows from {flagged.meta.subarray.ystart}")

# %% [markdown]
# The file holds more rows than your data, because one file serves several subarrays. The pipeline cuts out the part
# that it needs. You can have it do the same for you:

# %%
from jwst.lib.reffile_utils import get_subarray_model


def limits_of(model):
    """Saturation limits (DN) of a ramp's pixels, from the reference file that its header names."""
    name = crds_client.reference_uri_to_cache_path(model.meta.ref_file.saturation.name, "jwst")
    with datamodels.SaturationModel(name) as reference:
        return get_subarray_model(model, reference).data.copy()


limits = limits_of(flagged)
low, high = np.nanpercentile(limits, [1, 99])
print(f"limits: median {np.nanmedian(limits) / 1e3:.3g}, most between {low / 1e3:.3g} and {high / 1e3:.3g} thousand DN")

# %% [markdown]
# A picture of the limits:

# %%
tso.plotting.show_frame(limits, label="limit (raw DN)", title=f"{detector}: the limit of each pixel")
plt.show()

# %% [markdown]
# *What to notice:* every pixel has a limit of its own, and they differ by tens of per cent, without any large
# structure. That is why the step needs a map and not a number. The limits are in **raw** counts: the bias is in them,
# several thousand DN that a pixel shows before any light. So the step must run before the bias is subtracted. (A pixel
# whose limit nobody knows has NaN and the flag `NO_SAT_CHECK`: it is never flagged.)
#
# With the map in hand you can redo the comparison. Every sample at or above its limit must be flagged:

# %%
over = flagged.data >= limits
print(f"{over.sum():,} samples reach their own limit; {saturated.sum():,} are flagged")

assert np.count_nonzero(over & saturated) == over.sum() > 0
assert saturated.sum() > 2 * over.sum()

# %% [markdown]
# All that reach their limit are flagged. But several times as many are flagged that don't. Who are they?
#
# ## Up the ramp
#
# Take the example pixel again, and one of its diagonal neighbours. Group by group, the counts, the limit, and on the
# second axis the flags:

# %%
neighbour = obs.examples["saturation_neighbour"]
flag_groups = {}
fig, axes = plt.subplots(2, 1, figsize=(8.5, 6), sharex=True, layout="constrained")
for ax, it in zip(axes, (example, neighbour), strict=True):
    samples = tso.ramps.pixel_ramp(flagged.data, it.integration, it.row, it.column)
    flags = tso.dq.at(flagged.groupdq, it.integration, it.row, it.column)
    flag_groups[it.name] = [group for group, names in enumerate(flags) if "SATURATED" in names]
    title = f"integration {it.integration}, row {it.row}, column {it.column}"
    tso.plotting.plot_ramp(times, samples, limit=limits[it.row, it.column], ax=ax, title=title)
    tso.plotting.mark_flags(times, flags, ax)
axes[0].set_xlabel("")
plt.show()

# %% [markdown]
# *What to notice:* above, the pixel that the cosmic ray filled. Its counts cross the dashed limit, and from that group
# on every sample carries `SATURATED`: a pixel does not recover before the next reset, so the flag stays even if the
# counts should sink a little. Below, its neighbour. Its counts never come near its limit, and yet it is flagged, in the
# same groups.

# %%
for name, found in flag_groups.items():
    print(f"{name}: flagged in groups {found[0]} to {found[-1]} of 0 to {groups - 1}")

assert flag_groups[example.name] == list(range(example.group, groups))
assert flag_groups[neighbour.name] == flag_groups[example.name]
n_over = np.count_nonzero(over[neighbour.integration, :, neighbour.row, neighbour.column])
assert n_over < len(flag_groups[neighbour.name]), "the neighbour reaches its own limit"

# %% [markdown]
# ## Why the neighbours?
#
# Charge that a full pixel can't hold spills into the pixels around it, and pixels see a little of each other through
# their electronics (*inter-pixel capacitance*). So the step also flags the eight pixels that touch a saturated one. The
# parameter is called `n_pix_grow_sat`, and its default is 1: one ring.
#
# **Predict:** when the cosmic ray struck, how much did the eight neighbours leap? All the same, or some more than
# others? Measure it: the difference of the two groups around the hit, minus the usual difference of those pixels.

# %% tags=["before-step"]
ints = ramp.data[example.integration]
leap = ints[example.group] - ints[example.group - 1] - np.median(np.diff(ints, axis=0), axis=0)
top, left = (max(index - 2, 0) for index in where)
around = leap[top : top + 5, left : left + 5]

fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
image = ax.imshow(around, extent=(left - 0.5, left + 4.5, top - 0.5, top + 4.5), vmin=0, vmax=1000, aspect="equal")
for (row, column), value in np.ndenumerate(around):
    colour = "white" if value < 600 else "black"
    ax.text(left + column, top + row, f"{value:.0f}" if value < 1e4 else "full", ha="center", va="center", color=colour)
ax.add_patch(plt.Rectangle((where[1] - 1.5, where[0] - 1.5), 3, 3, fill=False, color="white", linewidth=2))
ax.set(xlabel="column", ylabel="row", title="leap at the hit; white frame: flagged")
fig.colorbar(image, label="leap (DN)")
plt.show()

# %% [markdown]
# *What to notice:* the pixel in the middle is full. The four that share a side with it leap by several hundred DN. The
# four at the corners leap by no more than noise, and neither do pixels outside the white frame. All eight in the frame
# are flagged. The flag is a precaution; for the corners it throws away good samples.

# %% tags=["before-step"]
row, column = where[0] - top, where[1] - left
sides = [around[row + dr, column + dc] for dr, dc in ((-1, 0), (1, 0), (0, -1), (0, 1))]
corners = [around[row + dr, column + dc] for dr in (-1, 1) for dc in (-1, 1)]
print(f"mean leap: sides {np.mean(sides):.0f} DN, corners {np.mean(corners):.0f} DN")

if obs.is_simulated:
    assert min(sides) > 10 * abs(np.mean(corners))

# %% [markdown]
# (The simulated detector has inter-pixel capacitance, and charge migrates from a full pixel to the pixels at its sides.
# Real ones spill in more complicated ways.)
#
# ## Which pixels are saturated?
#
# A list of the pixels that reach their own limit in that integration, with the group in which they do:

# %%
full = over[example.integration].any(axis=0)
for row, column in np.argwhere(full)[:12]:
    first = np.argmax(over[example.integration, :, row, column])
    known = tso.dq.mnemonics(flagged.pixeldq[row, column]) or "nothing"
    print(f"row {row:2}, column {column:4}: from group {first:2} on; the mask says {known}")

assert np.count_nonzero(full & last) == full.sum() > 0

# %% [markdown]
# The example pixel is in the list. There may be others that are full from group 0 on: no cosmic ray does that in every
# integration. Lesson 02 promised them: so hot that they are full before the first read, and unknown to the mask.
#
# How does it go over time? Cosmic rays come at random, so the number of full pixels should differ from integration to
# integration:

# %%
n_full = over.any(axis=1).sum(axis=(1, 2))
print(f"in the median integration {np.median(n_full):.3g} pixels are full, in the worst {n_full.max()}")
fig, ax = plt.subplots(figsize=(8.5, 3), layout="constrained")
ax.bar(np.arange(n_full.size), n_full)
ax.set(xlabel=f"integration in segment {segment}", ylabel="pixels at their limit", title=f"{detector}: full pixels")
ax.xaxis.get_major_locator().set_params(integer=True)
plt.show()

# %% [markdown]
# *What to notice:* most bars have the same small height: the pixels that are always full. A bar that stands a little
# above is an ordinary cosmic ray. One that towers above the rest, if there is one, is a **snowball**: a heavy particle
# that fills dozens of pixels at once.
#
# ## The ramp explorer
#
# You have now seen a few ramps that somebody picked for you. Pick your own. Choose detector, integration and pixel: the
# explorer draws the ramp, its flags on the second axis, its limit, and what the pixel would show without noise and
# cosmic rays (the truth, set on the first sample; real data have none). Where no controls can run, you see one picture.

# %%
flagged_ramps = {detector: flagged}
for name in obs.detectors:
    if name not in flagged_ramps:
        flagged_ramps[name] = obs.after("saturation", name, segment)

truth = obs.truth.noiseless_ramp if obs.truth is not None else None
all_limits = {name: limits_of(model) for name, model in flagged_ramps.items()}
explorer = tso.explorer.ramp_explorer(flagged_ramps, all_limits, truth, segment, obs.examples, start=example)
explorer.show()
plt.show()

# %% [markdown]
# *What to notice:* the figure opens at the example pixel. Its samples leave the truth at the hit, and stay above the
# limit. Try this:
#
# 1. Choose the example `bright_nonlinear`: it lies where the star is bright. How far below its limit does it end? Why
#    do the samples fall below the truth towards the end? (Lesson 05 is about that.)
# 2. Choose one of the pixels from the list above that are full from group 0 on, and go through the integrations.
# 3. Go back to the example and step away from it one column at a time. How far does the flag reach? How far the leap?
#
# ## Why a missing flag would hurt
#
# Ramp fitting leaves out flagged samples. What slope does the example pixel get with its flags, and what without?

# %%
usable = flag_groups[example.name][0]
samples = tso.ramps.pixel_ramp(flagged.data, example.integration, *where)
with_flags, _ = tso.ramps.fit_first_groups(times, samples, n=usable)
without, _ = tso.ramps.fit_first_groups(times, samples, n=groups)
print(f"slope of the {usable} samples without a flag: {with_flags:8.3g} DN/s")
print(f"slope of all {groups} samples:               {without:8.3g} DN/s")
if obs.truth is not None:
    print(
        f"true rate:                          {obs.truth.rate(detector, segment, example.integration)[where]:8.2g} DN/s"
    )

assert abs(with_flags) < 0.05 * without

# %% [markdown]
# Without the flags, this pixel in the dark would shine brighter than the star. With them, a few good samples are enough
# for a rough, but honest slope. (It is not zero: a few samples that scatter by about 10 DN can do no better than one or two
# DN/s, and nothing has been corrected yet.)
#
# ## Compare with the truth
#
# The simulation knows the charge in each pixel at each moment, and at which charge it is full. Did the step find every
# sample that is *truly* full? And how many of the samples that it flags are?

# %%
truly_full = np.zeros(saturated.shape, dtype=bool)
if obs.truth is None:
    print("real data: nobody knows the truth")
else:
    gain, full_well = obs.truth.gain(detector), obs.truth.maps(detector).full_well
    elapsed = np.asarray(obs.truth.recipe.times)[:, None, None]
    for number in range(integrations):
        electrons = obs.truth.electron_rate(detector, segment, number) * elapsed
        electrons = electrons + gain * obs.truth.cosmic_rays(detector, segment, number)
        truly_full[number] = electrons >= full_well

# %% [markdown]
# The numbers:

# %%
if obs.truth is not None:
    found = np.count_nonzero(truly_full & saturated)
    print(f"truly full: {truly_full.sum():,} samples, {found:,} of them flagged")
    groups_of = {"truly full": truly_full, "above the limit, not full": over & ~truly_full, "neighbours": ~over}
    for name, kind in groups_of.items():
        print(f"of the flagged samples {100 * np.mean(kind[saturated]):5.1f} % are {name}")
    assert found == truly_full.sum() == np.count_nonzero(over & truly_full) > 0

# %% [markdown]
# Not a single full sample was missed. That is what the margin is for: the limit lies some per cent *below* the level at
# which a pixel stops counting. The price is paid by the neighbours, which make up most of the flags.
#
# ## Tune
#
# ### How many rings?
#
# One integration is enough for experiments:

# %%
short = obs.after("dq_init", detector, segment, integrations=example.integration)


def share(**parameters):
    """Percentage of the last group that the step flags, and the map of what it flags."""
    found = tso.dq.mask(SaturationStep.call(short, **parameters).groupdq[0, -1], "SATURATED")
    return 100 * found.mean(), found


rings = [share(n_pix_grow_sat=n)[0] for n in range(4)]
for n, percent in enumerate(rings):
    print(f"n_pix_grow_sat={n}: {percent:.2g} % of the last group")

assert np.all(np.diff(rings) > 0)

# %% [markdown]
# Isolated pixels have 8, 24 and 48 pixels in one, two and three rings. Compare with the leaps that you measured: is
# there a case for 2?
#
# ### Half the limit
#
# **Predict:** halve all limits. You saw in the explorer how far below its limit the bright example pixel ends. Will a
# handful more samples be flagged, or a hundred times as many?
#
# `override_saturation` takes a file or, as here, a data model. It must be the **whole** reference, not the part that
# you cut out:


# %%
def with_limits(factor, **parameters):
    """As `share`, with all limits multiplied by a factor."""
    with datamodels.SaturationModel(path) as reference:
        reference.data = factor * reference.data
        return share(override_saturation=reference, **parameters)


(normal, map_normal), (halved, map_halved) = with_limits(1.0), with_limits(0.5)
print(f"the reference's limits: {normal:.2g} % of the last group; half of them: {halved:.2g} %")

assert np.count_nonzero(map_normal & last) == map_normal.sum() == last.sum() > 0
assert halved > 20 * normal > 0

# %% [markdown]
# From hundredths of a per cent to several per cent. Where are they?

# %%
fig, axes = plt.subplots(2, 1, figsize=(9, 4.6), sharex=True, layout="constrained")
for ax, found, name in zip(axes, (map_normal, map_halved), ("the reference's limits", "half of them"), strict=True):
    title = f"{detector}, integration {example.integration}, last group: {name}"
    tso.plotting.plot_dq_map(found * np.uint8(tso.dq.value("SATURATED")), ["SATURATED"], ax=ax, title=title)
axes[0].set_xlabel("")
plt.show()

# %% [markdown]
# *What to notice:* above, a few dots: single pixels with their rings. Below, a band along the brightest part of the
# spectrum. The step has cut into the light of the star itself.
#
# **A trap.** The cut-out map seems the natural thing to change and hand over. It doesn't work: a part that was cut out
# still carries the header of the whole. The pipeline believes the header, and cuts again.

# %%
with datamodels.SaturationModel(path) as reference:
    part = get_subarray_model(short, reference)
    print(
        f"data {part.data.shape}, but its header says {part.meta.subarray.ysize} rows from {part.meta.subarray.ystart}"
    )
    with np.testing.assert_raises(ValueError):
        SaturationStep.call(short, override_saturation=part)

# %% [markdown]
# ### Higher, or lower?
#
# Now the whole range, with and without the ring of neighbours:

# %%
factors = (1.2, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
table = [(factor, with_limits(factor, n_pix_grow_sat=0)[0], with_limits(factor)[0]) for factor in factors]
for factor, alone, grown in table:
    print(f"{factor:.1f} x limit: {alone:7.2g} % reach it, {grown:7.2g} % are flagged")

assert table[0][2] < table[1][2] < table[-1][2]

# %% [markdown]
# **Never go above the limit of the reference.** At 1.2 times the limit the full pixels themselves slip through, and you know
# from the example what slope they would get. Above the limit nobody has measured how a pixel responds,
# so the linearity correction of lesson 05 is a guess there.
#
# **Going lower can be wise.** Close to the limit, the correction for non-linearity is largest and least sure, and
# charge begins to move into neighbours before a pixel is full. For bright stars, teams have therefore flagged earlier
# than the reference says, or more pixels around. The same star in NIRSpec's PRISM mode is an example: its brightest
# wavelengths saturate within a few groups, and how one treats the samples just before decides about the spectrum there
# (Rustamkulov et al. 2023; Carter et al. 2024). The cost is light: at half the limit the brightest pixels lose the
# later groups of every ramp. With G395H and this star there is no need.
#
# One parameter is left: `use_readpatt`. Where a group is the mean of several frames, a pixel may become full in the
# middle of a group, and the step then also looks at the group before. With NRSRAPID each group is one frame, and the
# parameter changes nothing.
#
# ## All segments
#
# The step looks at each integration by itself, so segments can be done one after another and let go:

# %%
for name in obs.detectors:
    for number in obs.segments:
        after = obs.after("saturation", name, number)
        flags = tso.dq.mask(after.groupdq, "SATURATED")
        some, every = flags.any(axis=(0, 1)).sum(), flags.all(axis=(0, 1)).sum()
        percent = 100 * flags[:, -1].mean()
        print(f"{name} segment {number}: {percent:.2g} % of the last groups; {some} pixels at times, {every} always")
        if (name, number) == (detector, segment):
            assert np.array_equal(after.groupdq, flagged.groupdq)
        del after, flags

# %% [markdown]
# The later lessons get their ramps with these flags in them: `obs.after("saturation", detector, segment)`, or after a
# later step.
#
# ## Exercises
#
# ### 1. What a few bad pixels cost
#
# Some pixels of this segment are flagged in *every* sample, although none of their samples reaches its limit. They are
# lost to the whole time series. How many are there?
#
# <details><summary>Hint</summary>
#
# `saturated` and `over` have the axes (integration, group, row, column). `saturated.all(axis=(0, 1))` is a map of the
# pixels that are flagged in every sample.
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("saturation-lost-neighbours", answer, groupdq=flagged.groupdq, over=over)

# %% tags=["solution"]
answer = np.count_nonzero(saturated.all(axis=(0, 1)) & ~over.any(axis=(0, 1)))

assert tso.exercises.check("saturation-lost-neighbours", answer, groupdq=flagged.groupdq, over=over)

# %% [markdown]
# Would you win them back? How? (`n_pix_grow_sat=0` is one way, with a price elsewhere. Flags of your own in lesson 02
# are another: a pixel that is `DO_NOT_USE` is still compared with its limit, though.)
#
# ### 2. How low can you go?
#
# An experiment with the step's limit. You are willing to lose at most 1 % of the last group, neighbours included. Which
# is the **largest** factor on the limits, a multiple of 0.05, that flags *more* than that? (It is the first that you can *not*
# afford; the one above it is the lowest that you can.) Run the step, as above with `with_limits`, until you know. Then
# think: how many groups do the brightest pixels have left at that factor?
#
# <details><summary>Hint</summary>
#
# `with_limits(factor)[0]` is the percentage. The table above tells you between which two factors to look.
#
# </details>

# %%
answer = None  # your code here

one = example.integration
tso.exercises.check("saturation-factor", answer, data=flagged.data[one], limits=limits, share=0.01)

# %% tags=["solution"]
answer = next(factor for factor in np.arange(20, 0, -1) / 20 if with_limits(factor)[0] > 1)
rise = np.where(over[one, -1], 0, flagged.data[one, -1] - flagged.data[one, 0])
row, column = np.unravel_index(rise.argmax(), rise.shape)
left = np.count_nonzero(flagged.data[one, :, row, column] < answer * limits[row, column])
print(f"factor {answer:.2f}: the brightest pixel keeps {left} of {groups} groups")

assert tso.exercises.check("saturation-factor", answer, data=flagged.data[one], limits=limits, share=0.01)

# %% [markdown]
# ## Recap
#
# - The step compares **raw** counts, bias included, with one limit per pixel. That is why it stands before the
#   superbias.
# - `SATURATED` in `groupdq` stays set from the first sample at the limit to the last group. The eight
#   neighbours are flagged as well (`n_pix_grow_sat=1`), though only those at the sides receive noticeable charge.
# - `meta.ref_file.saturation.name` names the file, `crds://` means the CRDS cache, and `get_subarray_model` cuts the
#   part of your subarray.
# - `override_saturation` takes a whole reference of your own. Never above the reference's limit; lower costs light.
# - `tso.explorer.ramp_explorer` shows any ramp with its flags, its limit and the truth.
#
# ## On real data
#
# The real observation behaves alike: about 0.04 % of the last group of integration 10 is flagged, and about 5 % with
# half the limits (the published lesson of this series' origin). The real reference file covers the whole detector, and
# a few pixels in it have no limit. Real pixels that become full spill charge farther than the simulated ones, along
# rows and columns, and may stay bright for a while after the reset (*persistence*). There is no truth to compare with:
# look at ramps instead, with the explorer.
#
# ## Next
#
# [04 · Subtract the superbias and use the reference pixels](04_superbias_refpix.ipynb): now that the
# raw counts have been looked at, they may be changed.
#
# ## References
#
# - JWST pipeline, [saturation step](https://jwst-pipeline.readthedocs.io/en/latest/jwst/saturation/index.html).
# - [CRDS](https://jwst-crds.stsci.edu), the Calibration Reference Data System.
# - Rustamkulov et al. 2023, *Nature* 614, 659,
#   [doi:10.1038/s41586-022-05677-y](https://doi.org/10.1038/s41586-022-05677-y): WASP-39b with NIRSpec PRISM, and its
#   saturated pixels.
# - Carter et al. 2024, *Nature Astronomy*,
#   [doi:10.1038/s41550-024-02292-x](https://doi.org/10.1038/s41550-024-02292-x): WASP-39b in four instrument modes,
#   compared.
# - N. Espinoza, TSO JWebbinar: the worked example that this series follows.
