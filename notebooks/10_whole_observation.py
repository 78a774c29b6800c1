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
# # 10 · Calibrate the whole observation
#
# You cut a ramp into pieces so that every step still gives what it gives for the whole, watch the memory that this saves, and take an
# observation through Stage 1 with several processes.
#
# **You will be able to**
#
# - say how much memory a step needs for a segment of full size, and why;
# - tell from what a step looks at how its ramp may be cut, and prove that a cut changes nothing;
# - draw the memory of a program over time;
# - run `tso calibrate` on one processor, on several, and on a cluster, for files of your own;
# - work out what a large programme costs.
#
# **You need** [08 · jumps](08_jumps.ipynb) and [09 · ramp fitting](09_ramp_fitting.ipynb). Words in the
# [glossary](glossary.md).
#
# **Takes** 35 min to read and try, 60 s to run; 0.9 GB peak memory; 0.5 GB disk.

# %% [markdown]
# ## Set up
#
# One line chooses the data: the simulated exposure, unless the environment variable `TSO_OBSERVATION` says otherwise. The
# map shows the way that you have walked one step at a time. Now you take it in one go.

# %%
import contextlib
import shutil
import subprocess
import sys
import time

import matplotlib.pyplot as plt
import numpy as np
import psutil

import tso_helpers as tso

tso.plotting.use_style()
obs = tso.open_observation()
tso.plotting.stage1_map()
plt.show()

# %% [markdown]
# *What to notice:* no box is marked, because this lesson is about all of them.
#
# ## The problem: one file does not fit
#
# The real observation comes in three files for each detector. Each holds a ramp of 155 integrations × 70 groups × 32 rows × 2048 columns.
# How much memory does one file take on its way?

# %%
full = (155, 70, 32, 2048)
samples = np.prod(full)
peak = 7.5  # what jump needs from 100 integrations on, in units of the samples as 4-byte numbers
for what, size in {
    "on disk, 2 bytes a sample": 2 * samples,
    "as 4-byte numbers, which steps compute with": 4 * samples,
    "with a byte of flags for each": 5 * samples,
    "when the jump step is at its largest": peak * 4 * samples,
}.items():
    print(f"{what:43}: {size / 1e9:5.1f} GB")

# %% [markdown]
# A laptop has 8 or 16 GB. The step does nothing wrong: to compare the integrations of a pixel it needs differences, their medians and
# masks, and each of these is another array as large as the ramp.
#
# The way out is to give a step a piece of the ramp at a time. But which piece? That depends on what the step has to see.
#
# ## Which step looks where
#
# **Predict:** `superbias` subtracts a number from each sample. `jump` compares the integrations of a pixel. Could both work on one integration
# at a time? Could both work on one column at a time?
#
# The package has written down once what each step looks at:

# %%
from tso_helpers.detector1.plan import HALO, LOOKS_AT

for step in tso.detector1.STEPS:
    print(f"{step:13} {LOOKS_AT[step]}")

# %% [markdown]
# The first six steps never look from one integration into another. `refpix` is the reason for "whole frames": it
# needs the reference pixels at both ends of the frame. These steps can have a **block** of integrations, with all columns.
#
# The others look along the history of a pixel, through all groups and, in `jump`, all integrations. They can have a **tile** of columns, with
# all integrations. And `jump` looks a little to the side: a strong hit has its neighbours flagged too. So a tile must bring along some
# columns of its neighbours, its **halo**.
#
# Draw the two cuts. The box is a ramp, with its columns to the right, its rows and groups upwards, and its integrations towards the back:


# %%
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.6), subplot_kw={"projection": "3d", "box_aspect": (2, 1.6, 0.8)})
blue, sky, orange = (tso.plotting.COLOURS[name] for name in ("blue", "sky", "orange"))
look = {"edgecolor": "white", "linewidth": 0.8}
for k in range(4, -1, -1):  # from the back to the front: a corner, then the lengths along the three axes
    axes[0].bar3d(0, k, 0, 5, 0.6, 1, color=blue if k == 2 else sky, **look)
