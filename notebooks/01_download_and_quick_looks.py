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
# # 01 · Download the data and take quick looks
#
# You find the raw files of a transit in the archive, fetch the ones that you want, and look at what the detectors
# delivered, before anything is calibrated.
#
# **You will be able to**
#
# - find the raw files of any JWST time series in the archive, and fetch only those;
# - check on the target-acquisition images whether the star was where it should be;
# - open a raw file as a data model, and find out from it what was observed, when and how;
# - say how much memory a calibration takes, before you run out of it;
# - tell, in a raw frame, what is star and what is detector.
#
# **You need** lesson [00](00_start_here.ipynb), or to know what integrations and groups are. Words you don't know are in
# the [glossary](glossary.md).
#
# **Takes** 25 min to read and try, less than 1 min to run; 0.8 GB peak memory; 0.3 GB disk. With real data: 8.5 GB disk, and
# the time that your network takes.

# %% [markdown]
# ## Set up

# %%
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits
from jwst import datamodels

import tso_helpers as tso

tso.plotting.use_style()

# %% [markdown]
# Where are we? Before the first step of Stage 1: what goes in is what you download now.

# %%
tso.plotting.stage1_map(here="uncal")
plt.show()

# %% [markdown]
# *What to notice:* the mark is at the top left. No box of the map has been run yet; everything in this lesson is **raw**.
#
# ## Ask the archive
#
# All JWST data are in **MAST**, the archive at STScI. You can click your way through its
# [portal](https://mast.stsci.edu), but a program remembers what it asked for. The library for that is
# [`astroquery`](https://astroquery.readthedocs.io/en/latest/mast/mast.html):
#
# ```python
# from astroquery.mast import Observations
# observations = Observations.query_criteria(proposal_id="1366", ...)
# ```
#
# The cells below use `mast` in the place of `Observations`. With real data, it hands your question to astroquery.
# With the simulated exposure, it answers from the files on your disk: the calls and tables are the same, and no network
# is needed.

# %%
mast = tso.archive.connect()
print("MAST answers" if isinstance(mast, tso.archive.MastArchive) else "the files on your disk answer")

# %% [markdown]
# Every criterion is a column of MAST's table of observations. Four of them single out our transit:
#
# | criterion | value | why |
# |---|---|---|
# | `instrument_name` | `NIRSpec/SLIT` | bright-object time series go through a slit, the wide S1600A1 |
# | `filters` | `F290LP;G395H` | filter and grating |
# | `proposal_id` | `1366` | the Early Release Science program for transiting planets |
# | `target_name` | `WASP-39` | the star, by the proposal's name for it |

# %%
observations = mast.query_criteria(
    instrument_name="NIRSpec/SLIT", filters="F290LP;G395H", proposal_id="1366", target_name="WASP-39"
)
print(observations["target_name", "instrument_name", "filters", "proposal_pi"])
assert len(observations) >= 1, "files of your own? then ask for their program, target and grating"

# %% [markdown]
# An **observation** is not a file. It is one entry of the program, a target with its settings, and MAST keeps dozens or hundreds of
# files for it: raw data, everything that the pipeline made of them, previews, guide-star images. Ask for the list.

# %%
products = mast.get_unique_product_list(observations)
kinds = Counter(str(kind) or "previews and others" for kind in products["productSubGroupDescription"])
print(f"{len(products)} files")
for kind, count in sorted(kinds.items()):
    print(f"{count:5d} {kind}")

# %% [markdown]
# We want one kind only: `UNCAL`, the raw ramps, also called Level 1b. The rates (`RATEINTS`) come from MAST's own run of
# the pipeline, with settings that suit most data and no care for time series. You are here to make better ones.
#
# **Predict:** the exposure was cut into 3 segments, for each of 2 detectors. Before it, NIRSpec took 2 small images to
# find the star. How many files will the filter leave?

# %%
uncal = mast.filter_products(products, productType="SCIENCE", productSubGroupDescription="UNCAL")
print(tso.archive.summary(uncal, mast.folder))
print(f"together {sum(uncal['size']) / 1e9:.2g} GB")

