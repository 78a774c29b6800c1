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
#     - tso_helpers.one_over_f.remove_columns
#     - jwst.clean_flicker_noise.CleanFlickerNoiseStep
# ---

# %% [markdown]
# # 07 · Remove 1/f noise group by group
#
# You find the largest noise that is left in the ramps, measure its spectrum, subtract it from every group, and let the truth
# and a light curve judge how well that works, and which other ways do not.
#
# **You will be able to**
#
# - explain how the slow drift of one amplifier becomes vertical stripes, and measure its power spectrum along the read-out;
# - build a mask that tells spectrum from background, in four steps that you can look at;
# - subtract the column median from every group, and prove that it worked on pixels that took no part in it;
# - choose the width of the mask, knowing what a narrow one costs and why a wide one adds noise;
# - compare group level, rate level and the pipeline's `clean_flicker_noise` by the scatter of a light curve, and say why they differ.
#
# **You need** [00 · Start here](00_start_here.ipynb); helpful: [04 · superbias and reference pixels](04_superbias_refpix.ipynb).
# Words in the [glossary](glossary.md).
#
# **Takes** 50 min to read and try, 60 s to run; 1.1 GB peak memory; 1.2 GB disk.

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
# If this is your first lesson: an **integration** is one exposure of the detector from reset to reset. In it every pixel is
# read again and again without being emptied; each stored reading is a **group**, and a pixel's groups make up its **ramp**. The
# slope of the ramp is the brightness. There are dozens or hundreds of integrations, because the star is watched for hours
# while a planet passes in front of it. You are here:

# %%
tso.plotting.stage1_map(here="one_over_f")
plt.show()

# %% [markdown]
# *What to notice:* the marked box has a frame of another colour than its neighbours: this step is ours, not the pipeline's. The
# pipeline's own answer to the same noise, `clean_flicker_noise`, stands later, after `jump`, and is switched off unless you
# ask for it. You will run both.
#
# ## The effect: groups look alike, differences do not
#
# You take the ramps after `dark_current`: bias, reference pixels, non-linearity and dark are dealt with. `obs.after("dark_current", ...)`
# runs the pipeline's steps up to that one on one file of the exposure, a **segment**, and keeps the result on disk. The first time it takes
# a moment, later it only reads.

# %%
detector, segment = obs.detectors[0], obs.segments[0]
ramp = obs.after("dark_current", detector=detector, segment=segment)
n_integrations, n_groups, n_rows, n_columns = ramp.data.shape
integration, group = n_integrations // 2, n_groups // 2
one, following = ramp.data[integration, group : group + 2].copy()
print(f"{n_integrations} integrations x {n_groups} groups x {n_rows} rows x {n_columns} columns")
tso.plotting.compare_frames(
    one, following, titles=(f"{detector}: group {group}", f"group {group + 1}"), limits=(-75, 150)
)
plt.show()

# %% [markdown]
# *What to notice:* two neighbouring groups of one integration. Both show the same grain and the same bright band, the
# spectrum; a little more light has come in, and the background differs by a shade. That is all the eye can tell.
#
# **Predict:** subtract one from the other. What will be left where there is no star: nothing, grain, or a pattern?

# %%
difference = following - one
tso.plotting.show_frame(difference, limits=(-25, 25), label="difference (DN)", title="one group minus the one before")
plt.show()

# %% [markdown]
# *What to notice:* vertical stripes from the lowest row to the highest, some bright, some dark, a few columns wide or hundreds, and
# strong against a stretch of ±25 DN. The spectrum is the bright band: light that arrived between the two groups. If you
# expected nothing but grain, each pixel with a noise of its own, you left out that all pixels share **one** amplifier.
#
# ### Where stripes come from
#
# The window is read pixel by pixel through a single output. The amplifier behind it drifts, and drifts more the longer you wait:
# its power falls as one over the frequency, hence **1/f noise**. What you see depends on *when* each pixel is read. The header
# says in which direction: FASTAXIS 2 means up a column, −2 down; SLOWAXIS 1 means columns from left to right, −1 from right to
# left.

# %%
clock = ramp.meta.subarray.fastaxis, ramp.meta.subarray.slowaxis
times = tso.one_over_f.pixel_times((n_rows, n_columns), clock)
print(f"{detector}: FASTAXIS {clock[0]}, SLOWAXIS {clock[1]}")
print(f"next pixel of the same column: {1e6 * abs(times[1, 0] - times[0, 0]):.0f} us later")
print(f"a whole column:                {1e6 * np.ptp(times[:, 0]):.0f} us, {n_rows} pixels")
print(f"same row of the next column:   {1e6 * abs(times[0, 1] - times[0, 0]):.0f} us later")
print(f"last pixel of the frame:       {1e3 * times.max():.0f} ms after the first")

# %% [markdown]
# So every pixel has a time. The pixels of a column are read within a third of a millisecond: to a drift that takes a
# millisecond or longer they are one and the same. The next column comes 440 µs later (its 32 pixels and a pause of 12
# samples), when the drift has moved on a little. That makes stripes.
#
# ## The mask: which pixels see the drift and no star
#
# To measure the drift you need pixels without starlight. You find them in four steps:
#
# 1. The **median over the integrations of last minus first group**: star and little else.
# 2. A **median filter**, 5 rows x 11 columns, takes out hot pixels.
# 3. In each column the **centroid** of the light; through the centroids a **polynomial of second degree**, the **trace**.
# 4. **Mask** what lies within a **half-width** of 12 rows of the trace.
#
# With G395H, NRS1 sees no light in its first columns. The centroids are measured from column 550 on, a little before the light sets
# in, and the mask is drawn further, from column 300 on, to be safe. NRS2 has light everywhere. The outermost four columns are
# reference pixels.