for k in range(5):
    axes[1].bar3d(k, 0, 0, 0.6, 5, 1, color=blue if k == 2 else sky, **look)
for edge in (1.85, 2.6):
    axes[1].bar3d(edge, 0, 0, 0.15, 5, 1, color=orange, **look)
for ax, title in zip(axes, ("blocks: up to dark_current", "tiles: one_over_f and later"), strict=True):
    ax.set(xlabel="columns →", ylabel="integrations →", xticks=[], yticks=[], zticks=[], title=title)
    ax.view_init(elev=28, azim=-62)
axes[0].set_zlabel("rows, groups →")
plt.show()

# %% [markdown]
# *What to notice:* on the left each slice holds all columns of a few integrations. On the right each slice holds all integrations of a
# few columns; one of them is dark, and the orange strips on both its sides, drawn wider than they are, are its halo. They belong to other
# tiles: this tile reads them and gives no results for them.
#
# ### The first cut: blocks of integrations
#
# That a cut changes nothing can be proved. Take four integrations of the example of [lesson 08](08_jumps.ipynb). Call
# the first six steps once for all four, and once for two and two. Then compare the results bit by bit:

# %% tags=["before-step"]
from jwst.step import DarkCurrentStep, DQInitStep, JumpStep, LinearityStep, RefPixStep, SaturationStep, SuperBiasStep


def to_dark_current(ramp):
    for step in (DQInitStep, SaturationStep, SuperBiasStep, RefPixStep, LinearityStep, DarkCurrentStep):
        ramp = step.call(ramp)
    return ramp


example = obs.examples["clean_jump"]
detector, segment = example.detector, example.segment
raw = obs.after("uncal", detector, segment, integrations=slice(0, 4))
whole = to_dark_current(raw)
blocks = [to_dark_current(tso.detector1.cut(raw, integrations=slice(k, k + 2))) for k in (0, 2)]
for name in ("data", "groupdq"):
    joined = np.concatenate([getattr(block, name) for block in blocks])
    differ = joined.view("u1") != getattr(whole, name).view("u1")
    print(f"{name:8}: {differ.size:,} bytes, {np.count_nonzero(differ)} of them differ")
    assert not differ.any(), "a block gives what the whole gives"

# %% [markdown]
# No byte differs. A block can be as small as one integration.
#
# ### The second cut: tiles of columns
#
# Now `jump`. The function calls it tile by tile, 256 columns at a time, and keeps only the columns that belong to the tile. (`tso.detector1.cut` copies
# a part of a ramp and notes in its header which columns these are, so that the step cuts its reference files in the same way.)
#
# **Predict:** without a halo, will thousands of flags differ, some tens, or none?


# %%
def jump_in_tiles(ramp, halo, width=256):
    """Flags after jump, found tile by tile."""
    found, end = [], ramp.data.shape[3]
    for start in range(0, end, width):
        first, last = max(start - halo, 0), min(start + width + halo, end)
        tile = JumpStep.call(tso.detector1.cut(ramp, columns=slice(first, last)))
        found.append(tile.groupdq[..., start - first : start - first + width])
    return np.concatenate(found, axis=3)


ramp = obs.after("one_over_f", detector, segment, integrations=slice(0, 18))
flags = JumpStep.call(ramp).groupdq
print(f"{np.count_nonzero(tso.dq.mask(flags, 'JUMP_DET')):,} jumps in the whole ramp")
wrong = {halo: jump_in_tiles(ramp, halo) != flags for halo in (0, 1, HALO)}
for halo, differ in wrong.items():
    where = np.unique(np.nonzero(differ)[3] % 256).tolist()
    print(f"halo of {halo}: {np.count_nonzero(differ)} flags differ, in columns {where} of a tile")