# %% [markdown]
# If you said eight, you are right: 3 × 2 + 2. If you said six, you left out the **target acquisition**, the two tiny files
# on top, which we look at below. The six large files are about 33 MB each here; in the real observation
# they are about 1.4 GB each.
#
# The names are not as bad as they look. Take `jw01366003001_04101_00001-seg001_nrs1_uncal.fits` apart:
#
# | part | means |
# |---|---|
# | `01366` `003` `001` | program, observation, visit |
# | `04` `1` `01` | visit group, parallel sequence, activity; target acquisition is `02101`, the time series `04101` |
# | `00001` | exposure |
# | `seg001` | segment: long exposures are cut in time, so that no file gets too large |
# | `nrs1` | detector |
# | `uncal` | what kind of file |
#
# ## Fetch what you want
#
# `mast.download` puts each file where astroquery would put it, `mastDownload/JWST/<name>/`. It leaves alone what is there
# and whole; a download that broke off goes on where it stopped. Files of 1.4 GB and conference wifi make you
# care about that: astroquery 0.4.11 would begin again from the first byte.

# %%
report = mast.download(uncal)
print(report["file", "status"])
assert all(report["status"])

# %% [markdown]
# With the simulated exposure, every file is `present`, for it was made on your machine. With real data, you would see
# `downloaded`, and at the second run `present`.
#
# Only one detector? `uncal` is a table, so pick rows before you download:
# `uncal[[name.endswith("nrs1_uncal.fits") for name in uncal["productFilename"]]]`.
#
# **The same for other time-series modes.** Only the criteria change. In the same program:
#
# | mode | `instrument_name` | `target_name` |
# |---|---|---|
# | NIRISS, single-object slitless | `NIRISS/SOSS` | `WASP-39` |
# | NIRCam, grism time series | `NIRCAM/GRISM` | `WASP-39` |
# | MIRI, low-resolution slitless | `MIRI/SLITLESS` | `WASP-43` |
#
# ### Exercise 1: ask for another instrument
#
# Program 1366 also watched a full orbit of the planet WASP-43b with MIRI's slitless spectrograph. Write
# the criteria that find those data, as a dictionary. MIRI's low-resolution mode has one prism and no choice of filter.
#
# <details><summary>Hint</summary>
#
# Three entries are enough: `{"instrument_name": ..., "proposal_id": ..., "target_name": ...}`. A target is a star.
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("archive-criteria", answer)

# %% [markdown] tags=["solution"]
# No `filters`: the ones above belong to NIRSpec.

# %% tags=["solution"]
answer = {"instrument_name": "MIRI/SLITLESS", "proposal_id": "1366", "target_name": "WASP-43"}

assert tso.exercises.check("archive-criteria", answer)

# %% [markdown]
# ## Open the observation
#
# Paths of eight files are tedious. `open_observation` knows where they are; from now on you ask it.

# %%
obs = tso.open_observation()
print(obs)
print("first file:", obs.uncal("NRS1", segment=1).name)
assert len(uncal) == len(obs.target_acquisition) + len(obs.segments) * len(obs.detectors)

# %% [markdown]
# ## Was the star where it should be?
#
# The light of the star goes through an opening of 1.6 × 1.6 arcseconds. If the star is not in its middle, every
# small movement of the telescope changes how much light gets through, and you would call that a signal. So NIRSpec
# first takes an image without dispersion through the same opening, computes where the star is, and moves the telescope.
# A second image shows whether that worked. It is always worth a look: nobody can repair a star that was missed.

# %%
acquisition = []
for path in obs.target_acquisition:
    with datamodels.RampModel(path) as ramp:
        print(f"{path.name}: shape {ramp.data.shape}")
        acquisition.append(ramp.data[0].copy())
assert all(frames.shape[0] == 3 for frames in acquisition)

# %% [markdown]
# One integration, three groups, and 32 × 32 pixels of 0.1 arcseconds. A ramp as short as that is still a ramp. Here is
# its last group, in both images, with a cross-hair on the middle of the frame.

# %%
titles = ["1: before the correction", "2: after it"]
tso.plotting.show_target_acquisition(
    [frames[-1] for frames in acquisition], titles, label="raw signal, last group (DN)"
)
plt.show()

