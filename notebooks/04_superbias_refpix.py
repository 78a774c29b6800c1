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
#     - jwst.superbias.SuperBiasStep
#     - jwst.refpix.RefPixStep
# ---

# %% [markdown]
# # 04 · Subtract the superbias and use the reference pixels
#
# You take the detector's own pattern out of the ramps with two pipeline steps, measure what each of them removes, and
# find out why the vertical stripes are still there afterwards.
#
# **You will be able to**
#
# - say what a superbias is, subtract it, and name what it leaves behind;
# - find the reference pixels in the data-quality flags and say why they stand where they stand;
# - remove the pedestal and the odd/even row offset with `refpix`, and put a number on both;
# - say how much noise the reference pixels add, and why they cannot remove vertical stripes.
#
# **You need** [00 · Start here](00_start_here.ipynb) and [02 · data-quality flags](02_dq_init.ipynb); helpful:
# [03 · saturation](03_saturation.ipynb). Words in the [glossary](glossary.md).
#
# **Takes** 35 min to read and try, 40 s to run; 1.0 GB peak memory; 1 GB disk.

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
# You are here, at two steps that belong together:

# %%
tso.plotting.stage1_map(here=("superbias", "refpix"))
plt.show()

# %% [markdown]
# *What to notice:* two boxes are marked, one after the other: `superbias` and `refpix`. Saturation is behind you, because
# it had to see the raw counts. Linearity and everything after it wait for what you do here.
#
# ## The effect: counts without light
#
# The converter that turns a pixel's voltage into **DN** (data numbers) can only deliver numbers from 0 to 65,535. So that
# noise never reaches below zero, the electronics add an offset of some thousand DN, the **bias**. It has several parts:
#
# | part | differs between | stays the same over |
# |---|---|---|
# | **superbias**: the fixed pattern | pixels | groups, integrations, whole observations |
# | **kTC noise**: the charge that a reset leaves behind | pixels, integrations | the groups of one integration |
# | **pedestal**: the level of the whole frame | groups, integrations | the pixels of one group |
# | **odd/even offset** | odd and even rows (of every group) | the pixels of one kind |
# | **1/f noise**: the amplifier wanders while it reads | everything, but slowly in time | neighbours in a column, nearly |
#
# Two steps deal with the bias: `superbias` with the first line, `refpix` with the third and fourth. Keep an eye on what
# happens to the other two.
#
# You take the ramps after `saturation`, and the integration of a worked example:

# %%
example = obs.examples["bright_nonlinear"]
detector, segment, integration = example.detector, example.segment, example.integration
ramp = obs.after("saturation", detector=detector, segment=segment)
raw = ramp.data[integration, -1]
middle = float(np.round(np.median(raw), -3))
tso.plotting.show_frame(raw, limits=(middle - 3000, middle + 3000), title=f"{detector}, last group, raw")
plt.show()

# %% [markdown]
# *What to notice:* the spectrum is a bright, nearly horizontal band that starts about a third of the way from the left.
# Everything else, the grain, the vertical bands, the fine horizontal lines, the brighter first and last columns, is the
# detector. You saw this picture in [lesson 01](01_download_and_quick_looks.ipynb).
#
# **Predict:** of the DN that a typical pixel of the frame shows in this last group, how much is light: a half, a tenth, a
# hundredth?
#
# The light is what was added since the first group, so compare the two.

# %%
light = raw - ramp.data[integration, 0]
print(f"median of the frame in the last group: {np.median(raw):.0f} DN")
print(f"of which added since the first group:  {np.median(light):.0f} DN")
print(f"brightest pixels (99.9th percentile): {np.nanpercentile(light, 99.9):.3g} DN added")

# %% [markdown]
# If you said a hundredth, you are close. If you said a half, you thought of the spectrum, where it is even more. But most pixels of the frame see hardly any light, and
# what they show is bias. The slope of the ramp does not care about a *constant* bias. Two things do: the linearity
# correction ([lesson 05](05_linearity.ipynb)), whose polynomial wants DN *above* the bias, and every part of the bias that
# **changes from group to group**: that is noise on the slope.
#
# You will often need "a pixel that sees no star". This mask holds the pixels more than 12 rows from the spectrum, made as
# [lesson 07](07_one_over_f.ipynb) explains, without the reference pixels, which you will meet in a moment.