# %% [markdown]
# Some tens, out of tens of thousands, and all in the first or the last column of a tile: the hit was on the other side of the border. One
# column of halo would do here; the package takes two, because a flag of a neighbour reaches one column and
# the second costs next to nothing.
#
# Is it worth the trouble for so few flags? A result that depends on how much memory the machine had cannot be compared with another
# one. With the halo nobody has to ask.
#
# ### Exercise 1. Bands of rows
#
# Somebody cuts the ramp into bands of eight rows instead of tiles of columns, with a halo of two rows. Which of the steps `"one_over_f"`,
# `"jump"`, `"ramp_fit"` and `"gain_scale"` then gives other results? (`answer` is a name.)
#
# <details><summary>Hint</summary>
#
# Read again what they look at. Whose neighbourhood reaches further than two rows?
#
# </details>

# %%
answer = None  # your code here

tso.exercises.check("whole-bands", answer)

# %% tags=["solution"]
answer = "one_over_f"

assert tso.exercises.check("whole-bands", answer)

# %% [markdown]
# ### The wrong cut: `jump` in blocks of integrations
#
# Blocks of integrations would be so much simpler for `jump` too. From 100 integrations on, though, the step clips across integrations
# ([lesson 08](08_jumps.ipynb)), and a block has fewer than the file. Take the narrow ramp of lesson 08, 110 integrations of 256
# columns:

# %%
from dataclasses import replace

raw = whole = blocks = joined = ramp = flags = None  # makes room
start = min(max(example.column - 128, 0), obs.shape(detector, segment)[3] - 256)
if obs.truth is None:
    long = obs.after("dark_current", detector, segment, integrations=slice(0, 110))
    long = tso.detector1.cut(long, columns=slice(start, start + 256))
else:
    left_out = obs.truth.recipe.without | {"one_over_f", "pedestal", "odd_even", "ktc"}
    narrow = {"integrations": (110,), "detectors": (detector,), "columns": (start, start + 256)}
    night = tso.open_observation(replace(obs.truth.recipe, plant=(), without=left_out, **narrow))
    long = night.after("dark_current", detector)

# %% [markdown]
# **Predict:** in two halves, will there be more flags than in the whole, or fewer?


# %%
def jumps(ramp):
    """Where jumps are found, and by which method according to the log."""
    found = tso.dq.mask(JumpStep.call(ramp).groupdq, "JUMP_DET")
    clipped = any(tso.logs.lines(step="jump", contains="using sigma clip"))
    return found, "clipped across integrations" if clipped else "two-point differences"


together, method = jumps(long)
halves = [jumps(tso.detector1.cut(long, integrations=slice(k, k + 55))) for k in (0, 55)]
apart = np.concatenate([found for found, _ in halves])
print(f"whole:  {np.count_nonzero(together):6,} flags, {method}")
print(f"halves: {np.count_nonzero(apart):6,} flags, {halves[0][1]}")
print(f"{np.count_nonzero(apart != together):,} samples are flagged in one of them only")

# %% tags=["check"]
assert wrong[0].any() * (not wrong[1].any()) * (not wrong[HALO].any()), "with a halo nothing differs"
places = np.nonzero(wrong[0])[3] % 256
assert 0 < len(places) < 1e-4 * wrong[0].size, "without one a few flags do"
assert set(places[:1]) <= set(places % 255) == {0}, "at the borders of tiles, and nowhere else"
assert np.count_nonzero(apart) > 1.3 * np.count_nonzero(together) > 0, "the halves have many more flags"
assert method != halves[0][1], "because they were searched by another method"

# %% [markdown]
# That is no small difference at a border: the halves were searched by another method, which flags many more samples. Nothing warns
# you but a line of the log. So when you split files to save memory, look at what the steps compare.
#
# ## Memory over time
#
# The recipe is complete. Take block after block to `dark_current`, put the results on disk, then read them again the other way, tile after
# tile, and go on to the rates. `tso.detector1.calibrate` does that: between the cuts the ramps lie in plain files on disk,
# one for each tile, so only the columns that are needed are read.
#
# Watch the memory of both ways, on a segment that fits. Each way is a script, which runs in a Python process of its own:

# %%
wrong = long = together = apart = halves = None  # makes room
folder = obs.outputs / "lesson-10"
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
size = 4 * np.prod(obs.shape(detector, segment))  # bytes of the ramp as 4-byte numbers
budget = min(350e6 + 1.5 * size, 1.5e9)
begin = """import time
import tso_helpers as tso
obs = tso.open_observation()
print("loaded", time.process_time())
"""
naive = f"""{begin}
from stdatamodels.jwst.datamodels import RampModel
model = RampModel(obs.uncal({detector!r}, {segment}))
for step in tso.detector1.STEPS:
    print(step, time.process_time())
    model = tso.detector1.apply(model, step)  # Step.call, or the 1/f correction of lesson 07
model.save({str(folder / "naive_rateints.fits")!r})"""
streamed = f"""{begin}
from tso_helpers.observation.calibration import settings
files = [file for file in obs.files if (file.detector, file.segment) == ({detector!r}, {segment})]
tso.detector1.calibrate(files, {str(folder / "streamed")!r}, settings(obs), memory={budget}, progress=False)"""

# %% [markdown]
# `watch` starts a script and asks the operating system twenty times a second how much memory its process holds, and how long
# a processor has worked for it. (Time on the clock would depend on what else your machine does.)


# %% tags=["before-step"]
def watch(script):
    """Run a script: its processor time (s) and memory (GB) over and over, and when it began its steps."""
    seen = []
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        other = psutil.Process(process.pid)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):  # it may end at any moment
                seen.append((sum(other.cpu_times()[:2]), other.memory_info().rss / 1e9))
            time.sleep(0.05)
        steps = {step: float(seconds) for step, seconds in map(str.split, process.stdout)}
    assert process.returncode == 0, "the script has failed"
    return np.array(seen).T, steps


ways = {"streamed": watch(streamed)}
if 10 * size < psutil.virtual_memory().available:  # a real file is too large for the naive way on most machines
    ways["naive"] = watch(naive)

# %% [markdown]
# **Predict:** at which step is the naive way at its largest? How high does the streamed way get?

# %%
fig, axes = plt.subplots(len(ways), figsize=(8.5, 2.4 * len(ways)), sharex=True, sharey=True, layout="constrained")
for ax, (way, ((seconds, memory), steps)) in zip(np.atleast_1d(axes), reversed(ways.items()), strict=True):
    ax.fill_between(seconds - steps["loaded"], memory, color=sky, alpha=0.5)
    ax.plot(seconds - steps["loaded"], memory)
    ax.axhline(budget / 1e9, color=orange, linestyle="--", label="memory given to the streamed way")
    for step in steps.keys() - {"loaded"}:
        moment = steps[step] - steps["loaded"]
        ax.axvline(moment, color="0.6", linewidth=0.8, zorder=0)
        ax.text(moment, 1.02, step, rotation=50, fontsize=8, transform=ax.get_xaxis_transform())
    ax.set(ylabel="memory (GB)", ylim=(0, None))
    ax.text(0.01, 0.88, way, transform=ax.transAxes, fontweight="bold")
ax.set(xlabel="processor time since the pipeline was loaded (s)", xlim=(-1, None))
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# *What to notice:* on the left both ways hold the same: Python and the modules of the pipeline. The naive way then loads
# the ramp and climbs, with its highest plateau in `jump`. The streamed way takes about as long, and stays below the dashed line
# all the time, because no piece is larger than fits under it. If you predicted `jump`: it is the step that compares most.
#
# ## Several workers
#
# Pieces that know nothing of each other can be done at the same time. [Dask](https://distributed.dask.org) hands them out: a
# **scheduler** keeps the list of tasks, and each **worker**, a process with memory of its own, asks for the next one. A task leaves its result on
# disk, so a worker that dies costs no more than its task, and a run that was interrupted goes on where it stopped.
#
# Start a scheduler and two workers on your machine, and give the address to the same function. The cell prints the address of the **dashboard**,
# a page on which you can watch the tasks.

# %% tags=["nbval-ignore-output"]
from distributed import LocalCluster

from tso_helpers.observation import calibration