# %%
described = tso.instrument.mode_of(ramp).detector(detector)
first, last = described.trace_columns or tso.trace.bright_columns(
    tso.trace.smooth(tso.trace.last_minus_first(ramp.data))
)
half_width = 12
image = tso.trace.last_minus_first(ramp.data)
smoothed = tso.trace.smooth(image, size=(5, 11))
columns = np.arange(first, last + 1)
centroids = tso.trace.centroids(smoothed, columns)
fit = tso.trace.fit_trace(columns, centroids, degree=2)
rows = tso.trace.trace_rows(fit, n_columns, first=described.masked_from, last=last)
mask = tso.trace.background_mask((n_rows, n_columns), rows, half_width)
tso.plotting.plot_mask_stages(image, smoothed, (columns, centroids), rows, mask, title=detector)
plt.show()

# %% [markdown]
# *What to notice:* the spectrum stands alone in the first panel. The filter takes out single hot pixels, and as the spectrum is hardly
# wider than the filter, it also turns it into a string of beads: no matter, the centroids in the third panel lie on a smooth
# curve. Where there is no light yet a few of them stray up and down; the fit throws them out, and the dashed line is drawn on to
# the left. In the fourth panel the dark band follows that line, and the first columns stay background from top to bottom.

# %% tags=["before-step"]
left = mask[:, columns].sum(axis=0)
print(f"background rows in the columns with a spectrum: {left.min()} to {left.max()} of {n_rows}")
assert not mask[np.rint(rows[columns]).astype(int), columns].any(), "the trace itself must be masked"
assert np.array_equal(mask, tso.trace.background(ramp)), "the package builds the same mask"

# %% [markdown]
# Keep the smaller number in mind: a half-width of 12 leaves few rows to measure the drift with. You will come back to it.
#
# ## The power spectrum
#
# Now look at one difference again, in the order in which the clock read it. `quiet_differences` prepares all of them: it
# subtracts the median over the integrations (light and whatever else is the same every time), keeps good background pixels only,
# and drops outliers beyond 5 σ. The last point matters. A cosmic ray of a few thousand DN is a spike in time, a spike has power at **all**
# frequencies, and a handful of them would hide the noise.

# %%
few = slice(0, 6)  # integrations: enough for a spectrum, and quick
good = mask & ~tso.dq.mask(ramp.pixeldq, "DO_NOT_USE", "REFERENCE_PIXEL")
before = tso.one_over_f.quiet_differences(ramp.data[few], good)
shown = min(integration, len(before) - 1)
tso.plotting.plot_drift(
    times, before[shown, group], good, title=f"{detector}: one difference of groups along the clock"
)
plt.show()

# %% [markdown]
# *What to notice:* each dot is a pixel, the line the median of each column. The dots scatter around a line that is not at zero and
# not constant: it wanders, fast and slowly at once, over a few DN up to more than ten.
#
# **Predict:** power against frequency on logarithmic axes. What will the wandering look like, and what the scatter of the dots?

# %%
frequency, power = tso.one_over_f.power_spectrum(before, clock, good)
slope = tso.one_over_f.spectral_slope(frequency, power, limits=(5, 1000))
print(f"power ~ 1/f^beta with beta = {slope.beta:.2f} +- {slope.sigma:.2f}, fitted between 5 and 1000 Hz")
floor = np.mean(power[frequency > 2e4])
print(
    f"white floor, above 20 kHz: {floor:.2g} DN^2/Hz; all frequencies together: {power.sum() * frequency[0]:.3g} DN^2"
)
tso.plotting.plot_power_spectrum(frequency, power, slope, title=f"{detector}: differences of groups, background pixels")
plt.show()

# %% [markdown]
# *What to notice:* a straight line that falls over three decades, and then a flat floor. The falling part is the wandering: 1/f
# noise, by its slope. The floor is **white** noise, the same at all frequencies: the scatter of single pixels. They meet near the
# frequency at which columns are read (dotted line, one column each 440 µs): the reason why a column shares its drift and pixels
# within it differ.
#
# How the numbers come about. *Estimator of the spectrum:* the autocovariance of the pixels at every lag in time, each divided by
# the number of pixel pairs that have that lag, then Fourier-transformed with a Hann window (Blackman & Tukey 1958). It does not mind gaps, and there are
# many: the pause after each column and everything under the mask. *Estimator of the slope:* least squares of
# log(a/f^β + white) on the spectrum in ten bins per decade, weighted by the number of frequencies in a bin. *Range:* 5 to
# 1000 Hz, away from the length of a frame on one side and from the columns on the other; the white term keeps the beginning bend from
# flattening β, and the floor itself is read off beyond 20 kHz. *Uncertainty:* standard error, scaled by
# the scatter about the fit; it does not know of errors that all bins share. A difference of two groups has twice the power of one.
#
# The truth lets you check all of that: the simulation knows its 1/f noise, without pixels missing and without any other noise.

# %% tags=["before-step"]
assert 0.8 < slope.beta < 1.2, "the noise falls as one over the frequency"
if obs.truth is None:
    print("real data: there is no truth to compare with")
else:
    drift = np.stack([obs.truth.one_over_f(detector, segment, i) for i in range(min(3, n_integrations))])
    true = tso.one_over_f.spectral_slope(*tso.one_over_f.power_spectrum(np.diff(drift, axis=1), clock))
    print(f"true noise, every pixel: beta = {true.beta:.2f} +- {true.sigma:.2f}")
    assert abs(slope.beta - true.beta) < 0.15, "the slope survives mask, gaps and white noise"
    del drift

