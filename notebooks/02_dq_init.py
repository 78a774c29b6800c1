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
#     - jwst.dq_init.DQInitStep
# ---

# %% [markdown]
# # 02 · Read the data-quality flags
#
# You run the first step of Stage 1 on a raw ramp, find out which pixels it declares bad and why, and learn to read,
# count and set flags.
#
# **You will be able to**
#
# - run `dq_init`, and say what it changes and what it leaves alone;
# - translate a DQ value into the names of its flags, bit by bit;
# - count the flags of a frame, and pick out the pixels that carry one of them;
# - tell the flagged pixels that ramp fitting leaves out from those that it uses all the same;
# - hand flags of your own to the step, and save what a step gives.
#
# **You need** [00 · Start here](00_start_here.ipynb) for the words *ramp*, *integration* and *group*; helpful: [01 ·
# Download the data and take quick looks](01_download_and_quick_looks.ipynb). Words in the [glossary](glossary.md).
#
# **Takes** 20 min to read and try, 15 s to run; 0.8 GB peak memory; 0.3 GB disk.

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
# You are here, at the very beginning:

# %%
tso.plotting.stage1_map(here="dq_init")
plt.show()

# %% [markdown]
# *What to notice:* `dq_init` is the first step of the lessons. Every step after it reads the flags that it sets, and
# adds others.
#
# ## Two arrays of flags
#
# No detector is perfect, and no pixel is good at every moment. The pipeline never deletes a bad value. It keeps the
# value, and writes down beside it what is wrong: a **data-quality flag**, DQ flag for short.
#
# A ramp carries two arrays of flags. `pixeldq` (row, column) holds what is wrong with a pixel **all the time**.
# `groupdq` (integration, group, row, column) holds what happened to **one sample**, such as a cosmic ray. A raw file
# has neither. When it is opened as a `RampModel`, both are made and filled with zeros:

# %% tags=["before-step"]
detector, segment = obs.detectors[0], obs.segments[0]
ramp = obs.after("uncal", detector, segment)

for name in ("data", "pixeldq", "groupdq"):
    array = getattr(ramp, name)
    print(f"{name:8} {array.dtype!s:8} {array.shape}, {np.count_nonzero(array):,} values are not zero")

assert not ramp.pixeldq.any(), "the raw ramp carries flags already"
assert not ramp.groupdq.any(), "the raw ramp carries flags already"

# %% [markdown]
# (`obs.after("uncal", ...)` is `datamodels.RampModel(obs.uncal(detector, segment))`, as in lesson 01.)
#
# Notice the types: 32 bits per pixel, but only 8 bits per sample. There are so many samples that each bit counts.
#
# ## Where bad pixels come from
#
# Which pixels are bad was found out beforehand, from dark exposures (hot and noisy pixels) and from exposures of an
# even lamp (dead and dull ones). The result is a **reference file** called MASK, one per detector. It is made again now
# and then, because pixels change.
#
# | flag | what is wrong |
# |---|---|
# | `DEAD` | shows next to no light |
# | `LOW_QE` | shows clearly less light than its neighbours (quantum efficiency: electrons per photon) |
# | `OPEN`, `ADJ_OPEN` | its contact is broken, so its light shows up in the pixels around it, which are `ADJ_OPEN` |
# | `HOT` | collects charge without light, much faster than other pixels |
# | `RC` | its ramp bends in the dark, as a resistor with a capacitor does |
# | `UNRELIABLE_SLOPE` | noisy |
# | `OTHER_BAD_PIXEL` | bad in some other way |
# | `REFERENCE_PIXEL` | not bad: built without sight of the sky, to follow the electronics (lesson 04) |
# | `DO_NOT_USE` | later steps shall leave the pixel out |
#
# ## The step
#
# **Predict:** a frame of 32 × 2048 has 65,536 pixels. How many of them will carry a flag: tens, hundreds, or thousands?
# And how many of the counts in `data` will the step change?

# %%
from jwst.dq_init import DQInitStep

flagged = DQInitStep.call(ramp)