files = [file for file in obs.files if file.detector == detector]  # all segments of it
machine = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
with LocalCluster(**machine) as cluster:
    print("dashboard:", cluster.dashboard_link)
    where = {"scheduler": cluster.scheduler_address, "workers": 2, "memory": budget}
    how = calibration.settings(obs)
    summary = tso.detector1.calibrate(files, folder / "cluster", how, progress=False, **where)

# %% [markdown]
# Three ways have led to rates of this segment: step by step, streamed, and with two workers. Compare all their bytes:

# %%
from stdatamodels.jwst.datamodels import CubeModel

name = tso.products.name_of(obs.uncal(detector, segment), "rateints")
files_of = {"streamed": folder / "streamed" / name, "two workers": folder / "cluster" / name}
if "naive" in ways:
    files_of["naive"] = folder / "naive_rateints.fits"
arrays = ("data", "err", "var_poisson", "var_rnoise", "dq")
content = {}
for way, path in files_of.items():
    with CubeModel(path) as model:
        content[way] = b"".join(getattr(model, array).tobytes() for array in arrays)
    same = content[way] == content["streamed"]
    print(f"{way:12}: {len(content[way]):,} bytes, the same as streamed: {same}")
for entry in summary["segments"]:
    print(f"{entry['name']}: {entry['saturated']:,} saturated samples, {entry['jumps']:,} jumps by {entry['method']}")

# %% [markdown]
# For so small a segment two workers gain nothing, because each must first load the pipeline. The larger the files, the closer two workers come to half
# the time of one.
#
# The scheduler may be anywhere, as long as its workers see the same disk. On a computing centre, a queue starts the
# workers (dask-jobqueue); on a JupyterHub, Dask Gateway does. You only pass the address. CONTRIBUTING.md, "On a cluster", has a recipe
# for each.
#
# ## The command
#
# You do not need Python for this. In a terminal the whole observation, both detectors, is
#
#     tso calibrate --out rates --workers 2
#     tso calibrate --out rates --scheduler tcp://host:8786
#     tso calibrate --data my/files --out rates --set jump.rejection_threshold=10 --skip dark_current
#
# `--dry-run` says what would be done and what it needs, and does nothing:

# %% tags=["before-step"]
command = ["calibrate", "--out", str(folder / "rates"), "--workers", "2", "--memory", "1GB", "--dry-run"]
done = subprocess.run([sys.executable, "-m", "tso_helpers.cli", *command], capture_output=True, text=True, check=True)
print(done.stdout)
assert "Nothing was done" in done.stdout

# %% [markdown]
# ## The full observation
#
# All six files of full size, 465 integrations of 70 groups in each detector, have been through this once. What lessons need of the
# result comes with the package: a FITS file with spectra, white-light curves, and the log of the run in its header.

# %%
product = tso.full_size.read()
log = product.about["LOG"]
for entry in log:
    minutes, memory = entry["run seconds"] / 60, entry["peak_memory"] / 1e9
    print(f"{entry['name']}: {minutes:.1f} min, {memory:.2f} GB a worker, {entry['jumps']:,} jumps, {entry['method']}")
print(f"together {sum(entry['run seconds'] for entry in log) / 60:.0f} min with {log[0]['workers']} workers")

# %% [markdown]
# That was on two cores of a small machine, on which other programs ran at times. The memory of a worker stays far below what the first cell of this
# lesson has worked out. Draw both light curves, and with them what your two workers have made a moment ago:

# %%
made = [folder / "cluster" / tso.products.name_of(obs.uncal(detector, number)) for number in obs.segments]
few = tso.light_curve.stitch([tso.light_curve.from_rates(CubeModel(path)) for path in made])
outside = {}
fig, axes = plt.subplots(2, figsize=(8.5, 6.0), sharex=True, layout="constrained")
for ax, (name, curves) in zip(axes, product.white_light.items(), strict=True):
    shown = {"465 integrations of 70 groups": curves["group"]["frame"]}
    if name == detector:
        shown[f"yours: {len(few)} integrations of {obs.shape(detector)[1]} groups"] = few
    for label, curve in shown.items():
        outside[label] = tso.light_curve.out_of_transit(curve.time, *obs.transit, margin=0.1 / 24)
        curve = curve.relative(outside[label])
        tso.plotting.plot_light_curve(curve, ax=ax, mid_transit=obs.transit.mid, label=label, title=name)
