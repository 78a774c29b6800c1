"""What the simulation knows: the kept recipe and hit list, and every effect of every integration, made again.

Everything takes ``(detector, segment, integration)`` as the observation does: segments count from 1, integrations
within their segment from 0. Nothing here uses the helpers that the lessons are judged with.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy.table import Table

from . import cosmic_rays, integration, scene
from . import detector as detectors
from .recipe import Recipe


def open_truth(folder) -> Truth:
    """Open the truth of the simulated exposure in ``folder``.

    Raises
    ------
    FileNotFoundError
        When there is none: the folder holds no simulated exposure, or one that was never finished.
    ValueError
        When its recipe is damaged, or of another version of the simulation; the message says what to do.
    """
    note = Path(folder) / "truth" / "recipe.json"
    if not note.is_file():
        raise FileNotFoundError(f"no simulated exposure in {folder}: {note} is missing. Build one with `tso data`.")
    try:
        recipe = Recipe.from_json(note.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{note}: {error}. Delete the folder {Path(folder)} and build the exposure again with `tso data`."
        ) from None
    return Truth(recipe, Path(folder))


class Truth:
    """The truth of one simulated exposure; open it with `open_truth`.

    Attributes
    ----------
    recipe : Recipe
    folder : pathlib.Path
    """

    def __init__(self, recipe: Recipe, folder: Path):
        self.recipe, self.folder = recipe, folder

    def __repr__(self):
        return f"<truth of the simulated exposure {self.recipe.key}: seed {self.recipe.seed}>"

    @cached_property
    def examples(self) -> dict:
        """Worked examples by name, each an `Example`."""
        return self.recipe.examples()

    def placed(self, kind) -> dict:
        """Return worked examples by name, as objects of `kind`; columns are those of the array."""
        first = self.recipe.columns[0]
        return {name: kind(**asdict(place) | {"column": place.column - first}) for name, place in self.examples.items()}

    def maps(self, detector: str) -> detectors.DetectorMaps:
        """Return the true pixel maps in the exposure's columns, each (row, column)."""
        return integration.maps(self.recipe, detector)

    def gain(self, detector: str) -> float:
        """Return the true gain, e-/DN."""
        return detectors.get(detector).gain

    def _without(self, effects) -> Recipe:
        """The exposure's recipe with some effects left out."""
        return replace(self.recipe, without=self.recipe.without | set(effects))

    def electron_rate(self, detector: str, segment: int, integration_: int, without=()) -> np.ndarray:
        """Return the electrons per second that each pixel collects on average, shape (row, column).

        ``without`` names effects to leave out, such as ``("transit",)``.
        """
        return integration.electron_rate(self._without(without), detector, self.recipe.locate(segment, integration_))

    def rate(self, detector: str, segment: int, integration_: int, without=()) -> np.ndarray:
        """Count rate (DN/s, shape (row, column)) that a perfect calibration gives, before gain_scale.

        The collected electrons, seen through inter-pixel capacitance and divided by the true gain. Charge migration,
        which the pipeline does not undo, is left out, and so is the bias-settling ramp, which the dark step removes.
        ``without`` names more effects to leave out, such as ``("transit",)``.
        """
        rate = self.electron_rate(detector, segment, integration_, without)
        if self.recipe.has("ipc"):
            rate = detectors.couple(rate)
        return np.where(self.maps(detector).reference_pixel, 0.0, rate / self.gain(detector))

    def noiseless_ramp(self, detector: str, segment: int, integration_: int, without=()) -> np.ndarray:
        """Return the linear DN above bias, without noise and cosmic rays, shape (group, row, column), float32.

        Full well, charge migration, bias settling and inter-pixel capacitance (as between linear pixels) take part, the
        non-linearity does not; ``without`` names effects to leave out, such as ``("charge_migration",)``.
        """
        recipe = self._without(without)
        rate = integration.electron_rate(recipe, detector, recipe.locate(segment, integration_))
        electrons = (rate * recipe.times[:, None, None]).astype(np.float32)
        return self._linear(recipe, detector, electrons)

    def _linear(self, recipe: Recipe, detector: str, electrons: np.ndarray) -> np.ndarray:
        """What linear pixels would show of collected electrons (used up): DN above bias."""
        linear = integration.collect(recipe, detector, electrons)
        if recipe.has("ipc"):
            linear = detectors.couple(linear, np.float32(detectors.IPC))
        return linear * ~self.maps(detector).reference_pixel

    def dark_ramp(self, detector: str) -> np.ndarray:
        """Return the signal without light (DN) in each group, shape (group, row, column): dark and bias settling.

        The same in every integration; what a perfect dark step removes. Pixels that their own dark current fills
        before the ramp is over are given as if they went on.
        """
        pixels, times = self.maps(detector), np.asarray(self.recipe.times, dtype=np.float32)[:, None, None]
        ramp = np.zeros((self.recipe.groups, *pixels.dark.shape), np.float32)
        if self.recipe.has("dark"):
            ramp += times * pixels.dark.astype(np.float32) / np.float32(self.gain(detector))
        if self.recipe.has("settling"):
            ramp += detectors.settling(self.recipe.times, pixels.settle)
        return ramp

    def photon_ramp(self, detector: str, segment: int, integration_: int) -> np.ndarray:
        """Return `noiseless_ramp` with the photon noise that the integration really has."""
        index = self.recipe.locate(segment, integration_)
        electrons = integration.photo_electrons(self.recipe, detector, index)
        return self._linear(self.recipe, detector, electrons)

    def one_over_f(self, detector: str, segment: int, integration_: int) -> np.ndarray:
        """Return the 1/f noise (DN) in each group, shape (group, row, column)."""
        return integration.one_over_f(self.recipe, detector, self.recipe.locate(segment, integration_))

    def one_over_f_level(self, detector: str) -> np.ndarray:
        """Return how strong the 1/f noise of every integration of the exposure is, relative to its mean."""
        return np.array([integration.one_over_f_level(self.recipe, detector, i) for i in range(self.recipe.total)])

    def spikes(self, detector: str, segment: int, integration_: int) -> np.ndarray:
        """Return the waves of fixed frequency (DN) in the noise of each group, shape (group, row, column)."""
        return integration.spikes(self.recipe, detector, self.recipe.locate(segment, integration_))

    def white_noise(self, detector: str, segment: int, integration_: int) -> np.ndarray:
        """Return the white read noise (DN) in each group, shape (group, row, column)."""
        return integration.white_noise(self.recipe, detector, self.recipe.locate(segment, integration_))

    def frame_offsets(self, detector: str, segment: int, integration_: int) -> np.ndarray:
        """Return pedestal and odd/even offset (DN) of each group and row, shape (group, row)."""
        return integration.frame_offsets(self.recipe, detector, self.recipe.locate(segment, integration_))

    def cosmic_rays(self, detector: str, segment: int, integration_: int) -> np.ndarray:
        """Return the charge of cosmic rays (DN) up to each group, shape (group, row, column)."""
        index = self.recipe.locate(segment, integration_)
        return integration.hit_electrons(self.recipe, detector, index) / np.float32(self.gain(detector))

    def telegraph_pixels(self, detector: str) -> np.ndarray:
        """Return a mask of the pixels with random telegraph noise, shape (row, column)."""
        return self.maps(detector).telegraph > 0

    def hits(self, detector: str, segment: int | None = None) -> Table:
        """List the cosmic-ray hits, one row for each hit pixel.

        Parameters
        ----------
        detector : str
        segment : int, optional
            Only this segment; all of them by default.

        Returns
        -------
        astropy.table.Table
            Columns hit (number within the integration; negative for planted ones), segment, integration (within its
            segment), read, group (the first that holds the charge), row, column (as in the data's array), electrons,
            kind. Charge that arrives after the last group is not listed.
        """
        detectors.get(detector)
        table = Table.read(self.folder / "truth" / f"hits_{detector.lower()}.fits")
        lengths = np.array(self.recipe.integrations)
        first = np.concatenate([[0], np.cumsum(lengths)])
        table["segment"] = np.searchsorted(first, table["integration"], side="right")
        table["integration"] -= first[table["segment"] - 1]
        table["group"] = np.searchsorted(self.recipe.reads, table["read"])
        table["column"] -= self.recipe.columns[0]
        table["kind"] = np.array(cosmic_rays.KINDS)[table["kind"]]
        kept = table["group"] < self.recipe.groups
        if segment is not None:
            self.recipe.locate(segment, 0)
            kept &= table["segment"] == segment
        names = ["hit", "segment", "integration", "read", "group", "row", "column", "electrons", "kind"]
        return table[kept][names]

    @cached_property
    def times(self) -> np.ndarray:
        """BJD_TDB at the middle of every integration of the exposure, shape (integration,)."""
        return scene.mid_times(self.recipe.indices)

    def pointing(self, detector: str) -> np.ndarray:
        """Return how far the star stood from the middle of the slit, shape (integration, 2): rows and columns (pixels).

        Jitter, slow drift, and the step in rows of the mirror tilt. Positive columns move the spectrum to higher ones.
        """
        light = self.recipe.scene(detector)
        return np.array([light.offset(index) for index in range(self.recipe.total)])

    def slit(self, detector: str) -> np.ndarray:
        """Return the share of each pixel, 0 to 1, that lies within the image of the slit, shape (row, column)."""
        columns = self.recipe.columns
        if not self.recipe.has("slit"):
            return np.ones((detectors.ROWS, columns[1] - columns[0]))
        away = np.abs(np.arange(detectors.ROWS)[:, None] - self.trace(detector))
        return np.clip(detectors.MODE.optics.slit_rows / 2 + 0.5 - away, 0, 1)

    def light_curve(self, detector: str, columns=slice(None), without=()) -> tuple[np.ndarray, np.ndarray]:
        """Return the star's true light curve on the detector's rows, instrument trends, pointing and tilt included.

        Parameters
        ----------
        detector : str
        columns : slice or index array
            Columns (of the data's array) to add up; all by default.
        without : sequence of str
            Effects to leave out, such as ``("transit",)``.

        Returns
        -------
        time : numpy.ndarray, shape (integration,)
            BJD_TDB.
        flux : numpy.ndarray, shape (integration,)
            Electrons per second.
        """
        recipe, pixels = self._without(without), self.maps(detector)
        light, flat = recipe.scene(detector), pixels.flat if recipe.has("flat") else ~pixels.reference_pixel
        flux = [np.sum((light.star(index) * flat)[:, columns]) for index in range(self.recipe.total)]
        return self.times, np.array(flux)

    def transit(self, detector: str, columns=slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Return the transit in white light of ``columns``: time (BJD_TDB) and relative flux, 1 out of transit."""
        star = scene.star_spectrum(self.wavelength(detector)[columns], self.recipe.has("stellar_lines"))
        relative = scene.transit(self.times, self.wavelength(detector)[columns])
        return self.times, relative @ star / star.sum()

    def wavelength(self, detector: str) -> np.ndarray:
        """Return the wavelength (um) of each column of the data's array, on the trace."""
        return detectors.MODE.detector(detector).wavelength(np.arange(*self.recipe.columns))

    def wavelength_map(self, detector: str, segment: int | None = None, integration_: int | None = None) -> np.ndarray:
        """Return the wavelength (um) of each pixel, shape (row, column), the slit's tilt included.

        Of a star in the middle of the slit, which is what a calibration knows; with ``segment`` and ``integration_``
        of the star where it stood in that integration.
        """
        index = None if segment is None else self.recipe.locate(segment, integration_)
        return self.recipe.scene(detector).wavelength_map(index)

    def star_spectrum(self, wavelength, lines: bool = True) -> np.ndarray:
        """Return the star's electrons per second and column at ``wavelength`` (um), out of transit, before the slit.

        ``lines`` False gives the continuum alone.
        """
        return scene.star_spectrum(wavelength, lines and self.recipe.has("stellar_lines"))

    def trace(self, detector: str) -> np.ndarray:
        """Return the row of the spectrum's centre in each column of the data's array (before the mirror tilt)."""
        return detectors.MODE.detector(detector).trace(np.arange(*self.recipe.columns))

    @staticmethod
    def depth(wavelength) -> np.ndarray:
        """Return the transit depth (Rp/R*)^2 at ``wavelength`` (um)."""
        return scene.depth(wavelength)