# %% [markdown]
# *What to notice:* the star is the bright blob near the cross-hair, a few pixels to the upper left of it in image 1, closer
# in image 2. The mottled rest, 5,000 DN and more, looks the same in both images. It is no sky: it is the bias.
#
# **Predict:** what will be left of the mottled pattern if you subtract the first group from the last?

# %%
gained = [frames[-1] - frames[0] for frames in acquisition]
peaks = [np.unravel_index(np.argmax(image), image.shape) for image in gained]
tso.plotting.show_target_acquisition(
    gained, titles, stars=peaks, mark="brightest pixel", label="last minus first group (DN)"
)
plt.show()

# %% [markdown]
# *What to notice:* only the star is left, with a circle around its brightest pixel. The pattern was in both groups, so
# it is gone. Light adds up from group to group; the bias does not. That difference is the most useful trick of this
# lesson, and you will use it again below.

# %%
scatter = [float(np.std(image[:8])) for image in (acquisition[0][-1], gained[0])]
print(f"scatter of the lowest 8 rows: {scatter[0]:.3g} DN in the last group, {scatter[1]:.3g} DN in the difference")
assert scatter[1] < scatter[0] / 3

# %% [markdown]
# How far is the star from the middle of the frame?

# %%
middle = (np.array(gained[0].shape) - 1) / 2
offsets = [float(np.hypot(*(np.array(peak) - middle))) for peak in peaks]
for title, offset in zip(titles, offsets, strict=True):
    print(f"{title}: {offset:.2g} pixels, {0.1 * offset:.1g} arcseconds")
assert offsets[1] < offsets[0]

# %% [markdown]
# The correction worked. But the brightest pixel is a rough measure: it can't be better than half a pixel.
#
# ### Exercise 2: measure the star
#
# Measure the place of the star in the **first** image to a fraction of a pixel: its **centroid**, the mean of the pixels'
# rows and columns, weighted with the star's light. Answer with two numbers, `(row, column)`.
#
# <details><summary>Hint</summary>
#
# `rows, columns = np.indices(image.shape)` gives the coordinates of each pixel, and `np.average(rows, weights=light)` the
# weighted mean. What is `light`? Not the last group, where the bias outweighs the star. And in the difference, a little
# background is left in a thousand pixels: subtract its median, and set to zero what is not star, say below a
# tenth of the peak.
#
# </details>

# %%
frames = acquisition[0]  # (group, row, column)
answer = None  # your code here

tso.exercises.check("ta-centroid", answer, frames=frames)

# %% [markdown] tags=["solution"]
# NIRSpec's own algorithm does the same in the brightest 0.3 × 0.3 arcseconds.

# %% tags=["solution"]
frames = acquisition[0]
light = frames[-1] - frames[0]
light = light - np.median(light)
light = np.where(light > 0.1 * light.max(), light, 0)
rows, columns = np.indices(light.shape)
answer = (np.average(rows, weights=light), np.average(columns, weights=light))
print(f"row {answer[0]:.3g}, column {answer[1]:.3g}")

assert tso.exercises.check("ta-centroid", answer, frames=frames)

# %% [markdown]
# ## Open a raw file
#
# JWST files are FITS files, but don't open them as such. `jwst.datamodels` gives every number a name that you can read, and
# every pipeline step takes and returns data models. `RampModel` is the one for ramps.

# %%
ramp = datamodels.RampModel(obs.uncal("NRS1", segment=1))
print(ramp.data.shape)
print(f"group time {ramp.meta.exposure.group_time:.4g} s; principal investigator {ramp.meta.program.pi_name}")

integrations, groups, rows, columns = ramp.data.shape
assert groups == ramp.meta.exposure.ngroups
assert integrations == ramp.meta.exposure.integration_end - ramp.meta.exposure.integration_start + 1

# %% [markdown]
# The axes are (integration, group, row, column), here and everywhere else. All that the header knows is under `ramp.meta`,
# hundreds of entries. You need not know their names: `search` finds them by a part of the name.

# %%
ramp.search("date")

# %% [markdown]
# When were the data taken? The entry under `observation` tells. (The `date` above it says when the file was written.)
# Who asked for them?