# %% [markdown]
# ## The correction
#
# In every group of every integration, and in every column, take the **median of the background pixels** and subtract it from
# all pixels of the column, the spectrum included. Written out for a single group this is one line:
#
#     frame - np.nanmedian(np.where(mask, frame, np.nan), axis=0)
#
# `remove_columns` does that to all of them at once. It leaves out what `ignore` names: pixels that saturate in an integration, and
# the surroundings of a **snowball**, a cosmic-ray event so big that it saturates a whole patch. Its light would pass for drift, and
# every pixel of its columns would pay for it. (`obs.after("one_over_f", ...)` does the same as the next cell and keeps the result
# for the next lessons.)

# %%
saturated = tso.one_over_f.saturated_ramps(ramp.groupdq)  # (integration, 1, row, column)
corrected = tso.one_over_f.remove_columns(ramp.data, mask, ignore=saturated)

after_difference = corrected[integration, group + 1] - corrected[integration, group]
tso.plotting.compare_frames(
    difference,
    after_difference,
    limits=(-25, 25),
    label="difference (DN)",
    titles=(f"{detector}, before", f"{detector}, after"),
)
plt.show()

# %% [markdown]
# *What to notice:* same groups, same stretch. The broad stripes are gone and the background is even; grain and spectrum stay. Some thin
# stripes, a column wide, are left where the spectrum is: remember them.
#
# The same for the other detector. It is read from the opposite end, but a stripe is a stripe:

# %%
other = obs.after("dark_current", detector=obs.detectors[-1], segment=segment)
other_mask = tso.trace.background(other, half_width=half_width)
two = other.data[integration, group : group + 2].copy()
clean = tso.one_over_f.remove_columns(two, other_mask)
tso.plotting.compare_frames(
    two[1] - two[0],
    clean[1] - clean[0],
    limits=(-25, 25),
    label="difference (DN)",
    titles=(f"{obs.detectors[-1]}, before", f"{obs.detectors[-1]}, after"),
)
del other
plt.show()

# %% [markdown]
# *What to notice:* again broad stripes before, and none after; the spectrum of NRS2 bends the other way, upwards to the right.
#
# The lessons that follow start from `obs.after("one_over_f")`; make sure that it holds what you made:

# %%
with obs.after("one_over_f", detector=detector, segment=segment) as stored:
    assert np.allclose(stored.data, corrected, atol=1e-3, equal_nan=True), "obs.after does what you did"
del stored

# %% [markdown]
# ### A trap, and a way out
#
# Now a number: by how much do the column medians scatter, from difference to difference?

# %%
stripes = {}
for when, data in (("before", ramp.data[few]), ("after", corrected[few])):
    medians = tso.one_over_f.column_background(data, mask, ignore=saturated[few])
    stripes[when] = float(np.nanstd(np.diff(medians, axis=1)))  # NaN where a snowball leaves no background
    print(f"column medians of group differences, {when}: {stripes[when]:.2f} DN")
assert stripes["after"] < 0.01 * stripes["before"], "what was subtracted is gone"

# %% [markdown]
# Too good to be true, and it is not true: you subtracted the median of these very pixels, so their median is zero whatever the
# noise was. It says nothing about the pixels under the spectrum, which you could not use.
#
# The way out: measure the drift with **one half** of the background rows and look at the **other half**. Rows 0, 1, 4, 5, 8, ... are
# used, rows 2, 3, 6, 7, ... are left out and stand in for the spectrum.
#
# **Predict:** what will the power spectrum of the rows left out look like after the correction? Will the white floor come down too?

# %%
used = mask & (np.arange(n_rows)[:, np.newaxis] % 4 < 2)
left_out = good & ~used
spectra = {}
for when, data in (("before", ramp.data[few]), ("after", tso.one_over_f.remove_columns(ramp.data[few], used))):
    quiet = tso.one_over_f.quiet_differences(data, left_out)
    spectra[when] = tso.one_over_f.power_spectrum(quiet, clock, left_out)
slopes = {
    when: tso.one_over_f.spectral_slope(*spectra[when], limits=(5, 1000), white=when == "before") for when in spectra
}
ax = None
for when in spectra:
    ax = tso.plotting.plot_power_spectrum(*spectra[when], slopes[when], ax=ax, label=when)
ax.set_title(f"{detector}: background rows that took no part in the correction")
plt.show()

# %% [markdown]
# *What to notice:* the falling line is gone. After the correction the spectrum is flat from a few Hz to nearly 1000 Hz, far below
# the 1/f noise at low frequencies. But look where the two cross: from there up to the column frequency the corrected rows have **more**
# power than before. The medians are themselves noisy, column by column, and you subtracted that noise from every pixel of the column.
# Well above the column frequency nothing changed, for a median per column knows nothing of what happens within one.

# %%
for when in slopes:
    print(
        f"{when}: beta = {slopes[when].beta:.2f} +- {slopes[when].sigma:.2f} between 5 and 1000 Hz"
        + (" (with a white floor)" if when == "before" else " (no floor fitted)")
    )
slow = {when: np.mean(power[(frequency > 2) & (frequency < 50)]) for when, (frequency, power) in spectra.items()}
print(f"mean power between 2 and 50 Hz: {slow['before']:.2g} DN^2/Hz before, {slow['after']:.2g} after")
assert abs(slopes["after"].beta) < 0.5 * slopes["before"].beta, "what is left is white"
assert slow["after"] < 0.3 * slow["before"], "the slow drift is gone"