n_flagged = np.count_nonzero(flagged.pixeldq)
share = 100 * n_flagged / flagged.pixeldq.size
print(f"pixeldq {flagged.pixeldq.shape}: {n_flagged} of {flagged.pixeldq.size:,} pixels carry a flag ({share:.2g} %)")

assert 0 < n_flagged < flagged.pixeldq.size / 10

# %% [markdown]
# Some hundreds. If you expected thousands: these are the flags for what is *known and permanent*. Samples spoiled by
# cosmic rays come later, and there will be thousands of them. If you expected tens: the flagged pixels include the
# reference pixels, which are not bad at all.
#
# And the counts? Not one of them has changed. Flagging is bookkeeping.

# %% tags=["before-step"]
changed = np.count_nonzero(flagged.data != ramp.data)
print(f"{changed} counts changed")

assert changed == 0

# %% [markdown]
# A step logs what it does. The pipeline's log goes to a file in these lessons; here are the lines that matter:

# %%
for line in tso.logs.lines(step="dq_init"):
    print(line)

# %% [markdown]
# The name of the file says where the flags come from. The file covers more rows than your 32, because a mask describes
# the detector and not the subarray. The step cut out the part that belongs to your data.
#
# ## Look
#
# Where are the flagged pixels? Single pixels of a frame that is 2048 columns wide are too small to see, so each is
# drawn as a marker.

# %%
tso.plotting.plot_dq_map(flagged.pixeldq, most=7, title=f"{detector}: flags after dq_init")
plt.show()

# %% [markdown]
# *What to notice:* bad pixels are strewn at random over the whole frame. The circles at either end are `REFERENCE_PIXEL`s:
# four columns on each side, too close together to be told apart here. A pixel may carry two flags at once: most bad pixels have a `DO_NOT_USE` under the marker of their kind.
#
# What do the flags buy you? To see that, take the light that each pixel collects, last group minus first group, as the
# median of all integrations. Beside it, what its left and right neighbours collect: a bad pixel is one that does not
# go with its neighbours.

# %%
image = tso.trace.last_minus_first(ramp.data)
beside = (np.roll(image, 1, axis=1) + np.roll(image, -1, axis=1)) / 2


def extreme(flag, by):
    """Row and column of that one pixel with the flag where `by` is largest."""
    chosen = np.where(tso.dq.mask(flagged.pixeldq, flag), by, -np.inf)
    return tuple(int(index) for index in np.unravel_index(np.argmax(chosen), chosen.shape))


dead, hot_one = extreme("DEAD", beside), extreme("HOT", image / np.maximum(beside, 50))
print(f"the dead pixel in the brightest light: row {dead[0]}, column {dead[1]}")
print(f"the hot pixel that stands out most: row {hot_one[0]}, column {hot_one[1]}")

# %% [markdown]
# The frame around that dead pixel: first as it is, then without the pixels that carry `DO_NOT_USE`. The stretch is the
# same in both images. It is chosen for the faint background, so that the spectrum is far too bright.

# %%
left_out = tso.dq.mask(flagged.pixeldq, "DO_NOT_USE")
start = max(min(dead[1] - 75, image.shape[1] - 150), 0)
window = np.s_[:, start : start + 150]
titles = ("before: all pixels", "after: pixels with DO_NOT_USE are grey")
tso.plotting.compare_frames(
    image[window], np.where(left_out, np.nan, image)[window], titles=titles, limits=(0, 2000), first_column=start
)
plt.show()

# %% [markdown]
# *What to notice:* the bright band is the spectrum. In the first image a dark hole is in the middle of it, the dead
# pixel, and single bright specks beside it are hot pixels. In the second image those pixels are grey: a number that you
# can't trust has become no number. Many of the grey pixels did not look bad before, because in faint light a dead pixel
# can't be told from a good one. A small grey cross is an open pixel with its four neighbours.
#
# ## What 2147483648 means
#
# A DQ value is one integer that holds up to 32 answers of yes or no. Each flag has a **bit** of its own, a power of
# two, and the value is the sum of the bits that are set. Take the pixel in the corner of the frame, and write its value
# in the binary system:

# %%
corner = flagged.pixeldq[0, 0]
hot_value = flagged.pixeldq[hot_one]
for value in (corner, hot_value):
    print(f"{value:10} = {value:032b}")

assert corner == 2**31
assert hot_value == 2**0 + 2**11

# %% [markdown]
# 2147483648 is a one followed by 31 zeros, or $2^{31}$: bit 31 is set and no other. The hot pixel has two bits set.
# Drawn, with the names of the bits:

# %%
tso.plotting.plot_bits([corner, hot_value], labels=["corner pixel", "hot pixel"])
plt.show()

# %% [markdown]
# *What to notice:* bit 31, on the far left, is `REFERENCE_PIXEL`. The hot pixel has bit 11, `HOT`, and bit 0,
# `DO_NOT_USE`: $2^{11} + 2^0 = 2049$. No two sums of different flags are equal, so nothing is lost by adding.
#
# You need not do this by hand. The pipeline knows the names:

# %%
from jwst.datamodels import dqflags

for value in (corner, hot_value):
    print(int(value), sorted(dqflags.dqflags_to_mnemonics(int(value), dqflags.pixel)))

# %% [markdown]
# **A trap.** The function wants an integer of Python's own, hence the `int(...)`. Hand it a value of `groupdq`, whose
# type is NumPy's 8-bit `uint8`, and it looks for bit 31 in a number that has room for eight bits. NumPy 2 refuses:

# %%
sample = flagged.groupdq[0, 0][hot_one]

with np.testing.assert_raises(OverflowError):
    dqflags.dqflags_to_mnemonics(sample, dqflags.pixel)

print("tso.dq takes any integer:", tso.dq.mnemonics(sample))

# %% [markdown]
# ## Count
#
# How many pixels carry which flag? Counting equal *values* would not answer that: 2049 is a hot pixel too. One has to
# count bits. `tso.dq.tally` does:

# %%
table = tso.dq.tally(flagged.pixeldq)
table

# %% [markdown]
# **Predict:** is the sum of the column `count` the number of flagged pixels, more, or less?

# %%
print(f"sum of the counts: {table['count'].sum()}; flagged pixels: {n_flagged}")

assert table["count"].sum() > n_flagged

# %% [markdown]
# More: a pixel that is `HOT` and `DO_NOT_USE` stands in two rows of the table. If you said "equal", you thought of
# flags as boxes that a pixel is sorted into. They are ticks on a list.
#
# ### Reference pixels
#
# The commonest flag is no complaint. Which pixels carry it?

# %%
reference = tso.dq.mask(flagged.pixeldq, "REFERENCE_PIXEL")
columns = np.flatnonzero(reference.any(axis=0))
print(f"{reference.sum()} reference pixels, in the columns {', '.join(map(str, columns))}")

assert reference.sum() == reference.shape[0] * columns.size > 0, "a column has either only reference pixels or none"
if ramp.meta.subarray.name == "SUB2048" and image.shape[1] == 2048:
    assert reference.sum() == 256

# %% [markdown]
# The detector is 2048 pixels wide and high, with a frame of four reference pixels all around. SUB2048 is 32 rows
# out of its middle, so only the frame's left and right sides are in it: 2 × 4 columns × 32 rows = 256. There are
# none above and none below your spectrum. That has consequences in lesson 07.
#
# ## Which pixels are left out?
#
# A flag alone does nothing. Ramp fitting leaves out samples with `DO_NOT_USE`, and nothing else of what the mask flags.
# So the question for each kind of flag is how many of its pixels have `DO_NOT_USE` *as well*:

# %%
for name in table["flag"]:
    if name != "DO_NOT_USE":
        kind = tso.dq.mask(flagged.pixeldq, name)
        print(f"{name:17} {kind.sum():4} pixels, {100 * left_out[kind].mean():3.0f} % of them left out")