# %%
ramp.search("pi_name")

# %% [markdown]
# Are these data real? A simulated file says so in its header, under the keyword `SIMULATD`, and in its history.

# %%
header = fits.getheader(obs.uncal("NRS1", segment=1))
print("simulated" if header.get("SIMULATD") else "observed")
assert bool(header.get("SIMULATD")) == obs.is_simulated

# %% [markdown]
# One segment is a third of the exposure. What belongs together is in the header, too: which integrations of the exposure a
# file holds. The table `int_times` has the time of each, also as BJD_TDB, the clock that exoplanet people compare transits
# with: it takes out that JWST moves around the Sun.

# %%
ramp.close()
ends = []
for segment in obs.segments:
    with datamodels.RampModel(obs.uncal("NRS1", segment)) as ramp:
        exposure, times = ramp.meta.exposure, np.array(ramp.int_times["int_mid_BJD_TDB"])
        ends += [times[0], times[-1]]
        hours = (times[[0, -1]] - ends[0]) * 24
        print(
            f"segment {segment}: integrations {exposure.integration_start} to {exposure.integration_end} "
            f"of {exposure.nints}, {hours[0]:.2f} to {hours[1]:.2f} h"
        )
assert np.all(np.diff(ends) > 0)

# %% [markdown]
# The segments follow one another in time: it is one exposure in three files. To put a light curve together, you
# stitch them in this order (lesson 09).
#
# ## How much memory will this take?
#
# In the file, a sample is a whole number of 2 bytes. That is how the telescope sends it.
#
# **Predict:** the real observation has 8.5 GB of raw data. How much memory does a computer need that opens all six files and
# runs a step on them?

# %%
path = obs.uncal("NRS1", segment=1)
with datamodels.Level1bModel(path) as raw, datamodels.RampModel(path) as ramp:
    in_file, in_memory, flag = raw.data.dtype, ramp.data.dtype, ramp.groupdq.dtype
per_sample = in_memory.itemsize + flag.itemsize
print(f"in the file {in_file}, {in_file.itemsize} bytes a sample")
print(f"in memory {in_memory}, with a flag of {flag}: {per_sample} bytes a sample")
samples = 2 * 465 * 70 * 32 * 2048  # detectors, integrations, groups, rows, columns: the real observation
print(f"files        {samples * in_file.itemsize / 1e9:5.1f} GB")
print(f"opened       {samples * per_sample / 1e9:5.1f} GB")
print(f"with results {2 * samples * per_sample / 1e9:5.1f} GB")
assert 2 * samples * per_sample > 16e9

# %% [markdown]
# Whole numbers become floats, each sample gets a byte of flags, and a step makes a copy to work on. While it works, it
# needs arrays of its own as well: 50 GB and more, for 8.5 GB of files. Few laptops have that, and Binder has 2 GB. So these
# lessons
#
# - use an exposure of lesson size by default: fewer integrations and groups, but whole frames;
# - work on **one segment** at a time, and close it when they are done;
# - can read a few integrations of a large file, `obs.after("uncal", "NRS1", 1, integrations=slice(0, 5))`.
#
# ### Exercise 3: before you run out of it
#
# A NIRISS/SOSS exposure of yours has 300 integrations of 8 groups, in frames of 256 × 2048 pixels. How many GB (10⁹ bytes)
# do its samples and flags take in memory, before any step has run?
#
# <details><summary>Hint</summary>
#
# Bytes per sample: look at the output above, "in memory".
#
# </details>

# %%
shape = (300, 8, 256, 2048)  # integration, group, row, column
answer = None  # your code here

tso.exercises.check("ramp-memory", answer, shape=shape)

# %% [markdown] tags=["solution"]
# Four bytes for the sample, one for its flags.

# %% tags=["solution"]
answer = np.prod(shape) * (4 + 1) / 1e9
print(f"{answer:.3g} GB")

assert tso.exercises.check("ramp-memory", answer, shape=shape)

# %% [markdown]
# ## A first look
#
# Now the science frames. Take one integration, the eleventh (index 10), and of it the first and the last group, on
# both detectors.

