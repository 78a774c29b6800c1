"""One integration of one detector, from photons to raw counts, effect by effect.

Each function makes one effect of one integration from the recipe alone, so it can be made again at any time.
``index`` is the zero-based integration in the exposure. Arrays are (group, row, column) unless said otherwise.
"""

from __future__ import annotations

import numpy as np

from . import cosmic_rays, detector, examples, noise, scene
from .recipe import Recipe


def maps(recipe: Recipe, name: str) -> detector.DetectorMaps:
    """Return the pixels of detector ``name`` in the recipe's columns."""
    return detector.maps(name, recipe.seed).cut(recipe.columns)


def electron_rate(recipe: Recipe, name: str, index: int) -> np.ndarray:
    """Return the electrons per second a pixel collects on average: star and sky through the flat, plus dark."""
    pixels = maps(recipe, name)
    light = recipe.scene(name).electron_rate(index)
    flat = pixels.flat if recipe.has("flat") else ~pixels.reference_pixel
    return light * flat + (pixels.dark if recipe.has("dark") else 0.0)


def photo_electrons(recipe: Recipe, name: str, index: int) -> np.ndarray:
    """Return the electrons collected up to each group, float32.

    Between two kept reads the photons of the dropped ones arrive too: the sum of their independent Poisson increments
    is one Poisson increment of the summed expectation, and is drawn as such.
    """
    seconds = np.diff(recipe.times, prepend=0.0)
    expected = electron_rate(recipe, name, index) * seconds[:, None, None]
    if recipe.has("photon_noise"):
        expected = noise.stream(recipe.seed, "photon_noise", name, index).poisson(expected)
    return np.cumsum(expected, axis=0, dtype=float).astype(np.float32)


def hits(recipe: Recipe, name: str, index: int) -> np.ndarray:
    """Return the cosmic rays of the integration, dtype `cosmic_rays.HIT`; planted ones included."""
    rng = noise.stream(recipe.seed, "cosmic_rays", name, index)
    drawn = np.empty(0, cosmic_rays.HIT)
    if recipe.has("cosmic_rays"):
        drawn = cosmic_rays.draw(rng, recipe.reads[-1] + 1, recipe.frame_time, recipe.columns)
    if name != recipe.detectors[0] or index >= recipe.integrations[0]:
        return drawn
    planted = []
    reads = examples.hit_reads(recipe)
    for kind, charge in (("saturated_by_cosmic_ray", examples.SATURATING), ("clean_jump", examples.CLEAN)):
        where = recipe.examples().get(kind)
        if where is None:
            continue
        if abs(index - where.integration) <= 1:  # the integrations beside it must show the undisturbed pixel
            drawn = cosmic_rays.away_from(drawn, where.row, where.column)
        if index == where.integration:
            planted.append(cosmic_rays.planted(-1 - len(planted), reads[kind], where.row, where.column, charge))
    return np.concatenate([drawn, *planted])


def hit_electrons(recipe: Recipe, name: str, index: int) -> np.ndarray:
    """Return the electrons that cosmic rays have left up to each group."""
    return cosmic_rays.accumulated(hits(recipe, name, index), recipe.reads, recipe.columns)


def collect(recipe: Recipe, name: str, electrons: np.ndarray) -> np.ndarray:
    """Return the linear DN above bias that the pixels hold for collected ``electrons``.

    Full well, charge migration and bias settling take part; neighbours are not coupled yet.
    ``electrons`` may be given for any recipe's groups; it is used up (changed in place).
    """
    pixels, det = maps(recipe, name), detector.get(name)
    if recipe.has("nonlinearity"):
        np.minimum(electrons, pixels.full_well.astype(np.float32), out=electrons)
    if recipe.has("charge_migration"):
        electrons = detector.migrate(electrons, np.float32(det.migration))
    electrons *= ~pixels.reference_pixel
    electrons /= np.float32(det.gain)
    if recipe.has("settling"):
        electrons += detector.settling(recipe.times, pixels.settle)
    return electrons


def shown(recipe: Recipe, name: str, linear: np.ndarray) -> np.ndarray:
    """Return the DN above bias that the pixels show for what they hold: non-linear, and coupled to their neighbours.

    Reference pixels are not coupled.
    """
    pixels = maps(recipe, name)
    c2, c3 = (term.astype(np.float32) for term in (pixels.c2, pixels.c3))
    if recipe.has("nonlinearity") and recipe.has("ipc"):
        linear = detector.couple_voltages(linear, c2, c3, np.float32(detector.IPC))
    elif recipe.has("nonlinearity"):
        linear = detector.unlinearise(linear, c2, c3)
    elif recipe.has("ipc"):
        linear = detector.couple(linear, np.float32(detector.IPC))
    linear *= ~pixels.reference_pixel
    return linear