plt.show()

# %% [markdown]
# *What to notice:* both detectors see the same transit, about two per cent deep. In the upper panel the few squares lie among the many points, but for
# those in the second half of the transit, which lie higher by half a part per thousand. There a mirror has just tilted, and the light of many pixels has changed by some
# per cent. With 18 integrations `jump` compares each group with the median over all of them, and takes a part of that change for jumps. With 155 it clips across
# integrations ([lesson 08](08_jumps.ipynb)), and the change goes through. The truth sides with the points: how many integrations a file has decides on more than memory.
#
# ### What 70 groups change
#
# **Predict:** with all 70 groups of a ramp instead of every fifth one, does the photon noise of an integration shrink? And the read noise?
#
# Compare the scatter from one integration to the next with the errors that the pipeline states, for several corrections of the 1/f noise. (Those beside
# the group-level one were made with the first file of NRS1 only, before the transit.)

# %%
before = slice(0, 155)  # the first file
frame = {correction: curves["frame"] for correction, curves in product.white_light["NRS1"].items()}
scatter = {name: tso.light_curve.scatter_ppm(curve.flux[before]) for name, curve in frame.items()}
for name, ppm in scatter.items():
    print(f"70 groups, {name:20}: {ppm:5.0f} ppm")
scatter["few"] = tso.light_curve.scatter_ppm(few.flux, outside[list(outside)[1]])
print(f"{obs.shape(detector)[1]} groups, group               : {scatter['few']:5.0f} ppm")
stated = {name: 1e6 * np.median(curve.error / curve.flux) for name, curve in {**frame, "few": few}.items()}
for name in ("group", "few"):
    beyond = np.sqrt(max(scatter[name] ** 2 - stated[name] ** 2, 0))
    print(f"{name:5}: stated error {stated[name]:3.0f} ppm, scatter beyond it {beyond:3.0f} ppm")

# %% tags=["before-step", "check"]
if "naive" in ways:
    base = min(memory[seconds < steps["loaded"]].max() for (seconds, memory), steps in ways.values())
    most = {way: memory.max() - base for way, ((_, memory), _) in ways.items()}
    assert most["naive"] > 1.1 * most["streamed"] > 0, "in less memory; the larger the ramp, the more so"
    assert most["naive"] * 1e9 > 3 * size, "the peak is several times the ramp"
assert ways["streamed"][0][1].max() < 1.1 * budget / 1e9, "what was given is enough"
assert len(set(content.values())) == 1, "neither cuts nor workers change a bit"
assert max(entry["peak_memory"] for entry in log) < 2e9, "two workers fit into 4 GB"
assert scatter["group"] < 0.5 * scatter["none"], "the correction is worth it at 70 groups too"
if obs.is_simulated:
    assert stated["group"] < stated["few"], "more groups, less read noise"
    assert scatter["group"] < scatter["few"], "and less of the noise that the stated error does not know"

# %% tags=["check"]
if obs.truth is not None and len(few) == 54:
    off = few.flux / obs.truth.light_curve(detector)[1]
    off = off / np.median(off[:18]) - 1
    assert 3e-4 < np.median(off[31:36]) < 9e-4, "after the tilt, in the file in which it happens, jump has taken a part"
    assert abs(np.median(off[36:])) < 2e-4, "in the next file it has not"

# %% [markdown]
# The photons are the same, because the same star shone for the same minute. So the stated error, nearly all of it photons, hardly changes. (The read noise
# in it does shrink: a slope through 70 groups averages more reads. This star is too bright for that to matter.)
#
# What lies *beyond* the stated error shrinks to about half. It is the noise of the column medians of [lesson 07](07_one_over_f.ipynb): each is taken
# from a few rows, and all pixels of the column share its error. Five times as many groups average it down by about √5 = 2.2. Without a correction
# the scatter is more than ten times that of the photons, with all 70 groups. `clean` is the pipeline's `clean_flicker_noise`, which with its default measures the level of the background
# first and puts it back, noise and all; `clean_no_background` is the same without that.
#
# ### Exercise 2. How many columns?
#
# The dry run has worked out how wide a tile may be. Do it yourself, for a file of full size. A worker has `memory` (bytes); Python and the modules
# take `base`; and at its largest, `jump` needs `times` as much as the 4-byte samples of its tile. How many columns may a tile give, its halo
# not counted?
#
# <details><summary>Hint</summary>
#
# How many bytes has one column, with all its integrations, groups and rows? The halo lies on either side.
#
# </details>