# %%
reference_pixels = tso.dq.mask(ramp.pixeldq, "REFERENCE_PIXEL")
background = tso.trace.background(ramp) & ~reference_pixels
tso.plotting.show_mask(background, names=("background", "spectrum and edges"), title=f"{detector}: the background")
plt.show()

# %% [markdown]
# *What to notice:* with NRS1, the first few hundred columns are background from top to bottom, because no starlight falls
# there. Along the spectrum only the rows far from it count.
#
# ## Step one: the superbias
#
# ### What the reference file holds
#
# The superbias is measured by averaging many exposures without light, so it comes as a **reference file**: an image with
# the bias of each pixel. Ask the step which file it would use for this ramp, and open that file:

# %%
from pathlib import Path

from jwst.lib.reffile_utils import get_subarray_model
from jwst.superbias import SuperBiasStep
from stdatamodels.jwst import datamodels

path = SuperBiasStep().get_reference_file(ramp, "superbias")
superbias = get_subarray_model(ramp, datamodels.SuperBiasModel(path))
print(Path(path).name)
print(f"{superbias.data.shape[0]} rows x {superbias.data.shape[1]} columns, median {np.median(superbias.data):.0f} DN")
tso.plotting.compare_frames(
    raw,
    superbias.data,
    titles=(f"{detector}, last group, raw", "superbias reference"),
    limits=(middle - 3000, middle + 3000),
)
plt.show()

# %% [markdown]
# *What to notice:* apart from the spectrum the two images can hardly be told apart: the same grain, the same vertical bands,
# the same ends. (`get_subarray_model` cuts a reference to the ramp's window, as in lesson 03; this one was measured in the same
# window, so nothing is cut.)
#
# ### Run it
#
# **Predict:** after the subtraction, what will the background show: zero? zero and noise? something else?

# %%
subtracted = SuperBiasStep.call(ramp)
print(*tso.logs.lines(obs.log, "superbias", contains="reference"), sep="\n")
print("in the header:", subtracted.meta.ref_file.superbias.name)

# %% [markdown]
# The step is one line of arithmetic: the same image is subtracted from every group of every integration. Check that
# nothing else has happened:

# %%
removed = ramp.data[integration] - subtracted.data[integration]
assert np.allclose(removed, np.nan_to_num(superbias.data), atol=0.05), "every group must lose exactly the reference"
print(f"{removed.shape[0]} groups, and each has lost the same {removed.shape[1]} x {removed.shape[2]} numbers")
del removed

# %% [markdown]
# ### Look
#
# Before and after, each relative to its own median, so that one stretch serves both:

# %%
after = subtracted.data[integration, -1]
titles = [
    f"{name}, minus its median of {np.median(image):.0f} DN"
    for name, image in (("before superbias", raw), ("after superbias", after))
]
tso.plotting.compare_frames(raw - np.median(raw), after - np.median(after), titles=titles, limits=(-750, 750))
plt.show()

# %% [markdown]
# *What to notice:* the grain and the bands are gone at this stretch, and the ends of the frame look like the rest. What is
# left of the picture is the spectrum. In the titles, the median has dropped from thousands of DN to something small, but not to
# zero.
#
# The same along one column, from the bottom row to the top:

# %%
column = 1500
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained")
profiles = {"before": raw[:, column], "after": after[:, column]}
tso.plotting.compare_profiles(profiles, axes[0], limits=(-500, middle + 3000), title=f"column {column}, last group")
profiles = {name: values - np.median(values) for name, values in profiles.items()}
tso.plotting.compare_profiles(profiles, axes[1], limits=(-800, 800), title="each minus its median")
plt.show()

# %% [markdown]
# *What to notice:* on the left, the line with circles (before) stands thousands of DN above the line with squares (after),
# which runs close to zero except where the spectrum leaves the panel. On the right, with the medians taken out, the
# circles jump by hundreds of DN from row to row; the squares don't.
#
# ### Measure
#
# How much of the pixel-to-pixel scatter in the background was fixed pattern? The scatter is estimated from the median
# absolute deviation, so that a few bad pixels don't count.


# %%
def scatter(values):
    """Robust standard deviation, DN."""
    return mad_std(values, ignore_nan=True)


pattern_before, pattern_after = scatter(raw[background]), scatter(after[background])
level = float(np.median(after[background]))
print(f"pixel to pixel: {pattern_before:.0f} DN before, {pattern_after:.0f} DN after")
print(f"median of the background after the step: {level:.0f} DN")
assert pattern_after < pattern_before / 3, "the fixed pattern must be gone"
assert 20 < abs(level) < 250, "close to zero, but off it"