# %% [markdown]
# If you predicted that the floor would come down too: the correction removes what the pixels of a column have in common. The white
# noise of a pixel is its own.
#
# ## How wide should the mask be?
#
# The half-width is the number to tune. **Predict:** with masks of ±2, ±5, ±8, ±12, ±15 rows, which correction leaves the least noise on
# the spectrum?
#
# To find out you need to know what is noise *on the spectrum*, where photons make more noise than the amplifier. The
# simulation knows every photon that arrived and the white noise of every pixel. Take both away, and what is left on the
# trace is the drift before the correction, and the error of the correction after it.

# %%
truth_known = obs.truth is not None
near = ~tso.trace.background_mask((n_rows, n_columns), rows, 2) & ~tso.dq.mask(ramp.pixeldq, "DO_NOT_USE")
near[:, :first] = False
share = near / np.maximum(near.sum(axis=0), 1)  # weights that average the trace's rows, column by column
some = range(min(6, n_integrations))
if truth_known:
    known = np.stack(
        [obs.truth.photon_ramp(detector, segment, i) + obs.truth.white_noise(detector, segment, i) for i in some]
    )
else:
    print("real data: no truth, so the figure below stays away; believe the text, or run the simulated exposure")

# %% [markdown]
# The next cell tries one width after another. For each it takes the standard deviation (robust, from the median absolute
# deviation) of what is left, from column to column and from one group to the next, averaged over the five rows of the trace. It
# does so for two ways to take the median: of the **group as it is**, and of the group **after the first group was subtracted**. It
# also notes how much **starlight** the median takes along: the wings of the star's image reach to the slit's edge, ±8 rows. (What the
# widest mask takes is counted as nothing: its pixels lie outside the slit and hold no starlight, only drift.)

# %%


def left_on_trace(data):
    """Noise (DN) that the columns of the trace share, in differences of groups, without what is known."""
    steps = np.einsum("igrc,rc->igc", np.diff(data - known, axis=1), share)[..., near.any(axis=0)]
    return mad_std(steps - np.median(steps, axis=0), ignore_nan=True)


aperture = ~tso.trace.background_mask((n_rows, n_columns), rows, 5)
aperture[:, :first] = False  # left of there is no light
widths = [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 15]
data, start = ramp.data[some], ramp.data[some, :1]
light = np.sum(tso.trace.last_minus_first(data)[aperture])
as_it_is, without_start, lost = [], [], []
for width in widths if truth_known else []:
    trial = tso.trace.background_mask((n_rows, n_columns), rows, width)
    result = tso.one_over_f.remove_columns(data, trial)
    as_it_is.append(left_on_trace(result))
    lost.append(100 * (1 - np.sum(tso.trace.last_minus_first(result)[aperture]) / light))
    without_start.append(left_on_trace(tso.one_over_f.remove_columns(data - start, trial)))
lost = [value - lost[-1] for value in lost]  # the widest mask takes drift only

# %% [markdown]
# And the result, noise on the left, light on the right:

# %%
if truth_known:
    uncorrected = left_on_trace(data)
    figure, (ax, beside) = plt.subplots(1, 2, figsize=(8.5, 3.8), layout="constrained")
    tso.plotting.plot_against_half_width(widths, as_it_is, ax, label="median of the group")
    tso.plotting.plot_against_half_width(widths, without_start, ax, label="first group subtracted")
    ax.axhline(uncorrected, color="0.4", linestyle=":", label="no correction")
    ax.legend()
    tso.plotting.plot_against_half_width(widths, lost, beside)
    ax.set(ylim=(0, 1.4 * max(*as_it_is, uncorrected)))
    beside.set(ylabel="starlight taken along (%)", ylim=(0, None))
    plt.show()

# %% [markdown]
# *What to notice:* on the left both curves are low and flat for narrow masks and rise for wide ones; the widest leave as much noise
# as the dotted line, no correction at all, or more. The lower curve is the one with the first group subtracted. On the right the
# share of the aperture's starlight (±5 rows) that is lost falls with the width, to nothing where the slit ends.

# %%
if truth_known:
    best = int(np.argmin(as_it_is))
    at = {width: position for position, width in enumerate(widths)}
    print(f"no correction: {uncorrected:.2f} DN; best: {as_it_is[best]:.2f} DN at +-{widths[best]} rows")
    for width in (2, 5, 8, 12, 15):
        free = np.median(n_rows - np.sum(np.abs(np.arange(n_rows)[:, None] - rows[columns]) <= width, axis=0))
        print(
            f"+-{width:2d} rows: {free:2.0f} background rows, {as_it_is[at[width]]:.2f} DN left "
            f"({without_start[at[width]]:.2f} without the first group), {lost[at[width]]:.2f} % of the light lost"
        )
    assert as_it_is[best] < 0.9 * uncorrected, "a correction with a sensible mask helps"
    assert as_it_is[at[15]] > 1.2 * as_it_is[best], "a wide mask adds noise"
    assert lost[at[2]] > 0.2 > abs(lost[at[12]]), "a narrow mask takes light away, one as wide as the slit does not"
known = data = start = result = quiet = before = None  # their memory is needed