# %%
context = {"memory": 1.0e9, "base": 0.35e9, "times": 7.7, "shape": full}
answer = None  # your code here

tso.exercises.check("whole-columns", answer, **context)

# %% tags=["solution"]
from tso_helpers.detector1.plan import make_plan

integrations, groups, rows, _ = full
answer = int((1.0e9 - 0.35e9) / (integrations * groups * rows * 4 * 7.7)) - 2 * HALO
print(f"{answer} columns, {-(-full[3] // answer)} tiles; the plan has {len(make_plan(full, 1.0e9).tiles)}")

assert tso.exercises.check("whole-columns", answer, **context)

# %% [markdown]
# ### Exercise 3. A programme of 100 exposures
#
# Somebody wants to calibrate 100 exposures of this size, two detectors with three files each, on 20 cores. How many **core-hours** of processor time does that
# take? `context["seconds"]` is what the plan expects for one exposure, in seconds of processor time.
#
# <details><summary>Hint</summary>
#
# A core-hour is one core that works for one hour. Do more cores make the work less, or only faster?
#
# </details>

# %%
from tso_helpers.detector1.plan import make_plan

context = {"seconds": 6 * make_plan(full).seconds, "exposures": 100, "cores": 20}
answer = None  # your code here

tso.exercises.check("whole-programme", answer, **context)

# %% tags=["solution"]
answer = context["seconds"] * 100 / 3600
print(f"{answer:.3g} core-hours")

assert tso.exercises.check("whole-programme", answer, **context)

# %% [markdown]
# ## Recap
#
# - A file of full size does not fit: at its largest, `jump` needs **several times the memory of the samples**.
# - Up to `dark_current` a ramp may be cut into **blocks of integrations**, from the 1/f correction on into **tiles of columns** with a **halo**; both change no
#   bit. `jump` in blocks of integrations is another method.
# - A process can be **watched** from outside. Streamed, its memory depends on what you give, not on the length of the observation.
# - **`tso calibrate`** does all this, with one process, several, or a Dask cluster, and goes on where it stopped.
# - Processor time grows with the number of samples. More **workers** make it faster, and not cheaper.
#
# ## On real data
#
# - `TSO_OBSERVATION=mast tso calibrate --out rates --workers 2` calibrates the real observation; `tso data --fetch` downloads it first. In this
#   notebook the naive way is left out when the memory is too small, and the streamed way takes minutes.
# - Files of your own: `tso calibrate --data my/files --out rates`, for uncal files of a NIRSpec bright-object time series. A segment that is missing, a file of another
#   exposure or too small a disk is said before the work begins.
# - `--until jump` gives ramps instead of rates. `--clean-flicker-noise` uses the pipeline's own 1/f correction, after `jump`.
# - Snowball handling (`jump.expand_large_events`) looks at whole frames and at all integrations at once. No cut serves that, so `tso calibrate` refuses it.
#
# ## Next
#
# The rates are what spectra are made of. From here on you can use Stage 2 of the pipeline, or software of your choice.
#
# ## References
#
# - JWST pipeline documentation: [Stage 1](https://jwst-pipeline.readthedocs.io/en/latest/jwst/pipeline/calwebb_detector1.html).
# - [Dask distributed](https://distributed.dask.org), [dask-jobqueue](https://jobqueue.dask.org) and
#   [Dask Gateway](https://gateway.dask.org).
# - Alderson et al. 2023, doi:10.1038/s41586-022-05591-3: this observation.