# %% [markdown]
# If you predicted "zero and noise", look at the last number: the background is **off zero**, by much more than the noise of a
# median over thousands of pixels. If you predicted "zero", look at both.
#
# ### What remains, seen in one quiet column
#
# Column 250 of NRS1 sees no star at all. Its 32 pixels, in the last group and in the one before, which was read a few
# seconds earlier. So that there is something to see, take the integration in which the two differ most:

# %%
quiet = 250
shifts = np.median(subtracted.data[:, -1, :, quiet] - subtracted.data[:, -2, :, quiet], axis=1)
moved = int(np.argmax(np.abs(shifts)))
last, before_last = subtracted.data[moved, -1, :, quiet], subtracted.data[moved, -2, :, quiet]
tso.plotting.compare_profiles(
    {"last group": last, "second-to-last group": before_last},
    title=f"{detector}, column {quiet}, integration {moved}, after superbias",
)
plt.show()

# %% [markdown]
# *What to notice:* three things. The points are **not at zero**. They go up and down with every row: **even and odd rows
# differ**. And the two lines have nearly the same shape, but one is **shifted** against the other. The shape
# that both share is, apart from odd and even, the kTC noise: a random charge that the reset left in each pixel and that
# stays there for the whole integration.

# %%
print(f"level: {np.median(before_last):.0f} DN in the second-to-last group, {np.median(last):.0f} DN in the last")
print(f"shift {shifts[moved]:.1f} DN; single pixels scatter about it by {np.std(last - before_last):.1f} DN")
print(f"shift from group to group over all integrations: {np.std(shifts):.1f} DN rms")
assert np.median(before_last) < 250, "column 250 lies near zero after the superbias"

# %% [markdown]
# ### Compare with the truth
#
# In the simulation, every pixel's bias is known. How well did the reference, and so the step, know it?

# %%
if obs.truth is None:
    print("Real data: nobody knows the true bias; the reference file's ERR extension says how well it was measured.")
else:
    error = (raw - after) - obs.truth.maps(detector).superbias
    print(f"removed minus true superbias: {np.mean(error):.2f} ± {np.std(error):.2f} DN")
    assert np.std(error) < 0.2 * pattern_after, "the error of the reference is small against what remains"

# %% [markdown]
# So what remains is not the fault of the reference file. It is everything in the table that *moves*: kTC noise, pedestal,
# odd/even offset, 1/f noise. No image that was measured on another day can know those. For them the detector has
# witnesses of its own.
#
# ## Step two: reference pixels
#
# ### Where they are
#
# A **reference pixel** goes through the same electronics as its neighbours, but no light-sensitive diode is connected
# to it. `dq_init` has marked them with the flag REFERENCE_PIXEL.
#
# **Predict:** the frame has 32 rows and 2048 columns. How many are there, and on which sides of the frame?

# %% tags=["before-step"]
columns = np.flatnonzero(reference_pixels.any(axis=0))
print(f"{reference_pixels.sum()} reference pixels, in columns {', '.join(map(str, columns))}")
assert reference_pixels.sum() == 8 * ramp.data.shape[2] == 256

# %% [markdown]
# Both ends of the frame, magnified:

# %%
tso.plotting.plot_reference_pixels(reference_pixels)
plt.show()

# %% [markdown]
# *What to notice:* both panels show a block of four columns in the darker colour, over all 32 rows: columns 0 to 3 on the left
# and 2044 to 2047 on the right. There are none at the top and none at the bottom.
#
# Why there? A detector of 2048 x 2048 pixels has a frame of reference pixels, four deep, on **all four sides**. The
# window SUB2048 takes all of its columns but only 32 of its rows, from the middle. So it contains a piece of the left and
# of the right border, and nothing of the others. If you predicted a border all around: right for the detector, not for
# the window. Remember that; it decides what can be corrected.
#
# ### What they see: odd and even rows
#
# All 32 rows of the last group over one another, even rows in one colour, odd rows in another. To see more than grain,
# each row is the median of four columns at a time; pixels near the spectrum are left out.


# %%
def by_parity(frame, title, width=4):
    """The background of all rows in two colours, in blocks of a few columns."""
    starless = np.ma.masked_where(~(background | reference_pixels), frame)
    blocks = np.ma.median(starless.reshape(frame.shape[0], -1, width), axis=-1).filled(np.nan)
    centres = (width - 1) / 2 + width * np.arange(blocks.shape[1])
    ax = tso.plotting.row_profiles(blocks, positions=centres, limits=(-50, 250), title=title)
    ax.legend(loc="lower center", ncols=2)


