"""Checkers of lesson 01: what to ask the archive, where the star was, how much memory a ramp takes."""

from __future__ import annotations

import numpy as np

from tso_helpers.course.exercises.core import Wrong, checker

WANTED = {"instrument_name": "MIRI/SLITLESS", "proposal_id": "1366", "target_name": "WASP-43"}


@checker(
    "archive-criteria",
    expects="a dictionary of criteria such as {'proposal_id': '1366', ...}",
    solution=WANTED,
    wrong={
        "still NIRSpec's filter": WANTED | {"filters": "F290LP;G395H"},
        "the planet's name": WANTED | {"target_name": "WASP-43b"},
        "the instrument alone": WANTED | {"instrument_name": "MIRI"},
        "no programme": {"instrument_name": "MIRI/SLITLESS", "target_name": "WASP-43"},
        "another star": WANTED | {"target_name": "WASP-39"},
    },
)
def archive_criteria(answer):
    """Criteria that find the MIRI/LRS phase curve of the same programme."""
    answer = {str(name): str(value).strip() for name, value in dict(answer).items()}
    given = {name: value.upper() for name, value in answer.items()}
    if "F290LP" in given.get("filters", "") or "G395H" in given.get("filters", ""):
        raise Wrong("F290LP and G395H are NIRSpec's; with that filter no MIRI data can match. Leave `filters` out.")
    if given.get("instrument_name") in ("MIRI", "MIRI/LRS"):
        raise Wrong("`instrument_name` names the mode as well, in the archive's own words: 'MIRI/SLITLESS'.")
    missing = sorted(set(WANTED) - set(given))
    if missing:
        raise Wrong(f"{', '.join(missing)} is missing: without it the archive returns other people's data too.")
    target = given["target_name"].replace(" ", "")
    if target.rstrip("B") == "WASP-43" and target.endswith("B"):
        raise Wrong("a target is the star as the proposal calls it, not the planet: drop the 'b'.")
    wrong = sorted(name for name, value in WANTED.items() if given[name].replace(" ", "") != value)
    if wrong:
        raise Wrong(f"{wrong[0]} is not right: the phase curve is of WASP-43, with MIRI/SLITLESS, programme 1366.")
    return "With these, MAST finds the phase curve of WASP-43b."


@checker(
    "ta-centroid",
    expects="two numbers, (row, column) in pixels",
    solution=lambda frames: centroid(frames),
    wrong={
        "row and column exchanged": lambda frames: centroid(frames)[::-1],
        "first group not subtracted": lambda frames: _mean(np.asarray(frames, float)[-1]),
        "counted from one": lambda frames: centroid(frames) + 1,
        "background not subtracted": lambda frames: _mean(_gained(frames)),
    },
    example=lambda: {"frames": _made_up_frames()},
)
def ta_centroid(answer, frames):
    """Row and column of the star in a target-acquisition image, from frames of shape (group, row, column)."""
    row, column = (float(value) for value in answer)
    answer, truth = np.array([row, column]), centroid(frames)
    if _near(answer, truth, 0.25):
        return f"The star is {np.hypot(*(truth - middle(frames))):.1f} pixels from the centre."
    if _near(answer, truth[::-1], 0.25):
        raise Wrong("row and column are exchanged: arrays are indexed [row, column], that is [y, x].")
    if _near(answer, truth + 1, 0.25):
        raise Wrong("that counts pixels from one. Python, and all of these lessons, count from zero.")
    if _near(answer, _mean(_gained(frames)), 0.1):
        raise Wrong("the background still pulls towards the middle: subtract its median, and set what is faint to 0.")
    if _near(answer, middle(frames), 0.6):
        raise Wrong(
            "that is the middle of the frame. The bias is in all pixels and outweighs the star: "
            "subtract the first group before you weight."
        )
    raise Wrong("that is not where the star is. Look at the figure: which pixel is brightest in last minus first?")


def centroid(frames):
    """Flux-weighted centre of the star.

    Parameters
    ----------
    frames : array (group, row, column)
        Raw counts, DN.

    Returns
    -------
    array (2,)
        Row and column, zero-based, pixels. From the pixels within 4 of the brightest one, above a tenth of its value.
    """
    gained = _gained(frames)
    gained = gained - np.median(gained)
    peak = np.unravel_index(np.argmax(gained), gained.shape)
    rows, columns = np.indices(gained.shape)
    near = np.hypot(rows - peak[0], columns - peak[1]) <= 4
    return _mean(np.where(near & (gained > 0.1 * gained[peak]), gained, 0))


def middle(frames):
    """Centre of the frame, (row, column)."""
    return (np.array(np.shape(frames)[-2:]) - 1) / 2


def _gained(frames):
    frames = np.asarray(frames, dtype=float)
    return frames[-1] - frames[0]


def _mean(image):
    rows, columns = np.indices(image.shape)
    return np.array([np.sum(rows * image), np.sum(columns * image)]) / np.sum(image)


def _near(answer, truth, distance):
    return bool(np.hypot(*(np.asarray(answer) - truth)) < distance)


def _made_up_frames():
    """Three groups of a star at (18, 12.5) over a bias of 5,500 DN with a fixed pattern, and a little background."""
    rows, columns = np.indices((32, 32))
    star = 1000 * np.exp(-((rows - 18) ** 2 + (columns - 12.5) ** 2) / 2)
    pattern = 5500 + 300 * np.sin(7.0 * rows + 3.0 * columns)
    return np.array([pattern + group * (star + 15) for group in (1, 2, 3)])


@checker(
    "ramp-memory",
    expects="a number of GB (10^9 bytes)",
    solution=lambda shape: 5 * np.prod(shape, dtype=float) / 1e9,
    wrong={
        "bytes of the file": lambda shape: 2 * np.prod(shape, dtype=float) / 1e9,
        "flags forgotten": lambda shape: 4 * np.prod(shape, dtype=float) / 1e9,
        "in bytes": lambda shape: 5 * np.prod(shape, dtype=float),
        "one integration": lambda shape: 5 * np.prod(shape[1:], dtype=float) / 1e9,
    },
    example={"shape": (300, 8, 256, 2048)},
)
def ramp_memory(answer, shape):
    """Memory of the samples and the group flags of a ramp of that shape (integration, group, row, column)."""
    answer, samples = float(answer), np.prod(shape, dtype=float)

    def equals(nbytes):
        return bool(np.isclose(answer, nbytes / 1e9, rtol=0.02))

    if equals(5 * samples):
        return "And that is before the first step has made its copy."
    if equals(2 * samples):
        raise Wrong("that is the file: 2 bytes a sample. In memory the pipeline works in float32, 4 bytes, plus flags.")
    if equals(4 * samples):
        raise Wrong("the samples alone. `groupdq` adds one byte of flags to every sample.")
    if np.isclose(answer, 5 * samples, rtol=0.02):
        raise Wrong("those are bytes; 1 GB is 10^9 of them.")
    if equals(5 * samples / shape[0]):
        raise Wrong("that is one integration. The whole exposure is read at once unless you take care.")
    if equals(5 * samples * 1e9 / 2**30):
        raise Wrong("those are GiB (2^30 bytes); divide by 10^9 for GB.")
    raise Wrong("multiply the four axes, then count 4 bytes for the sample and 1 byte for its flags.")
