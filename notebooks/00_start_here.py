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
# ---

# %% [markdown]
# # 00 · Start here
#
# You see what a time-series observation delivers, get a first (bad) light curve straight out of the raw ramps, and learn
# the way from there to a good one.
#
# **You will be able to**
#
# - say what a time-series observation is, and name the four axes of its data;
# - read a ramp: what in it is light, and what is the detector;
# - put the steps of Stage 1 in order, and say which of them this series uses;
# - switch the lessons from simulated to real data, and check that your machine is ready.
#
# **You need** some Python with NumPy and Matplotlib. No knowledge of JWST is assumed. Words you don't know are in the
# [glossary](glossary.md).
#
# **Takes** 15 min to read and try, less than 1 min to run (2 min the first time, while the data are made); 1 GB peak
# memory; 0.3 GB disk for this lesson, 1.7 GB for the series.

# %% [markdown]
# ## What a time-series observation is
#
# A planet passes in front of its star and hides about two per cent of the light. To measure *how much* it hides at every
# wavelength, JWST looks at the star for hours, from before the transit until after it, and never moves. That is a
# **time-series observation** (TSO): not one deep image, but hundreds or thousands of spectra of the same star, each
# compared with the others. What counts is that the instrument is **stable**, and that whatever isn't stable is known.
#
# The example in all the lessons is the transit of **WASP-39 b** that program ERS 1366 observed in July 2022 with
# NIRSpec: grating G395H, filter F290LP, 465 spectra in 8.3 hours, on two detectors called NRS1 (2.8 to 3.7 µm) and NRS2
# (3.8 to 5.2 µm).
#
# ## Set up
#
# Every lesson begins with these lines. The last one opens the observation, or makes it: unless you ask for something
# else, the lessons use a **simulated** exposure that is built on your machine, without any network, when it is first
# needed.

# %%
import matplotlib.pyplot as plt
import numpy as np
from stdatamodels.jwst.datamodels import RampModel

import tso_helpers as tso

tso.plotting.use_style()
obs = tso.open_observation()

# %% [markdown]
# What you have: an exposure on two detectors, each in three files called **segments**, because one file would be too large.

# %%
kind = "simulated" if obs.is_simulated else "real"
print(f"a {kind} observation: detectors {', '.join(obs.detectors)}; segments {', '.join(map(str, obs.segments))}")
print(f"one group every {obs.group_time:.4g} s")

# %% [markdown]
# ## Four axes: up the ramp
#
# A CCD is read once, at the end of an exposure. JWST's infrared detectors are read **again and again while they collect
# light**, and reading does not disturb the charge. The values of one pixel, in the order in which they were read, form
# its **ramp**:
#
# | axis | what it counts | here |
# |---|---|---|
# | 0 · **integration** | from one reset of the pixels to the next: one spectrum | 465 in the real exposure |
# | 1 · **group** | samples up the ramp, between two resets | 70, one every 0.9 s |
# | 2 · **row** (y) | across the spectrum | 32 |
# | 3 · **column** (x) | along the spectrum: wavelength | 2048 |
#
# This order, (integration, group, row, column), never changes in these lessons, and all four are counted from zero.
# Here is the first segment of NRS1:

# %%
ramp = RampModel(obs.uncal("NRS1", segment=1))
names = ("integrations", "groups", "rows", "columns")
print(", ".join(f"{size} {name}" for size, name in zip(ramp.data.shape, names, strict=True)))
assert ramp.data.ndim == 4

# %% [markdown]
# With the simulated exposure, the numbers on axes 0 and 1 are smaller than in the table, so that the lessons run on any
# laptop: **54 integrations instead of 465**, spread evenly over the same 8.3 hours, and **14 groups instead of 70**,
# which are every fifth read, so that a ramp spans nearly the same time and reaches nearly the same signal. Everything else
# is full size.
#
# ### Read a ramp
#
# Three pixels of the first integration: one where the spectrum is bright, one far from it, and a **reference pixel** at the
# edge, which is covered and sees no light at all. (`obs.examples` holds a few places in the data that were chosen for you.)
#
# **Predict:** the star shines steadily. What will the three ramps look like, and where will they start?