by_parity(after, f"{detector}, last group, after superbias")
plt.show()

# %% [markdown]
# *What to notice:* two families of lines, solid for the median of the even rows and dashed for that of the odd rows,
# run side by side from one end of the frame to the other, the even ones above the odd ones and neither at zero. At the right
# edge, where the last point holds the reference pixels, both step down together. And both move up and down together from place
# to place.
#
# ### What they see: the pedestal
#
# Now follow the level in time. For the even and for the odd rows separately, take the median of the background and, beside
# it, that of the reference pixels, in each group:

# %%
even = (np.arange(background.shape[0]) % 2 == 0)[:, None]


def levels(data, mask):
    """Median of the pixels in a mask in even and in odd rows, each (integration, group), DN."""
    return [np.nanmedian(data[:, :, mask & rows], axis=-1) for rows in (even, ~even)]


def four_levels(data):
    """Levels of background and reference pixels, by name."""
    names = "background, even rows", "background, odd rows", "reference pixels, even", "reference pixels, odd"
    return dict(zip(names, levels(data, background) + levels(data, reference_pixels), strict=True))


four = four_levels(subtracted.data)
limits = (-60, 260)
tso.plotting.plot_levels(four, ylim=limits, title="after superbias")
plt.show()

# %% [markdown]
# *What to notice:* within an integration the four lines move up and down together, and all four step to another level when
# the next integration begins. The even rows (circles, triangles) stand above the odd ones (squares, diamonds). The
# background lies some tens of DN above its reference pixels, and a little more so at the end of an integration. The reference pixels see no star, no sky and no dark
# current, so whatever they share with the background is made by the electronics.
#
# How closely do they follow?

# %%
for kind, seen, told in zip(("even", "odd"), list(four.values())[:2], list(four.values())[2:], strict=True):
    r = np.corrcoef(seen.ravel(), told.ravel())[0, 1]
    print(f"{kind:4} rows: correlation of background and reference pixels {r:.3f}")

# %% [markdown]
# ### Run it
#
# **Predict:** which of these will be gone after `refpix`: the pedestal, the odd/even offset, the grain of kTC noise, the
# vertical stripes?

# %%
from jwst.refpix import RefPixStep

corrected = RefPixStep.call(subtracted)
print(*tso.logs.lines(obs.log, "refpix"), sep="\n")
print(f"FASTAXIS = {ramp.meta.subarray.fastaxis}, SLOWAXIS = {ramp.meta.subarray.slowaxis}")

# %% [markdown]
# The log is worth reading. A window that is read through **one amplifier** gets the simplest treatment: the mean of the
# reference pixels, with outliers beyond 3 sigma clipped, is subtracted group by group. And of the parameters that it lists only one
# matters, `odd_even_columns`.
#
# *Columns?* You have just seen that odd and even **rows** differ. The parameter counts in the detector's own orientation,
# where pixels that are read one after another lie along a line. NIRSpec's spectra are delivered turned: FASTAXIS = ±2 says that
# the fast direction runs along the y axis of your array. What the pipeline calls odd and even columns are your odd and
# even rows. (The sign says from which end: NRS2 is read from the other one, so "even" there may mean "odd" here.)
#
# ### Look: the same figures again

# %%
calibrated = corrected.data[integration, -1]
by_parity(calibrated, f"{detector}, last group, after refpix")
plt.show()

# %% [markdown]
# *What to notice:* same stretch as before. The solid and the dashed line now lie on each other, and closer to zero, but not
# at zero: the background stands a little above the reference pixels. The lines still move up and down from place
# to place.

# %%
tso.plotting.plot_levels(four_levels(corrected.data), ylim=limits, title="after refpix")
plt.show()

# %% [markdown]
# *What to notice:* same axis as before. The reference pixels lie at zero, of course: they were subtracted from themselves. The
# two lines of the background are nearly one, at nearly the same level in each integration. In some integrations they stay a few DN
# apart: the reference pixels have kTC noise as well, and their mean carries it through the whole integration. The level is not
# zero, and it rises a little through each integration.
#
# The **distance** is real: active pixels stand somewhat above reference pixels, and neither step knows by how much. A
# constant does no harm to a slope. The **rise** is signal: dark, and within the slit the star's faint wings and the sky
# ([lesson 06](06_dark_current.ipynb)).
#
# And column 250, the two groups that were shifted against each other:

# %%
pair = {"last group": corrected.data[moved, -1, :, quiet], "second-to-last group": corrected.data[moved, -2, :, quiet]}
tso.plotting.compare_profiles(
    pair, limits=(-60, 260), title=f"{detector}, column {quiet}, integration {moved}, after refpix"
)
plt.show()

# %% [markdown]
# *What to notice:* the saw-tooth of odd and even rows is gone, and the two lines lie closer together. The shape that the two
# groups share is still there: that is kTC noise, which `refpix` cannot know, because each pixel has its own. It drops out of the slope.
#
# ### Measure
#
# Three numbers, before and after: the **odd/even offset**, the **drift** of the level from integration to integration, and
# the **stripes**. To measure the stripes without the kTC noise, take the difference of the last two groups, which has none,
# and let each column's background give its median.


# %%
def stripes(data, mask):
    """Column medians of the last group difference about their level, shape (integration, column), DN."""
    medians = tso.one_over_f.column_background(data[:, -1] - data[:, -2], mask)
    return medians - np.nanmedian(medians, axis=1, keepdims=True)


def report(data, mask):
    """Odd/even offset, drift between integrations, and scatter of the stripes; DN."""
    upper, lower = levels(data, mask)
    return np.mean(upper - lower), np.std((upper + lower).mean(axis=1) / 2), scatter(stripes(data, mask))


offset_before, drift_before, stripes_before = report(subtracted.data, background)
offset_after, drift_after, stripes_after = report(corrected.data, background)
print(f"odd/even offset: {offset_before:6.1f} -> {offset_after:5.2f} DN")
print(f"drift of level:  {drift_before:6.1f} -> {drift_after:5.2f} DN")
print(f"stripes:         {stripes_before:6.2f} -> {stripes_after:5.2f} DN")

# %% [markdown]
# Offset and drift are gone but for small remainders. The stripes have not noticed that there was a step at all:

# %%
assert abs(offset_after) < 0.1 * abs(offset_before), "refpix must remove the odd/even row offset"
assert drift_after < 0.5 * drift_before, "refpix must hold the level from integration to integration"
assert abs(offset_after / offset_before) < 0.1 < 0.9 < stripes_after / stripes_before < 1.1, "rows yes, stripes no"

# %% [markdown]
# If you predicted that kTC noise or stripes would go: the reference pixels only tell one number for all even rows and one
# for all odd rows, per group. Whatever differs from pixel to pixel or from column to column is beyond them.
#
# ## Why the stripes stay
#
# Three integrations, last group, at ±100 DN about the level of the background:

# %%
count = corrected.data.shape[0]
three = sorted({0, count // 2, count - 1})
frames = [corrected.data[k, -1] - np.median(corrected.data[k, -1][background]) for k in three]
tso.plotting.compare_frames(
    *frames, titles=[f"{detector}, integration {k}, last group, after refpix" for k in three], limits=(-100, 100)
)
plt.show()

# %% [markdown]
# *What to notice:* the rows look alike now. The background is grainy, and **no two frames have the same grain**. (The grain looks
# like short vertical strokes because each pixel is drawn much taller than wide.) Most of it is kTC noise.
#
# To see them without the grain of kTC noise, take the difference of the last two groups, in which kTC noise cancels, and
# magnify the columns that see no star:

# %%
zooms = [corrected.data[k, -1, :, 4:300] - corrected.data[k, -2, :, 4:300] for k in three]
tso.plotting.compare_frames(
    *zooms,
    titles=[f"{detector}, integration {k}, last minus second-to-last group" for k in three],
    limits=(-40, 40),
    first_column=4,
)
plt.show()

# %% [markdown]
# *What to notice:* vertical stripes from the bottom row to the top, in other places in each of the three panels. They are not
# a pattern of the detector, they are noise.
#
# Where do they come from? The 32 pixels of a column are read one after another within a third of a millisecond, then comes
# the next column. The output of the amplifier wanders slowly, so all pixels of a column are shifted by nearly the same
# amount, and a column a little later by another. To measure that shift *in column 1000* with reference pixels, they would have to stand
# *in column 1000*, at the top or at the bottom. The window has none there. Those at its ends were read long before and long after.

# %% tags=["before-step"]
found = stripes(corrected.data, background)
good = np.isfinite(found).all(axis=0)
between = np.corrcoef(found[three][:, good])[np.triu_indices(len(three), 1)]
print("stripes, correlation of one integration with another:", ", ".join(f"{r:.2f}" for r in between))
assert np.abs(between).max() < 0.3, "stripes of different integrations have nothing in common"

# %% [markdown]
# The simulation knows its 1/f noise. Are the stripes that you measured the ones that were put in?

# %%
if obs.truth is None:
    print("Real data: the true 1/f noise is unknown; lesson 07 measures its power spectrum instead.")
else:
    frames = obs.truth.one_over_f(detector, segment, integration)[-2:]
    true = tso.one_over_f.column_background(frames[1] - frames[0], background)
    agreement = np.corrcoef(true[good], found[integration][good])[0, 1]
    print(f"correlation of measured stripes and true 1/f noise: {agreement:.2f}")

# %% [markdown]
# They are. [Lesson 07](07_one_over_f.ipynb) removes them, with the background pixels above and below the spectrum in the role
# of the reference pixels that are missing.
#
# ## Compare with the truth: how good is the correction?
#
# The simulation also kept the pedestal and the odd/even offset of each group. The step subtracted one number per group and
# kind of row; compare:

# %%
if obs.truth is None:
    print("Real data: the true offsets are unknown.")
else:
    applied = (subtracted.data - corrected.data)[:, :, :, 4]  # (integration, group, row); all columns get the same
    true = np.stack([obs.truth.frame_offsets(detector, segment, k) for k in range(count)])
    error = applied - true
    within = error - error.mean(axis=1, keepdims=True)
    print(f"true offsets: {true.mean():.1f} DN on average, {true.std():.1f} DN rms about it")
    print(f"error of what was subtracted: {error.mean():.2f} DN on average; from group to group {within.std():.2f} DN")
    assert abs(error.mean()) < 0.1 * abs(true.mean()), "on average the reference pixels tell the truth"
    assert error.std() < 0.3 * true.std(), "and most of the time"

# %% [markdown]
# The average is right. But **from group to group** the correction differs from the true offsets by a few DN. Where does that
# come from? Only 128 pixels tell each number, and all of them stand in eight columns: they have read noise and 1/f noise of
# their own. Plot the error against the mean noise of the reference pixels, which the simulation knows:

# %%
if obs.truth is not None:
    chosen = range(min(count, 6))
    told = reference_pixels & even
    places = [(detector, segment, k) for k in chosen]
    noise = np.array(
        [(obs.truth.one_over_f(*place) + obs.truth.white_noise(*place))[:, told].mean(-1) for place in places]
    )
    noise -= noise.mean(axis=1, keepdims=True)
    mistake = within[list(chosen)][:, :, 0]
    tso.plotting.plot_agreement(
        noise,
        mistake,
        xlabel="noise of the reference pixels (DN)",
        ylabel="error of the correction (DN)",
        title="even rows, group by group",
    )
    plt.show()

# %% [markdown]
# *What to notice:* the dots follow the line on which both are equal: what goes wrong with the correction within an integration is the
# noise of the reference pixels, and nothing else. (Without a truth there is no figure.) Both are taken about their mean in each
# integration, because only changes within an integration matter for a slope.
#
# Is that bad? It depends on which noise it is. The slowest part of the 1/f noise shifts the whole frame, reference pixels and
# background alike: to subtract that is right, although it is no pedestal. The faster part is another one in the reference pixels
# than in the background: to subtract that **adds** noise to every pixel of the frame. What counts is the sum. By how much does the
# level of the background change from one group to the next, before and after? (The mean over all integrations, which is
# signal, is taken out first.)


# %%
def wander(data):
    """Standard deviation of the change of level from one group to the next, DN."""
    steps = np.diff(np.mean(levels(data, background), axis=0), axis=1)
    return np.std(steps - steps.mean(axis=0))


print(f"change from group to group: {wander(subtracted.data):.2f} DN before, {wander(corrected.data):.2f} DN after")
if obs.truth is not None:
    r = np.corrcoef(noise.ravel(), mistake.ravel())[0, 1]
    print(f"correlation of noise and error in the figure: {r:.3f}")
    assert r > 0.9, "the error of the correction is the reference pixels' own noise"

# %% [markdown]
# So here is the honest balance for this window: `refpix` removes the odd/even offset and ties every integration to the same
# level, and the jumps of the level from group to group shrink, but a rest of a few DN remains, because 256 pixels are few.
# That rest is common to all pixels of a group, so the column correction of lesson 07 takes it out together with the stripes.

# %%
assert wander(corrected.data) < 0.8 * wander(subtracted.data), "the level must change less from group to group"

# %% [markdown]
# ## Tune it
#
# The step has a dozen parameters; of those that the log lists, one is valid for a window with one amplifier. (`siglimit`, the limit
# of the clipping, is not listed, but works.) Try them: without telling odd from even, without the side pixels, with a sharper clipping.

# %%
variants = {
    "default": {},
    "odd_even_columns=False": {"odd_even_columns": False},
    "use_side_ref_pixels=False": {"use_side_ref_pixels": False},
    "siglimit=1.5": {"siglimit": 1.5},
}
outcome = {}
for name, parameters in variants.items():
    result = RefPixStep.call(subtracted, **parameters)
    outcome[name] = report(result.data, background)
    same = np.array_equal(result.data, corrected.data)
    print(f"{name:26}: odd/even {outcome[name][0]:6.2f} DN, drift {outcome[name][1]:5.2f} DN, same as default: {same}")
    del result

# %% [markdown]
# Without telling odd from even, the step removes the pedestal and leaves the whole odd/even offset. The side pixels'
# parameter changes nothing at all: it acts on full frames only. Its *side* is again meant in the detector's own orientation: in
# your array these would be rows at the top and the bottom, which this window does not have. The columns at your left and right ends
# are what the pipeline calls top and bottom. A sharper clipping throws
# away good reference pixels with the bad: fewer pixels tell each number, so the level is held less well.

# %%
left = outcome["odd_even_columns=False"][0]
assert abs(left) > 20 > 5 * abs(outcome["default"][0]), "one mean for all rows leaves the odd/even offset"

# %% [markdown]
# ## All segments, both detectors
#
# `obs.after("refpix", ...)` applies all steps up to this one to a segment and keeps the result on disk, so that the next
# lessons start there. One segment is in memory at a time.

# %%
print("detector segment  odd/even (DN)  drift (DN)  stripes (DN)")
for name in obs.detectors:
    for number in obs.segments:
        done = obs.after("refpix", name, number)
        numbers = report(done.data, tso.trace.background(done) & ~tso.dq.mask(done.pixeldq, "REFERENCE_PIXEL"))
        print(f"{name:8} {number:7} " + " ".join(f"{value:12.2f}" for value in numbers))
        done.close()
        del done

# %% [markdown]
# The same everywhere: no odd/even offset to speak of, a level that stays put, and stripes of several DN.
#
# ## Exercises
#
# The exercises work on the first two integrations, and what the lesson had in memory can go:

# %%
ramp = subtracted = corrected = frames = None
few = obs.after("saturation", detector, segment, integrations=slice(0, 2))
few_subtracted = SuperBiasStep.call(few)
few_corrected = RefPixStep.call(few_subtracted)

# %% [markdown]
# ### 1. Do it by hand
#
# Which number did `refpix` subtract from the **even rows** in the last group of integration 0? Work it out from
# `few_subtracted.data` and `reference_pixels` alone, in DN.
#
# <details><summary>Hint</summary>
#
# `even` is True for even rows; `reference_pixels & even` picks the right pixels. The step takes their mean after clipping at
# 3 standard deviations: `scipy.stats.sigmaclip(values, 3, 3)[0].mean()`. The plain mean is good enough here.
#
# </details>

# %%
answer = None  # your code here

frame, result = few_subtracted.data[0, -1], few_corrected.data[0, -1]
tso.exercises.check("refpix-by-hand", answer, before=frame, after=result, reference=reference_pixels)

# %% tags=["solution"]
from scipy.stats import sigmaclip

answer = sigmaclip(frame[reference_pixels & even], 3, 3)[0].mean()

assert tso.exercises.check("refpix-by-hand", answer, before=frame, after=result, reference=reference_pixels)

# %% [markdown]
# ### 2. A superbias that is wrong
#
# The bias of a detector can change by a few DN between the day when the reference was measured and yours. Make a superbias
# that is **100 DN too low everywhere**, run `SuperBiasStep` with it (`override_superbias=` takes a model) and then `RefPixStep`.
# By how many DN has the background changed in the end, compared with `few_corrected`? **Predict** it before you run it.
#
# <details><summary>Hint</summary>
#
# `wrong = superbias.copy()` and `wrong.data -= 100`, in this order. Compare the medians of `[:, -1]` where `background` is True. (The trap of
# lesson 03 does not bite here: this reference was measured in the same window, so nothing has been cut from it.)
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("superbias-off", answer)

# %% tags=["solution"]
wrong = superbias.copy()
wrong.data -= 100
shifted = RefPixStep.call(SuperBiasStep.call(few, override_superbias=wrong))
answer = np.median(shifted.data[:, -1][:, background]) - np.median(few_corrected.data[:, -1][:, background])

assert tso.exercises.check("superbias-off", answer)

# %% [markdown]
# ### 3. How large is the kTC noise?
#
# Estimate the standard deviation of the kTC noise in DN from data after `refpix`, without asking the truth. You have two
# integrations: `few_corrected.data[:, :, :, :]`.
#
# <details><summary>Hint</summary>
#
# The difference of the *same* group in two integrations holds two draws of kTC noise and two of read noise; the
# difference of two *neighbouring groups* of one integration holds two of read noise only. Variances add and subtract, standard deviations
# don't. Use `scatter(...)` and only the `background`, and the first groups, which hold the least light.
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("ktc-noise", answer, data=few_corrected.data, mask=background)

# %% tags=["solution"]
first, second = few_corrected.data[:, :2, background].transpose(1, 0, 2)  # two groups, each (integration, pixel)
reset_and_read = scatter(first[1] - first[0]) ** 2 / 2
read = scatter(second - first) ** 2 / 2
answer = np.sqrt(reset_and_read - read)

assert tso.exercises.check("ktc-noise", answer, data=few_corrected.data, mask=background)

# %% [markdown]
# ## Recap
#
# - The **superbias** is each pixel's fixed offset, thousands of DN, measured beforehand and subtracted from every group. It
#   leaves everything that moves: pedestal, odd/even offset, kTC noise, 1/f noise.
# - **Reference pixels** carry the flag REFERENCE_PIXEL. SUB2048 has them in four columns at either end and nowhere else, because
#   the window is as wide as the detector but only 32 rows high.
# - `refpix` subtracts their mean, for even and odd rows apart, from each group. The odd/even offset goes, and every
#   integration starts from the same level; `odd_even_columns` means rows here.
# - The mean of few reference pixels has noise of its own, which the step passes on to the whole frame; and **vertical
#   stripes stay**, because no reference pixel is read together with the column that it would have to correct.
#
# ## On real data
#
# - Set `TSO_OBSERVATION=mast` and the same cells run; those that compare with the truth say that there is none.
# - Sizes in the simulation follow the real observation: bias of 5,000 to 6,000 DN in NRS1 and about 8,000 DN in NRS2, odd/even
#   and column structure of some hundred DN. That active pixels stand a constant 40 to 55 DN above the reference pixels, and that
#   odd and even rows differ by a constant, are simplifications; real offsets also vary slowly along the frame.
# - Real reference files carry flags of their own (`UNRELIABLE_BIAS`), which the step adds to `pixeldq`.
# - Other modes have other windows: some windows of NIRISS and NIRCam contain reference rows, so their stripes can be
#   corrected in part, and NIRSpec's full frames are mostly read in IRS², a pattern that visits reference pixels all the time
#   (Rauscher et al. 2017). For MIRI's subarrays the pipeline skips the step.
#
# ## Next
#
# [05 · Linearity](05_linearity.ipynb): with the bias gone, DN mean charge, and you can see that ramps are not
# straight.
#
# ## References
#
# - JWST pipeline documentation: [superbias](https://jwst-pipeline.readthedocs.io/en/latest/jwst/superbias/index.html),
#   [refpix](https://jwst-pipeline.readthedocs.io/en/latest/jwst/refpix/index.html).
# - JWST user documentation:
#   [NIRSpec detector performance](https://jwst-docs.stsci.edu/jwst-near-infrared-spectrograph/nirspec-instrumentation/nirspec-detectors/nirspec-detector-performance).
# - Rauscher et al. 2007, Detectors for the JWST Near-Infrared Spectrograph I, arXiv:0706.2344: read-out and noise.
# - Rauscher 2015, arXiv:1509.06264: a noise model of the detectors (bias, reference pixels, 1/f).
# - Rauscher et al. 2017, arXiv:1707.09387: IRS², reference pixels read in between.
# - Schlawin et al. 2020, arXiv:2010.03564: random noise in time series, 1/f among it.
# - Alderson et al. 2023, doi:10.1038/s41586-022-05591-3: this observation.