# %%
integration = min(10, obs.shape("NRS1", segment=1)[0] - 1)
first, last = {}, {}
for detector in obs.detectors:
    with datamodels.RampModel(obs.uncal(detector, segment=1)) as ramp:
        first[detector] = ramp.data[integration, 0].copy()
        last[detector] = ramp.data[integration, -1].copy()

# %% [markdown]
# NRS1 first. Both groups with the same stretch, 3,000 to 9,000 DN.
#
# **Predict:** the first group is read one second after the reset, the last one a minute later. What will be in both, and
# what only in the last?

# %%
titles = [f"{{}}: first group, integration {integration}", "{}: last group"]
tso.plotting.compare_frames(
    first["NRS1"], last["NRS1"], titles=[t.format("NRS1") for t in titles], limits=(3000, 9000), label="raw signal (DN)"
)
plt.show()

# %% [markdown]
# *What to notice:* in the last group, a bright band runs from column 600, near row 20, down to the right end, near
# row 11. That is the **spectrum**: wavelength runs along it, from 2.8 µm near its left end to 3.7 µm. To the left there is none:
# the filter passes no light that is so blue. In the first group, the spectrum is barely there. Everything else is in both:
# horizontal bands (every second row), columns brighter than their neighbours, brighter ends. The small specks that
# are new in the last group are mostly cosmic rays.

# %%
tso.plotting.compare_frames(
    first["NRS2"],
    last["NRS2"],
    titles=[t.format("NRS2") for t in titles],
    limits=(6000, 12000),
    label="raw signal (DN)",
)
plt.show()

# %% [markdown]
# *What to notice:* the same on NRS2, at another level (the stretch is 6,000 to 12,000 DN) and with darker ends. The
# spectrum goes on, from 3.8 µm at the left to 5.2 µm at the upper right, across the whole detector, and it gets fainter.
#
# **Nearly all structure that you saw is the detector's.** How much? Look at the top four rows, which the spectrum hardly reaches (only
# the right end of NRS2's comes close), and use the trick from above. (By the way: a figure is narrower than 2048 columns, so a single
# bright pixel may be missing from it.)


# %%
def spread(image):
    """Half the width of the central 68 per cent: like a standard deviation, but blind to a few cosmic rays."""
    return float(np.diff(np.percentile(image, [16, 84]))[0] / 2)


rise = {detector: last[detector] - first[detector] for detector in obs.detectors}
for detector in obs.detectors:
    before, after = spread(last[detector][28:]), spread(rise[detector][28:])
    print(f"{detector}, rows 28 to 31: {before:.3g} DN in the last group, {after:.3g} DN in last minus first")
    assert after < before / 5

# %% [markdown]
# Some hundred DN of structure in a frame, of which no more than about fifteen change while light is collected. What
# stays fixed can be measured once and subtracted: that is what **reference files** are for, and most of Stage 1.
#
# Here is what remains, the light of one minute:

# %%
tso.plotting.compare_frames(
    rise["NRS1"],
    rise["NRS2"],
    titles=[f"{d}: last minus first group" for d in ("NRS1", "NRS2")],
    limits=(-60, 200),
    label="signal (DN)",
)
plt.show()

# %% [markdown]
# *What to notice:* the stretch is more than twenty times finer than before, and still the background is nearly flat. The spectrum
# has wide wings. Specks and streaks that were hidden come out: some are cosmic rays (the streak that stands on NRS2's
# spectrum near column 270 is one), some are hot pixels, which collect charge in the dark. Faint vertical stripes
# are left, too: they differ from group to group, so no difference and no reference file removes them. They are
# **1/f noise**, and have a lesson of their own (07).
#
# ### Two detectors, one spectrum
#
# Add up all rows of the difference and you have a spectrum: crude, but made by you.

# %%
spectra, known = {}, obs.truth is not None
for number, detector in enumerate(obs.detectors):
    light = rise[detector].sum(axis=0)
    place = obs.truth.wavelength(detector) if known else np.arange(light.size) + number * light.size
    spectra[detector] = (place, light)
label = "wavelength (µm)" if known else "column (NRS2 counted on from NRS1)"
ax = tso.plotting.plot_raw_spectra(spectra, xlabel=label, title="Light of one integration, all rows added")
ax.set_ylim(-5000, 1.3 * np.percentile(spectra["NRS1"][1], 99))
plt.show()