# %% [markdown]
# **Why a wide mask adds noise.** The median of *n* pixels with white noise σ has an error of about 1.25 σ/√n. With ±12 rows masked,
# 8 or so pixels are left. Their error goes into all pixels of the column at once, where it looks exactly like the noise that you
# wanted to remove.
#
# **Why the first group matters.** Without it the medians are better. Each pixel carries a level of its own: what the reset left in it
# (**kTC noise**, some 20 DN, the same in all groups of an integration). Among pixels that differ by 20 DN, the one or two in the
# middle *are* the median; the others have no vote, so their noise does not average out. Subtract the first group, and all
# of them vote. (An error that is common to all groups of an integration does not change a slope.)
#
# **Why not the narrowest mask?** Because the median then contains starlight and takes it from the spectrum: the last column of the
# list. A constant share would not change a *relative* light curve, but the share changes when the star's image does, and
# it differs from wavelength to wavelength. Bright wings also bring their own photon noise. The half-width of 12 that this series
# has from the original lesson is at the cautious end; the figure says that there is room for less.
#
# If you predicted "the widest, it is the cleanest": you thought of the light only. If you predicted "the narrowest": you thought
# of the noise only.
#
# ## Many ways, one light curve
#
# Stripes are ugly, but do they matter? The judge is the **white-light curve**: all light of an integration in one number. The
# variants:
#
# | name | what is done |
# |---|---|
# | none | nothing |
# | column median | what you did above, to every group |
# | with odd/even rows | the same, with medians of even and odd rows apart |
# | clean_flicker_noise | the pipeline's step with its default settings, after `jump` |
# | same, no background | the same step with `background_method=None` |
# | rate level | nothing to the groups; the column medians are taken from the fitted rates instead |
# | both | column median of the groups, then of the rates |
#
# Jumps are searched once, in the corrected ramps, and all variants get the same flags: what differs is then the treatment of 1/f
# noise and nothing else. (Jump detection itself gains from quieter ramps: [lesson 08](08_jumps.ipynb).)


# %%
def with_data(model, data):
    """Copy of a ramp, flags included, that holds other data."""
    copy = model.copy()
    copy.data[...] = data
    return copy


def fit_rates(model):
    """Rates per integration (DN/s), with gaps filled so that every integration adds up the same pixels; ends the model."""
    with tso.detector1.apply(model, "ramp_fit", copy=False) as fitted:
        return tso.rates.fill_bad(fitted)


flagged = tso.detector1.apply(with_data(ramp, corrected), "jump", copy=False)
flags = flagged.groupdq.copy()
by_parity = tso.one_over_f.remove_columns(ramp.data, mask, odd_even=True, ignore=saturated)
rates = {}
for name, data in (("none", ramp.data), ("column median", corrected), ("with odd/even rows", by_parity)):
    rates[name] = fit_rates(with_data(flagged, data))
del by_parity, data

# %% [markdown]
# The pipeline's step comes after `jump`. It needs no reference file as long as you don't ask it for a flat field
# (`apply_flat_field`), a mask of the science regions (`mask_science_regions`) or a median image as background
# (`background_method="median_image"`): the last two need the wavelength calibration. With `fit_method="median"` (the default; the
# other, `"fft"`, is far slower) it makes its own mask from a draft rate image, by clipping what is brighter than 2 σ, goes through
# the *differences* of groups, and subtracts a median along each column.

# %%
from jwst.clean_flicker_noise import CleanFlickerNoiseStep

settings = {"clean_flicker_noise": {}, "same, no background": {"background_method": None}}
for name, chosen in settings.items():
    rates[name] = fit_rates(CleanFlickerNoiseStep.call(with_data(flagged, ramp.data), skip=False, **chosen))

# %% [markdown]
# At rate level there is one image per integration, and `remove_columns` does not mind what it gets:

# %%
rates["rate level"] = tso.one_over_f.remove_columns(rates["none"], mask)
rates["both"] = tso.one_over_f.remove_columns(rates["column median"], mask)
print(", ".join(rates))

# %% [markdown]
# Two light curves each: from an **aperture** of ±5 rows about the trace, as one would extract a spectrum, and from **all rows**. Both
# keep to the columns that have light: elsewhere there is only noise to add up, and a big cosmic-ray event there could decide the
# contest. The scatter is the standard deviation over the integrations of this segment, in parts per million (ppm), relative
# to the true light curve (with real data to a constant: the first segment lies before the transit).
#
# **Predict:** order the seven by scatter. Write it down.

# %%
lit = slice(first, last + 1)
all_rows = np.zeros((n_rows, n_columns), dtype=bool)
all_rows[:, lit] = True
known_star = obs.truth.light_curve(detector, columns=lit)[1] if truth_known else np.ones(n_integrations)
star = known_star[:n_integrations]


def deviation_ppm(images, chosen):
    """Standard deviation of the white-light curve about the star's own, in ppm."""
    relative = tso.light_curve.white_light(images, aperture=chosen) / star
    return 1e6 * float(np.std(relative / np.median(relative)))


scatter = {
    name: {"aperture": deviation_ppm(one, aperture), "all rows": deviation_ppm(one, all_rows)}
    for name, one in rates.items()
}
for name, values in scatter.items():
    print(f"{name:20s} aperture {values['aperture']:5.0f} ppm    all rows {values['all rows']:5.0f} ppm")

# %% [markdown]
# For comparison the scatter that photons alone give, 1/√(number of electrons). The gain, electrons per DN, comes from the reference
# file that ramp fitting uses:

# %%
from jwst.ramp_fitting import RampFitStep
from stdatamodels.jwst import datamodels

with datamodels.GainModel(RampFitStep().get_reference_file(ramp, "gain")) as reference:
    gain = float(np.nanmedian(reference.data))
fitted_time = (n_groups - 1) * ramp.meta.exposure.group_time
flux = tso.light_curve.white_light(rates["none"], aperture=aperture)
photons = tso.light_curve.expected_scatter_ppm(flux, gain, fitted_time)
print(f"photon noise in the aperture: {photons:.0f} ppm")
tso.plotting.compare_scatter(scatter, photons, title=f"{detector}, segment {segment}: {n_integrations} integrations")
plt.show()