# %%
bright = obs.examples["bright_nonlinear"]
pixels = {
    "on the spectrum": (bright.row, bright.column, "o-"),
    "beside it": (28, bright.column, "s--"),
    "reference pixel": (28, ramp.data.shape[-1] - 2, "^:"),
}
times = obs.group_time * np.arange(ramp.data.shape[1])
fig, ax = plt.subplots()
for name, (row, column, style) in pixels.items():
    ax.plot(times, ramp.data[0, :, row, column], style, label=f"{name}: row {row}, column {column}")
ax.set(
    xlabel="time since the first group [s]",
    ylabel="raw signal [DN]",
    title="Up the ramp: three pixels of one integration",
)
ax.legend()
plt.show()

# %% [markdown]
# *What to notice:* the pixel on the spectrum (circles) climbs by tens of thousands of counts; the pixel beside it
# (squares) and the reference pixel (triangles) stay flat. But no ramp starts near zero, and the two flat ones, which see
# hardly any light or none, lie at different heights: the detector adds a **bias** of thousands of counts that differs from
# pixel to pixel. Counts are in **DN** (data numbers).
#
# If you predicted lines that start at zero: that is what Stage 1 makes of them. If you predicted straight lines, you are
# nearly right, and lesson 05 is about the "nearly".

# %%
row, column, _ = pixels["on the spectrum"]
rise = ramp.data[0, -1, row, column] - ramp.data[0, 0, row, column]
print(f"on the spectrum: {rise:.3g} DN in {times[-1] - times[0]:.3g} s, {rise / (times[-1] - times[0]):.3g} DN/s")
assert rise > 1000

# %% [markdown]
# The **slope** of a ramp, in DN/s, is what we want: it is proportional to the light. The whole of Stage 1 exists to measure
# that slope well for each pixel and each integration.
#
# ## A light curve in five lines
#
# Why not take the last group minus the first, add up all pixels, and be done? Try it. The function opens one segment at a
# time and closes it again, so that memory stays small.

# %%
ramp.close()


def last_minus_first(path):
    with RampModel(path) as ramp:
        return (ramp.data[:, -1] - ramp.data[:, 0]).sum(axis=(1, 2))


# %% [markdown]
# Adding up the segments in order gives one number per integration. Dividing by the median of the first quarter, before
# the transit begins, makes it relative.