def one_over_f(recipe: Recipe, name: str, index: int) -> np.ndarray:
    """Return the 1/f noise (DN) of each group; all reads are generated, the kept ones returned."""
    rng, det = noise.stream(recipe.seed, "one_over_f", name, index), detector.get(name)
    rms = detector.ONE_OVER_F / det.gain * one_over_f_level(recipe, name, index)
    frames = noise.one_over_f(recipe.reads[-1] + 1, rms, rng, detector.MODE.detector(name).reverse)
    return frames[:: recipe.decimation, :, slice(*recipe.columns)]


def one_over_f_level(recipe: Recipe, name: str, index: int) -> float:
    """Return how strong the 1/f noise of the integration is relative to its mean over the exposure."""
    if not recipe.has("one_over_f_level"):
        return 1.0
    place = recipe.indices[index] / scene.INTEGRATIONS
    return float(noise.levels(place, noise.stream(recipe.seed, "one_over_f_level", name)))


def spikes(recipe: Recipe, name: str, index: int) -> np.ndarray:
    """Return the waves of fixed frequency (DN) in the noise of each group."""
    rng, det = noise.stream(recipe.seed, "spikes", name, index), detector.get(name)
    lines = [(frequency, amplitude / det.gain) for frequency, amplitude in noise.SPIKES]
    frames = noise.spikes(recipe.reads, lines, rng, detector.MODE.detector(name).reverse)
    return frames[:, :, slice(*recipe.columns)]


def telegraph(recipe: Recipe, name: str, index: int) -> np.ndarray:
    """Return the telegraph noise (DN) of each group."""
    steps = maps(recipe, name).telegraph
    chosen = steps > 0
    levels = noise.telegraph(recipe.reads[-1] + 1, steps[chosen], noise.stream(recipe.seed, "telegraph", name, index))
    frames = np.zeros((recipe.groups, *steps.shape), np.float32)
    frames[:, chosen] = levels[:: recipe.decimation]
    return frames


def white_noise(recipe: Recipe, name: str, index: int) -> np.ndarray:
    """Return the white read noise (DN) of each group."""
    rng = noise.stream(recipe.seed, "white_noise", name, index)
    return noise.white_noise(recipe.groups, maps(recipe, name).white_noise, rng)


def reset_noise(recipe: Recipe, name: str, index: int) -> np.ndarray:
    """Return the kTC noise (DN), the same in all groups; (row, column)."""
    det, rng = detector.get(name), noise.stream(recipe.seed, "ktc", name, index)
    shape = (detector.ROWS, recipe.columns[1] - recipe.columns[0])
    return detector.KTC / det.gain * rng.standard_normal(shape, dtype=np.float32)


def frame_offsets(recipe: Recipe, name: str, index: int) -> np.ndarray:
    """Return pedestal and odd/even row offsets (DN) of each group, shape (group, row)."""
    det, sign = detector.get(name), np.where(np.arange(detector.ROWS) % 2 == 0, 0.5, -0.5)
    offsets = np.zeros((recipe.groups, detector.ROWS), np.float32)
    if recipe.has("pedestal"):
        rng = noise.stream(recipe.seed, "pedestal", name, index)
        offsets += noise.pedestals(recipe.groups, det.pedestal, rng)[:, None]
    if recipe.has("odd_even"):
        rng = noise.stream(recipe.seed, "odd_even", name, index)
        offsets += noise.odd_even_offsets(recipe.groups, det.odd_even, rng)[:, None] * sign
    return offsets


def bias(recipe: Recipe, name: str) -> np.ndarray:
    """Return the fixed part of the bias (DN), shape (row, column): superbias, and what active pixels have more."""
    pixels = maps(recipe, name)
    level = pixels.superbias if recipe.has("superbias") else np.full(pixels.superbias.shape, detector.get(name).bias)
    return level + (pixels.offset if recipe.has("offset") else 0.0)


def raw_counts(recipe: Recipe, name: str, index: int) -> np.ndarray:
    """Return the integration as the telescope sends it, uint16."""
    signal = photo_electrons(recipe, name, index)
    signal += hit_electrons(recipe, name, index)
    signal = shown(recipe, name, collect(recipe, name, signal))
    signal += bias(recipe, name).astype(np.float32)
    signal += frame_offsets(recipe, name, index)[:, :, None]
    if recipe.has("ktc"):
        signal += reset_noise(recipe, name, index)
    for effect in (white_noise, one_over_f, spikes, telegraph):
        if recipe.has(effect.__name__):
            signal += effect(recipe, name, index)
    return np.clip(np.rint(signal), 0, detector.ADC_MAX).astype(np.uint16)