# %% [markdown]
# Dead, hot, open and noisy pixels are left out, and so are the neighbours of open ones. `LOW_QE` and `RC` pixels are
# used: they are worse than others, yet in a time series a pixel is compared with itself, and half the light is still
# light. The mask's makers drew that line. You may draw another.
#
# How does ramp fitting know? The step has copied `DO_NOT_USE` into every sample of these pixels:

# %%
samples = tso.dq.mask(flagged.groupdq, "DO_NOT_USE")
integrations, groups = samples.shape[:2]
print(f"{left_out.sum()} pixels x {integrations} integrations x {groups} groups = {samples.sum():,} samples")

assert np.count_nonzero(samples & left_out) == samples.sum() == left_out.sum() * integrations * groups > 0
del samples

# %% [markdown]
# ## What the flags look like in the ramps
#
# Take the dead pixel again, the `LOW_QE` pixel in the brightest light, and the hot pixel from above. What do they
# collect in an integration, compared with their two neighbours in the same row?

# %%
places = {"DEAD": dead, "LOW_QE": extreme("LOW_QE", beside), "HOT": hot_one}
ratios = {name: image[place] / beside[place] for name, place in places.items()}
for name, (row, column) in places.items():
    print(f"{name:6} row {row:2}, column {column:4}: {ratios[name]:6.3g} times what its neighbours collect")

assert ratios["DEAD"] < 0.1 < 0.3 < ratios["LOW_QE"] < 0.7
assert ratios["HOT"] > 10

# %% [markdown]
# Up the ramp, as the median of all integrations, so that no cosmic ray gets in the way:

# %%
times = tso.ramps.group_times(ramp)
fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for ax, (name, (row, column)) in zip(axes, places.items(), strict=True):
    for shift, style in ((-1, "--"), (1, ":"), (0, "o-")):
        samples = np.median(ramp.data[:, :, row, column + shift], axis=0)
        label = {-1: "left neighbour", 0: f"{name} pixel", 1: "right neighbour"}[shift]
        ax.plot(times, samples - samples[0], style, color="black" if shift == 0 else "0.5", label=label)
    ax.set(title=f"{name}: row {row}, column {column}", xlabel="time since reset (s)")
    ax.legend()
axes[0].set_ylabel("raw counts since the first group (DN)")
plt.show()

# %% [markdown]
# *What to notice:* the dead pixel stays almost flat while its neighbours climb; the little that it shows leaks in from
# them. The `LOW_QE` pixel climbs at about half their pace, and as straight. The hot pixel climbs steeply where its
# neighbours see next to nothing.
#
# ## Compare with the truth
#
# Somebody made the mask by measuring, so it can be wrong. In the simulated exposure you can look up which pixels
# *really* are bad. How many of them does the mask know?

# %%
if obs.truth is None:
    print("real data: nobody knows the truth")
else:
    maps = obs.truth.maps(detector)
    lit = ~maps.reference_pixel
    flat, dark = maps.flat, maps.dark
    truly = {"dead or open": lit & (flat < 0.1), "dull": (flat > 0.1) & (flat < 0.7), "hot": dark > 1}
    for name, bad in truly.items():
        known = np.count_nonzero(flagged.pixeldq[bad])
        print(f"{name:12} {bad.sum():4} pixels, {known:4} of them flagged, {bad.sum() - known} unknown")
        assert 0.9 < known / bad.sum() < 1

# %% [markdown]
# Nearly all, but not all. Some of the unknown hot pixels are so hot that they are full before the first group is read.
# You will meet them in lesson 03. Others you can find yourself, in the second exercise.
#
# Be fair to the simulation as well: it makes dead, dull, open and hot pixels behave badly. Those flagged `RC`,
# `UNRELIABLE_SLOPE` and `OTHER_BAD_PIXEL` carry the name only, and behave like any other pixel.
#
# ## Tune
#
# The step has no threshold to turn. What you can change is what it knows:
#
# - `override_mask="my_mask.fits"` replaces the reference file;
# - `user_supplied_dq="my_flags.fits"` **adds** an integer image of your own, of the size of the frame, to it.
#
# An experiment with the second: some of a hot pixel's signal shows up in the pixels beside it. Suppose you want to be
# safe, and leave out the eight pixels around each hot pixel too. First the flags, and a file that holds them:

# %%
from astropy.io import fits
from scipy.ndimage import binary_dilation

hot = tso.dq.mask(flagged.pixeldq, "HOT")
grown = binary_dilation(hot, structure=np.ones((3, 3), dtype=bool)) & ~reference
own = np.where(grown, np.uint32(tso.dq.value("DO_NOT_USE")), np.uint32(0))

folder = obs.outputs
fits.writeto(folder / "around_hot_pixels.fits", own, overwrite=True)

# %% [markdown]
# **Predict:** what does the step do to the number of pixels that are left out, and how many of them lie in the light of
# the star?

# %%
careful = DQInitStep.call(ramp, user_supplied_dq=str(folder / "around_hot_pixels.fits"))
bright = image > 0.1 * np.percentile(image, 99)
for name, model in (("MASK", flagged), ("MASK and yours", careful)):
    out = tso.dq.mask(model.pixeldq, "DO_NOT_USE")
    print(f"{name:14}: {out.sum():5} pixels left out, {(out & bright).sum():3} of the {bright.sum():,} bright ones")

assert np.count_nonzero(careful.pixeldq & own) == grown.sum() > 0
n_before, n_after = (tso.dq.mask(model.pixeldq, "DO_NOT_USE").sum() for model in (flagged, careful))
assert n_after > 3 * n_before > 0
del careful

# %% [markdown]
# Several times as many pixels are gone, and with them light of the star. If you expected nine times as many: only the
# hot pixels grew, and they are about half of those that were left out. Is it worth it? A steady extra count makes the
# transit a little shallower in that pixel, and adds a little noise. A lost pixel in the trace is lost for good. Try to
# justify such a choice with the light curve, never with a feeling.
#
# ## Save, and read again
#
# Any step writes its result when you ask for it, under the name of the input with the name of the step at its end. A
# whole ramp takes a lot of disk, so try it on the small image of the target acquisition:

# %%
for path in obs.target_acquisition[:1]:
    DQInitStep.call(str(path), save_results=True, output_dir=str(folder))
    saved = sorted(product.name for product in folder.glob("*_dq*init*.fits"))
    print("\n".join(saved))

# %% [markdown]
# Read again, it is an ordinary data model. It also shows that the mask belongs to the detector and not to the
# subarray: these 32 columns carry the same flags here and in the long frame.

# %%
from jwst import datamodels

if obs.is_simulated:
    with datamodels.open(folder / saved[0]) as small:
        first = small.meta.subarray.xstart - ramp.meta.subarray.xstart
        same = np.array_equal(small.pixeldq, flagged.pixeldq[:, first : first + small.pixeldq.shape[1]])
        print(f"{small.meta.cal_step.dq_init}; {np.count_nonzero(small.pixeldq)} flagged pixels, the same ones: {same}")
        assert same
        assert small.meta.cal_step.dq_init == "COMPLETE"

# %% [markdown]
# `meta.cal_step` notes which steps a file has been through. Look there first when somebody hands you a file.
#
# ## All segments
#
# An exposure has several files. One integration of each is enough to see its `pixeldq`:

# %%
for name in obs.detectors:
    for number in obs.segments:
        short = DQInitStep.call(obs.after("uncal", name, number, integrations=0))
        counts = tso.dq.tally(short.pixeldq)
        out = tso.dq.mask(short.pixeldq, "DO_NOT_USE").sum()
        print(f"{name} segment {number}: {len(counts)} kinds of flags, {out} pixels left out")
        if name == detector:
            assert np.count_nonzero(short.pixeldq & flagged.pixeldq) == np.count_nonzero(short.pixeldq) == n_flagged > 0

# %% [markdown]
# The segments of one detector agree, because the flags belong to the pixels. The two detectors differ: they are two
# pieces of hardware.
#
# The later lessons ask for `obs.after("dq_init", detector, segment)`, or for the ramp after a later step, and get
# this step with it.
#
# ## Exercises
#
# ### 1. Flagged, and used all the same
#
# How many pixels of `flagged.pixeldq` carry a flag, see light, and are used by ramp fitting nevertheless?
#
# <details><summary>Hint</summary>
#
# `tso.dq.mask(flags)` without a name is True for any flag. "See light" excludes the reference pixels. Masks are
# combined with `&`, and `~` is "not".
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("flags-used-all-the-same", answer, pixeldq=flagged.pixeldq)