# %%
raw = np.concatenate([last_minus_first(obs.uncal("NRS1", segment)) for segment in obs.segments])
before = slice(0, len(raw) // 4)
raw /= np.median(raw[before])

# %% [markdown]
# **Predict:** the planet hides 2 % of the light for about three hours. Will you see it?

# %%
hours = np.linspace(0, 8.3, len(raw))
fig, ax = plt.subplots()
ax.plot(hours, raw, "o", label="last minus first group, all pixels")
if obs.truth is not None:
    truth = obs.truth.transit("NRS1")[1]
    ax.plot(hours, truth / np.median(truth[before]), "k-", label="true transit")
ax.set(
    xlabel="time since the start [h]", ylabel="relative flux", title="NRS1: a light curve straight from the raw ramps"
)
ax.legend()
plt.show()

# %% [markdown]
# *What to notice:* something happens in the middle, but the points scatter around the black line (the true transit, which we
# know because the exposure is simulated) by a large part of its depth, and some are further off than the transit is deep.
# This is the white light, all wavelengths together. The atmosphere of the planet shows in differences *between*
# wavelengths that are more than ten times smaller than the dip: nothing of that can be measured here.
#
# If you did not expect to see anything: the star is bright. If you expected a clean curve: so did many.
#
# Scatter in a light curve is usually given in **ppm**, parts per million.

# %%
scatter = 1e6 * np.std(raw[before])
print(f"scatter before the transit: {scatter:.2g} ppm")
if obs.truth is not None:
    seconds, electrons = np.ptp(obs.truth.recipe.times), obs.truth.light_curve("NRS1")[1][0]
    print(f"depth of the transit: {1e6 * (1 - truth.min() / truth.max()):.2g} ppm")
    print(f"scatter that the light itself would have: {1e6 / np.sqrt(electrons * seconds):.2g} ppm")
assert scatter > 2000

# %% [markdown]
# Light comes in photons, and counting them can't be more precise than that last number. Where does the rest come from?
# Each frame carries offsets and stripes of the read-out electronics, cosmic rays hit tens of places per integration,
# and tens of thousands of pixels that see little or nothing of the star were added up as well. These are the subjects
# of the lessons. In lesson 09 you will draw this figure again, from calibrated ramps.
#
# ## The map
#
# Stage 1 of the JWST pipeline (`calwebb_detector1`) is a chain of steps. Each undoes one thing that the detector did, in
# the reverse of the order in which it did them. This map returns in every lesson, with a mark where you are.

# %%
tso.plotting.stage1_map(here="uncal")
plt.show()

# %% [markdown]
# *What to notice:* thirteen boxes read like text, from the top left. Blue boxes are steps that the lessons run, each with
# the number of its lesson; dashed grey ones belong to the pipeline but are not used here; the orange box is ours. (The
# pipeline has a few more, such as `ipc` and `persistence`, which it skips for these data: the map leaves them out.)
#
# | step | here? | why |
# |---|---|---|
# | group_scale | no | corrects for frames averaged on board; with NRSRAPID each group is one frame |
# | dq_init | lesson 02 | flags that tell good pixels from bad ones |
# | saturation | lesson 03 | samples at the end of a pixel's range are useless, or worse |
# | superbias, refpix | lesson 04 | the offsets you saw above |
# | linearity | lesson 05 | "nearly" straight |
# | dark_current | lesson 06 | small for a bright star, and that is the lesson |
# | **1/f noise** | lesson 07 | **our departure**, see below |
# | charge_migration | no | for undersampled, very bright sources; explained in lesson 05 |
# | jump | lesson 08 | cosmic rays |
# | clean_flicker_noise | no | the pipeline's own treatment of 1/f noise, off by default; compared in lesson 07 |
# | ramp_fit, gain_scale | lesson 09 | slopes, and their scale |
#
# **Where the series departs from the pipeline, and why.** The stripes of 1/f noise change from one group to the next. We
# subtract them group by group, *before* looking for cosmic rays, as many time-series teams do: what jump detection and
# the ramp fit then see is less noisy. The pipeline's own `clean_flicker_noise` comes after `jump`. Lesson 07 measures
# what difference it makes.
#
# ## How the lessons work
#
# - **Each stands alone.** A lesson asks for the ramp after the step before its own,
#   `obs.after("superbias", detector="NRS1", segment=1)`. What is not there yet is computed and kept.
# - **The step itself is always the real pipeline**, called in the open: `SaturationStep.call(ramp)`.
# - **Predict, run, explain.** Write your guess down before you run the cell. A wrong guess teaches more than a right one.
# - **The truth is known.** `obs.truth` holds what the simulation put in; each lesson ends by measuring how close its step
#   came to that. The pipeline never sees it.
# - **Exercises answer back.** Replace `None` by your answer and run the cell.
# - **Nothing can break.** You work on a copy; `tso lab --reset 03` brings a lesson back, and puts yours aside.
#
# For instance, the ramp after every offset has been taken out:

# %%
row, column, _ = pixels["beside it"]
with RampModel(obs.uncal("NRS1", segment=1)) as raw_ramp, obs.after("refpix", detector="NRS1", segment=1) as calibrated:
    raw_level, level = (float(np.median(ramp.data[0, :, row, column])) for ramp in (raw_ramp, calibrated))
print(f"the pixel beside the spectrum: {raw_level:.3g} DN in the raw ramp, {level:.2g} DN now")
assert abs(level) < raw_level / 5

# %% [markdown]
# ## Simulated or real
#
# | `TSO_OBSERVATION` | data | disk |
# |---|---|---|
# | `simulated` (or not set) | the exposure of lesson size, built in about a minute | 0.3 GB |
# | `simulated-full` | 465 integrations of 70 groups, like the real one | 8.5 GB |
# | `mast` | the real observation, which lesson 01 downloads | 8.5 GB |
# | a folder | your own `uncal` files of a NIRSpec bright-object time series | |
#
# Set it before you start: `TSO_OBSERVATION=mast tso lab`. No lesson has to be edited.
#
# The simulation follows published numbers for the star, the planet and the detectors, and draws every effect in the order
# in which nature does. Its files have the names and headers of the real ones, but say in their headers and in the name of
# their folder that they are simulated. It is made for learning how calibration works. It is not a source of results about
# WASP-39 b.
#
# ## Is your machine ready?
#
# A lesson needs about 1.5 GB of memory, the series 1.7 GB of disk. `tso doctor` on the command line says more.

# %% tags=["nbval-ignore-output"]
for check in tso.doctor.checks(network=False):
    print(f"{check.state:8} {check.name}")

# %% [markdown]
# The pipeline changes every few months, and so do the reference files; a result should always say which versions made it.
# The lessons pin theirs, so that the numbers in the text stay true.

# %%
from importlib.metadata import version

print(", ".join(f"{name} {version(name)}" for name in ("jwst", "stcal", "numpy", "astropy")))

# %% [markdown]
# - What changed: the [pipeline's release notes](https://github.com/spacetelescope/jwst/blob/main/CHANGES.rst) and its
#   [documentation](https://jwst-pipeline.readthedocs.io).
# - What is known to be wrong: [known issues with JWST data](https://jwst-docs.stsci.edu/known-issues-with-jwst-data).
# - Where to ask: the [JWST Help Desk](https://jwsthelp.stsci.edu).
#
# ## Exercises
#
# ### 1. How many numbers?
#
# How many samples does one detector of the **real** exposure deliver, all segments together? (How many gigabytes is that,
# at two bytes per sample? And as four-byte floats, with flags?)
#
# <details><summary>Hint</summary>
#
# Multiply the four numbers in the table of the axes.
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("start-samples", answer)

# %% [markdown] tags=["solution"]
# One way to do it:

# %% tags=["solution"]
answer = 465 * 70 * 32 * 2048
print(f"{2 * answer / 1e9:.2g} GB raw, {4 * answer / 1e9:.2g} GB as floats")

assert tso.exercises.check("start-samples", answer)

# %% [markdown]
# ### 2. The order of things
#
# Saturation is a property of the raw counts; non-linearity is a property of the charge that light made; a ramp is fitted
# when nothing is left to correct. Put these five steps in the order in which they must run, without looking at the map.
#
# <details><summary>Hint</summary>
#
# Which step needs counts that nothing has been subtracted from? Which one needs ramps that start at zero?
#
# </details>

# %%
steps = ["ramp_fit", "linearity", "jump", "superbias", "saturation"]
answer = None  # your code here: the same five names in order

tso.exercises.check("start-order", answer)

# %% [markdown] tags=["solution"]
# One way to do it:

# %% tags=["solution"]
answer = ["saturation", "superbias", "linearity", "jump", "ramp_fit"]

assert tso.exercises.check("start-order", answer)

# %% [markdown]
# ## Recap
#
# - A time-series observation is hundreds of spectra of one star, compared with each other; its axes are integration,
#   group, row and column.
# - A raw ramp is bias plus light: its slope, in DN/s, is what counts.
# - Stage 1 runs saturation on raw counts, then takes out offsets and bends, then noise and jumps, then fits; the series
#   runs ten steps, one of them its own.
# - `TSO_OBSERVATION` chooses the data, and `tso doctor` looks at the machine.
#
# ## On real data
#
# Everything here runs as it stands, on 465 integrations of 70 groups. There is no true transit to draw, and no truth to
# compare with in any lesson: what you learn from the simulation is how far to trust each step.
#
# ## Next
#
# [01 · Download the data and take quick looks](01_download_and_quick_looks.ipynb). Short of time? Parts of lessons
# [03](03_saturation.ipynb), [07](07_one_over_f.ipynb) and [09](09_ramp_fitting.ipynb) make a workshop of 90 minutes.
#
# ## References
#
# - Where this series comes from: N. Espinoza's TSO session of STScI's
#   [JWebbinars](https://www.stsci.edu/jwst/science-execution/jwebbinars).
# - The observation: JWST Transiting Exoplanet Community Early Release Science team, program 1366; Alderson et al. 2023,
#   [doi:10.1038/s41586-022-05591-3](https://doi.org/10.1038/s41586-022-05591-3).
# - The methods owe much to STScI's time-series working group and to the developers of the
#   [`jwst` pipeline](https://jwst-pipeline.readthedocs.io).
# - NIRSpec's [bright object time-series mode](https://jwst-docs.stsci.edu/jwst-near-infrared-spectrograph).