# %% [markdown]
# *What to notice:* each line is a variant, each marker an aperture; further left is better, and the axis is logarithmic. *None* and the
# pipeline's step with default settings lie far to the right, and *all rows* further than the aperture. The column median lies
# close to the dashed line of photon noise, and so does the pipeline's step without background; odd/even rows or a second pass at
# rate level move it by little. *Rate level* alone ends in between. With so few integrations a scatter is uncertain by a sixth
# or so; but all variants share the same photons, so they may be compared more closely than that.

# %%
frame = {name: values["all rows"] for name, values in scatter.items()}
narrow = {name: values["aperture"] for name, values in scatter.items()}
print(f"column median against none: {frame['none'] / frame['column median']:.1f} times quieter, all rows")
assert frame["column median"] < 0.5 * frame["none"], "the correction pays in the light curve"
assert narrow["column median"] < 0.7 * narrow["none"], "in an aperture, too"
assert frame["rate level"] > 1.2 * frame["column median"], "rate level alone falls short"
assert frame["clean_flicker_noise"] > 2 * frame["column median"], "the default settings keep the level of the frame"
assert frame["same, no background"] < 0.6 * frame["clean_flicker_noise"], "without the background it goes too"

# %% [markdown]
# If your order was another one, these three surprises may be why.
#
# ### Surprise 1: the stripes are not the worst
#
# Stripes hardly matter in white light: hundreds of them average out over the spectrum. What does not average out is the drift that is so slow that it
# is the same for a **whole frame**. Reference pixels should have taken it out ([lesson 04](04_superbias_refpix.ipynb)), but
# there are only 256 of them, at the two ends of the frame, and in between the amplifier drifts on:

# %%
quiet = tso.one_over_f.quiet_differences(ramp.data[few], good)
with_used = tso.one_over_f.remove_columns(quiet, used)
level, after_level = (float(np.std(np.nanmedian(frames[:, :, left_out], axis=-1))) for frames in (quiet, with_used))
print(f"rows left out, level of the whole frame, group to group: {level:.2g} DN before, {after_level:.2g} DN after")
assert after_level < 0.2 * level, "the column medians hold the level of the frame as well"
del quiet, with_used

# %% [markdown]
# A few DN, the same error in all pixels at once, and a white-light curve adds them all up: the wider the aperture, the worse. That is
# why all rows are worse than the aperture when nothing is corrected.
#
# It also explains the pipeline's default: `clean_flicker_noise` measures the level of the background first, subtracts it, removes the stripes and
# **puts the level back**, because it might be sky that you want to keep. The stripes are gone from the picture, the light curve
# is as noisy as before. With `background_method=None` the level goes with the stripes, and the step does what the column median does.
#
# ### Surprise 2: rate level is not group level
#
# Fitting a straight line is linear: the slope of (ramp minus drift) is the slope of the ramp minus the slope of the drift. So it
# should not matter whether you subtract column medians before or after the fit. It does. **Predict** why, before you read on.
#
# The pipeline's fit is **weighted**, and the weights depend on the signal: where photon noise dominates, the first and last groups count
# most; where read noise dominates, it is the ordinary straight line, in which all samples have equal weights. Bright pixels of the trace
# and dark pixels of the background therefore turn the *same* drift into *different* slopes, and what you measure in the background is not
# what the spectrum has. To test that, fit the ordinary line, equal weights, to **all** pixels, bright or dark. (Its slope is a sum of
# samples, each times its distance from the middle: the `weights` of the cell.)

# %%
weights = np.arange(n_groups) - (n_groups - 1) / 2
weights /= np.sum(weights**2) * ramp.meta.exposure.group_time
hit = tso.dq.mask(flags, "JUMP_DET", "SATURATED", "DO_NOT_USE").any(axis=1)


def equal_weights(data, hit=hit):
    """Slopes (DN/s) of unweighted straight lines; pixels with a flagged group are filled."""
    slopes = np.tensordot(weights.astype(np.float32), data, axes=(0, 1))
    return tso.rates.fill_bad(np.where(hit, np.nan, slopes))


plain = {"none": equal_weights(ramp.data), "column median": equal_weights(corrected)}
plain["rate level"] = tso.one_over_f.remove_columns(plain["none"], mask)
for name, one in plain.items():
    print(
        f"{name:14s} weights of the pipeline {frame[name]:5.0f} ppm    equal weights {deviation_ppm(one, all_rows):5.0f} ppm"
    )

# %% [markdown]
# With equal weights rate level is no worse than group level, if anything a little better: a slope does not know of the kTC level, so every
# pixel has its vote. With the pipeline's weights it falls far behind. So it is not the medians, it is the fit that comes between them
# and the drift: take the drift out **before** anything treats pixels differently. The same argument holds for jump detection.

# %%
equal = {name: deviation_ppm(one, all_rows) for name, one in plain.items()}
assert equal["rate level"] < 0.5 * equal["none"], "with equal weights rate level does work"
assert frame["rate level"] / frame["column median"] > equal["rate level"] / equal["column median"] * 1.2

# %% [markdown]
# ### Surprise 3: odd and even rows
#
# Odd and even rows pass through the electronics in different ways, and the reference pixels remove that offset only as well as
# they can measure it. With medians of their own the rest goes too. In an aperture that holds as many odd as even rows it cancels
# nearly. The price is half as many pixels for each median, and with a wide mask there are few to begin with:

# %%
for name in ("column median", "with odd/even rows", "both"):
    print(f"{name:20s} {narrow[name]:4.0f} ppm in the aperture, {frame[name]:4.0f} ppm in all rows")
assert frame["with odd/even rows"] < 0.5 * frame["none"], "this, too, is a correction"