# %% tags=["solution"]
answer = np.count_nonzero(tso.dq.mask(flagged.pixeldq) & ~left_out & ~reference)

assert tso.exercises.check("flags-used-all-the-same", answer, pixeldq=flagged.pixeldq)

# %% [markdown]
# ### 2. Find the pixels that the mask doesn't know
#
# An experiment with the step's own parameter. A pixel is suspicious when it is brighter than the median of the 15
# pixels around it in its row by more than 100 DN *plus* 20 % of that median:
#
# ```python
# from scipy.ndimage import median_filter
# level = median_filter(image, size=(1, 15))
# suspicious = image - level > 100 + 0.2 * level
# ```
#
# Write an image with `DO_NOT_USE` for these pixels to a FITS file, hand it to the step, and answer with the `pixeldq`
# that the step returns. Then think: why the 20 %? What would you lose without it?
#
# <details><summary>Hint</summary>
#
# `own = np.where(suspicious, np.uint32(1), np.uint32(0))`, then `fits.writeto(...)` and `user_supplied_dq=` as in
# "Tune".
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("flags-of-your-own", answer, pixeldq=flagged.pixeldq, image=image)

# %% tags=["solution"]
from scipy.ndimage import median_filter

level = median_filter(image, size=(1, 15))
suspicious = image - level > 100 + 0.2 * level
fits.writeto(folder / "suspicious.fits", np.where(suspicious, np.uint32(1), np.uint32(0)), overwrite=True)
answer = DQInitStep.call(ramp, user_supplied_dq=str(folder / "suspicious.fits")).pixeldq

assert tso.exercises.check("flags-of-your-own", answer, pixeldq=flagged.pixeldq, image=image)

# %% [markdown]
# ## Recap
#
# - `dq_init` reads the MASK reference file, cuts it to your subarray, and ORs it into `pixeldq`. It copies `DO_NOT_USE`
#   into `groupdq`, and changes no count.
# - A DQ value is a sum of powers of two. 2147483648 is bit 31, `REFERENCE_PIXEL`; `tso.dq.mnemonics` and the pipeline's
#   `dqflags_to_mnemonics(int(value), dqflags.pixel)` name the bits.
# - `tso.dq.tally` counts bits, and a pixel counts once for each; `tso.dq.mask` picks pixels by name. SUB2048 has 256
#   reference pixels, all at its left and right ends.
# - Only `DO_NOT_USE` takes a pixel out. `LOW_QE` and `RC` pixels are used, and so are reference pixels, for
#   another purpose.
# - `user_supplied_dq` adds your flags to those of the mask; `save_results=True` with `output_dir` writes the result.
#
# ## On real data
#
# The real MASK has more kinds of flags and other numbers, and it changes from time to time: note the file's name
# (`meta.ref_file.mask.name`) and the CRDS context with your results. The real mask is incomplete as well.
# Pixels change after it was made, so a look at your own data, as in the second exercise, pays off. There is no truth to
# compare with; the segments of one exposure should agree with each other, as they do here.
#
# ## Next
#
# [03 · Find the saturated samples](03_saturation.ipynb): the first step that looks at the counts themselves.
#
# ## References
#
# - JWST pipeline, [dq_init step](https://jwst-pipeline.readthedocs.io/en/latest/jwst/dq_init/index.html) and [list of
#   the data-quality
#   flags](https://jwst-pipeline.readthedocs.io/en/latest/jwst/references_general/references_general.html).
# - JDox, [NIRSpec
#   detectors](https://jwst-docs.stsci.edu/jwst-near-infrared-spectrograph/nirspec-instrumentation/nirspec-detectors).
# - N. Espinoza, TSO JWebbinar: the worked example that this series follows.