# %% [markdown]
# *What to notice:* the two detectors lie side by side, with a **gap** between 3.72 and 3.82 µm, where the light falls
# between them. Below 2.7 µm, the counts are near zero; then they rise steeply, stay level from 3.0 to 3.5 µm, and fall
# towards 5.2 µm. Columns that stick out upwards hold a cosmic ray or a hot pixel, those that drop hold a dead
# pixel. At either end of a detector the curve falls to zero: those columns are covered (lesson 04). (With real data, the
# axis is the column: a file knows its wavelengths only after Stage 2.)

# %%
if obs.truth is not None:
    ends = [float(obs.truth.wavelength(detector)[end]) for detector, end in (("NRS1", -1), ("NRS2", 0))]
    print(f"NRS1 ends at {ends[0]:.3g} µm, NRS2 begins at {ends[1]:.3g} µm")
    assert ends[0] < ends[1]

# %% [markdown]
# ## How close to the truth is that?
#
# Not bad for a subtraction. Do we need the rest of the pipeline? The simulation knows how many DN the light
# made in each pixel, before the detector had its say. Compare.

# %%
if obs.truth is None:
    print("real data: nobody knows the truth, so go on")
else:
    for detector in obs.detectors:
        ramp = obs.truth.noiseless_ramp(detector, 1, integration)
        true = ramp[-1] - ramp[0]
        bright = true > 0.5 * true.max()
        ratio = float(np.median(rise[detector][bright] / true[bright]))
        offset = float(np.median(rise[detector][28:] - true[28:]))
        print(
            f"{detector}: bright pixels measured at {100 * ratio:.1f} % of the truth; background off by {offset:.2g} DN"
        )
        assert 0.9 < ratio < 0.995

# %% [markdown]
# Some per cent of the light of the brightest pixels is missing. A transit hides two per cent, and its variation with
# wavelength is more than ten times smaller than that. So a bright pixel that reads too low, by an amount that depends on how
# bright it is, is not a detail. Lessons 02 to 09 find out where each per cent went.
#
# ## Recap
#
# - You ask MAST with criteria, list the products, filter them to `SCIENCE` and `UNCAL`, and fetch only those; a download
#   that broke off goes on.
# - In target acquisition, the second image shows whether the star came to the middle.
# - `datamodels.RampModel` opens a raw file; `.meta`, `.search()` and `.int_times` tell what, when and how.
# - In memory, a sample takes five bytes instead of two, and every step makes a copy: count before you run.
# - What is in the first group already is detector; what grows from group to group is light, or a cosmic ray, or a
#   hot pixel.
#
# ## On real data
#
# Set `TSO_OBSERVATION=mast`, open this lesson, and run it: the cells ask MAST and fetch eight files, 8.5 GB. On the command
# line, `tso data --fetch` does the same, and `tso data --fetch --detectors NRS1` only half of it (then
# `tso.open_observation("mast", partial=True)` opens what is there). You will see 155 integrations of 70 groups in each
# segment, one group every 0.9 s, and the same frames. Data that are still in their exclusive-access period need your
# token: set `MAST_API_TOKEN`.
#
# ## Next
#
# [02 · Data-quality flags](02_dq_init.ipynb): which pixels should you not trust at all?
#
# ## References
#
# - `astroquery.mast`: [documentation](https://astroquery.readthedocs.io/en/latest/mast/mast.html). Ginsburg et al. 2019,
#   [doi:10.3847/1538-3881/aafc33](https://doi.org/10.3847/1538-3881/aafc33).
# - [Names of JWST files](https://jwst-pipeline.readthedocs.io/en/latest/jwst/data_products/file_naming.html) and
#   [data models](https://jwst-pipeline.readthedocs.io/en/latest/jwst/user_documentation/datamodels.html).
# - NIRSpec's [wide-aperture target acquisition](https://jwst-docs.stsci.edu/jwst-near-infrared-spectrograph).
# - The observation: Alderson et al. 2023, [doi:10.1038/s41586-022-05591-3](https://doi.org/10.1038/s41586-022-05591-3).