# %% [markdown]
# Better or worse? The variants share their photons, but not the errors of their medians, and with so few integrations a difference
# of ten or twenty ppm proves nothing. Half the pixels in each median cost about what the odd/even offset gains. With a narrower mask,
# or in a single wavelength bin, try it again.
#
# ## All segments
#
# Now the whole exposure, segment after segment; nothing large is kept, only rates and, for an exercise, first and last groups. Each
# segment gets the mask of its own median image. The segment that you have done already is not done again.

# %%
ramp = flagged = corrected = None  # their memory is needed
uncorrected_rates, corrected_rates, ends, curve_times = [], [], [], []
for number in obs.segments:
    one = obs.after("dark_current", detector=detector, segment=number)
    ends.append(one.data[:, [0, -1]].copy())
    curve_times.append(tso.light_curve.integration_times(one))
    if number == segment:
        pair = rates["none"], rates["column median"]
    else:
        cured = one.copy()
        background = tso.trace.background(one, half_width)
        ignore = tso.one_over_f.saturated_ramps(one.groupdq)
        tso.one_over_f.remove_columns(one.data, background, out=cured.data, ignore=ignore)
        cured = tso.detector1.apply(cured, "jump", copy=False)
        pair = fit_rates(with_data(cured, one.data)), fit_rates(cured)
        del cured
    uncorrected_rates.append(pair[0])
    corrected_rates.append(pair[1])
    del one
print(f"{sum(len(part) for part in corrected_rates)} integrations of {len(obs.segments)} segments")

# %% [markdown]
# The light curves of all rows, relative to their median in the first segment, before the transit:

# %%
moments = np.concatenate(curve_times)
curves = {}
for name, parts in (("no correction", uncorrected_rates), ("column median, group by group", corrected_rates)):
    flux = np.concatenate([tso.light_curve.white_light(part, aperture=all_rows) for part in parts])
    relative = tso.light_curve.normalise(flux, moments < curve_times[0][-1])
    error = 1e-6 * tso.light_curve.expected_scatter_ppm(flux, gain, fitted_time)  # of the photons
    curves[name] = tso.light_curve.LightCurve(moments, relative, np.full(len(moments), error))
expected = {}
if truth_known:
    true_flux = obs.truth.light_curve(detector, columns=lit)[1]
    expected = dict.fromkeys(curves, (moments, tso.light_curve.normalise(true_flux, moments < curve_times[0][-1])))
tso.plotting.compare_light_curves(curves, expected)
plt.show()

# %% [markdown]
# *What to notice:* the transit, a dip of about two per cent, is in both. On the left the points scatter visibly about the true curve (a line); on
# the right they lie on it. Nothing else differs between the two panels: same photons, same cosmic rays, same flags.

# %%
uneven = {
    name: tso.light_curve.scatter_ppm(curve.flux / expected[name][1] if expected else curve.flux)
    for name, curve in curves.items()
}
for name, value in uneven.items():
    print(f"{name}: {value:.0f} ppm from one integration to the next")
assert uneven["column median, group by group"] < 0.6 * uneven["no correction"]

# %% [markdown]
# ## Exercises
#
# ### 1. One mask for all
#
# The mask came from the integrations of one segment. Make it from **all** segments at once. `ends` is a list with one array per
# segment: first and last group of its integrations. `columns`, `first`, `masked_from` and `half_width` are those of the lesson.
#
# <details><summary>Hint</summary>
#
# `np.concatenate(ends)` puts the integrations one after another; `last_minus_first` takes the last and the first of the two groups that are
# there. From then on the steps are the four of the lesson.
#
# </details>

# %%
answer = None  # your code here: a mask, True for background

how = {"columns": columns, "masked_from": described.masked_from, "half_width": half_width}
tso.exercises.check("one-over-f-mask", answer, ends=ends, **how)

# %% tags=["solution"]
everything = tso.trace.smooth(tso.trace.last_minus_first(np.concatenate(ends)))
path = tso.trace.fit_trace(columns, tso.trace.centroids(everything, columns))
path_rows = tso.trace.trace_rows(path, n_columns, first=described.masked_from, last=columns[-1])
answer = tso.trace.background_mask((n_rows, n_columns), path_rows, half_width)

assert tso.exercises.check("one-over-f-mask", answer, ends=ends, **how)

# %% [markdown]
# ### 2. Let the light curve decide
#
# A colleague says: "I don't bother with groups. I either leave 1/f noise alone or clean the rates." Judge by the light curve of
# the whole exposure, transit included. `uncorrected` and `grouped` hold the rates of all segments, without any correction and with the
# column median of the groups, cut to the columns with light; `background` is the mask, cut likewise, and `true_star` the true light
# curve (with real data a smoothed one). Give the standard deviation of the sum over all pixels divided by `true_star`, relative to its
# median, in ppm (not from one integration to the next, as in the figure above: drifts shall count), for `"none"`,
# `"rate level"` (only) and `"both"` (groups, then rates). What do you tell your colleague?
#
# <details><summary>Hint</summary>
#
# `tso.one_over_f.remove_columns(rates, background)` works on rates as well. Divide `tso.light_curve.white_light(...)` by `true_star`
# and by its median, and take a million times the standard deviation.
#
# </details>

# %%
from scipy.ndimage import median_filter

uncorrected, grouped = (np.concatenate(parts)[:, :, lit] for parts in (uncorrected_rates, corrected_rates))
background = mask[:, lit]
true_star = median_filter(tso.light_curve.white_light(grouped), 15)
if truth_known:
    true_star = obs.truth.light_curve(detector, columns=lit)[1]
answer = None  # your code here: {"none": ..., "rate level": ..., "both": ...}

case = {"uncorrected": uncorrected, "corrected": grouped, "mask": background, "truth": true_star}
tso.exercises.check("one-over-f-judge", answer, **case)

# %% tags=["solution"]
candidates = {
    "none": uncorrected,
    "rate level": tso.one_over_f.remove_columns(uncorrected, background),
    "both": tso.one_over_f.remove_columns(grouped, background),
}
answer = {}
for name, images in candidates.items():
    relative = tso.light_curve.white_light(images) / true_star
    answer[name] = 1e6 * np.std(relative / np.median(relative))
    print(f"{name}: {answer[name]:.0f} ppm")

assert tso.exercises.check("one-over-f-judge", answer, **case)

# %% [markdown]
# ### 3. An experiment: give every pixel a vote
#
# The half-width figure has a lower curve. Build that correction: medians that do not see the level which the reset leaves in each
# pixel. Return corrected ramps that still *contain* their first group. Then fit them (the solution does) and see what
# the light curve says.
#
# <details><summary>Hint</summary>
#
# `raw[:, :1]` is the first group of each integration, with its axis kept. Subtract it, correct what is left, add it again.
#
# </details>

# %%
whole = obs.after("dark_current", detector=detector, segment=segment)
raw = whole.data
answer = None  # your code here: corrected ramps (integration, group, row, column)

tso.exercises.check("one-over-f-first-group", answer, data=raw, mask=mask)

# %% tags=["solution"]
answer = tso.one_over_f.remove_columns(raw - raw[:, :1], mask) + raw[:, :1]

assert tso.exercises.check("one-over-f-first-group", answer, data=raw, mask=mask)

whole.groupdq = flags  # those of the comparison above
images = fit_rates(with_data(whole, answer))
for name, chosen in (("aperture", aperture), ("all rows", all_rows)):
    print(
        f"{name}: {deviation_ppm(images, chosen):.0f} ppm, with the groups as they are {scatter['column median'][name]:.0f} ppm"
    )

# %% [markdown]
# ## Recap
#
# - One amplifier reads all pixels in turn and **drifts**; in the frame the drift is vertical stripes. Along the **clock** its power falls as
#   1/f^β with β near 1, down to the white noise of the pixels, which it meets near the frequency of the columns.
# - The **mask**: median last-minus-first image, median filter, centroids and polynomial, half-width.
# - Subtract the **column median** of the background from every group. Judge it by pixels that were **left out**, never by those
#   that made the medians.
# - **Half-width**: narrow takes starlight along, wide leaves few pixels and **adds** noise, all the more as kTC levels keep most of
#   them from having a vote.
# - **Group level** beats **rate level**, because the fit weights bright and dark pixels differently; `clean_flicker_noise` in its default
#   setting keeps the level of the frame, which is what harms white light most. The **light curve** is the judge.
#
# ## On real data
#
# - Set `TSO_OBSERVATION=mast` and the same cells run; those that need the truth say that there is none. With 155 integrations of 70 groups
#   a segment fills many GB on its way through this lesson: pass `integrations=slice(0, 18)` to `obs.after` to stay small, and go through the
#   observation slice by slice.
# - The simulated noise is an ideal 1/f^β with β = 1 from a single stream per integration. Real noise has more: spikes at fixed
#   frequencies, changes from visit to visit, and a slow part that may be weaker or stronger. How much a correction gains in ppm is
#   therefore a property of *this* exposure. The reasons carry over; the numbers you measure again.
# - Our frame keeps every fifth read only, so that a difference spans longer than in the real data; neighbouring groups of the real data
#   share more of the slowest drift. The white-light curve sees the same ramp either way.
# - Here the sky is faint and even. Where it is not (slitless modes such as NIRISS/SOSS and NIRCam grism), a column median takes it for
#   drift, and the star's image may leave no background at all.
# - Frames read through four outputs have four drifts; NIRCam's stripes run along the *other* axis. MIRI's detectors hardly have this
#   noise, and `clean_flicker_noise` accepts of MIRI only images.
# - In the pipeline `clean_flicker_noise` stands after `jump` and is skipped by default. Its authors and the teams keep improving it: read
#   its documentation for the version you use. For NIRISS/SOSS, build 12.3 (May 2026) brought a subtraction at the group level into the
#   pipeline itself ([news](https://www.stsci.edu/contents/news/jwst/2026/pipeline-news-niriss-soss-improvements-to-1-f-correction-and-processing-speed)).
#
# ## Next
#
# [08 · Jumps](08_jumps.ipynb): cosmic rays, for whose search the ramps are now quiet enough.
#
# ## References
#
# - Schlawin et al. 2020, [arXiv:2010.03564](https://arxiv.org/abs/2010.03564): JWST noise floor, 1/f noise in time series.
# - Espinoza et al. 2023, [arXiv:2211.01459](https://arxiv.org/abs/2211.01459): NIRSpec G395H in commissioning.
# - Alderson et al. 2023, [doi:10.1038/s41586-022-05591-3](https://doi.org/10.1038/s41586-022-05591-3): this observation; 1/f noise removed
#   group by group.
# - Carter et al. 2025, [arXiv:2505.05571](https://arxiv.org/abs/2505.05571): jump detection and ramp fitting for NIRISS/SOSS, and why 1/f noise
#   belongs corrected at group level.
# - Rauscher 2015, [arXiv:1509.06264](https://arxiv.org/abs/1509.06264): the noise generator whose model the simulation follows.
# - R. B. Blackman, J. W. Tukey 1958, *The Measurement of Power Spectra*: the estimator.
# - JWST pipeline documentation:
#   [clean_flicker_noise](https://jwst-pipeline.readthedocs.io/en/latest/jwst/clean_flicker_noise/index.html).
# - N. Espinoza, TSO JWebbinar: the worked example that this series follows.
