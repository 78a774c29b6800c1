"""The star's lines stand where laboratories and telescopes see them."""

import numpy as np
import pytest

from tso_helpers.simulation import star


def nearest(lines, wavelength):
    return lines[0][np.abs(lines[0] - wavelength).argmin()]


@pytest.mark.parametrize(
    ("name", "wavelength"), [("Brackett alpha", 4.05226), ("Pfund gamma", 3.74056), ("Humphreys 10-6", 5.12865)]
)
def test_hydrogen(name, wavelength):
    assert nearest(star.hydrogen(), wavelength) == pytest.approx(wavelength, abs=3e-5), name


@pytest.mark.parametrize(  # 1/cm, of the fundamental band in HITRAN
    ("name", "wavenumber"), [("R(0)", 2147.0811), ("P(1)", 2139.4261), ("R(10)", 2183.2239), ("P(10)", 2099.0827)]
)
def test_carbon_monoxide(name, wavenumber):
    assert 1e4 / nearest(star.carbon_monoxide(), 1e4 / wavenumber) == pytest.approx(wavenumber, abs=0.1), name


def test_carbon_monoxide_begins_at_its_band_head():
    assert star.carbon_monoxide()[0].min() == pytest.approx(4.29, abs=0.02)
    assert star.transmission(np.linspace(4.4, 5.0, 2000)).mean() < star.transmission(np.linspace(3.1, 3.9, 2000)).mean()


def test_hydroxyl_turns_as_its_far_infrared_lines_say():
    for low, high, micron in ((1.5, 2.5, 119.3), (2.5, 3.5, 84.5)):  # 2Pi3/2, mean of the doublets
        step = star.hydroxyl_level(1, 0, high) - star.hydroxyl_level(1, 0, low)
        assert 1e4 / step == pytest.approx(micron, rel=0.01)
    assert star.hydroxyl_level(2, 0, 0.5) - star.hydroxyl_level(1, 0, 1.5) == pytest.approx(126.3, abs=1.5)
    assert star.hydroxyl_level(1, 1, 1.5) - star.hydroxyl_level(1, 0, 1.5) == pytest.approx(3568, abs=2)


def test_lines_are_shifted_and_as_wide_as_the_instrument_resolves():
    centre = 4.05226 * (1 - 58.5 / 299_792.458)  # towards us
    near = centre + np.linspace(-2e-3, 2e-3, 4001)
    depth = 1 - star.transmission(near)
    assert near[depth.argmax()] == pytest.approx(centre, abs=3e-5)  # others stand near
    above = near[depth > depth.max() / 2]
    assert centre / np.ptp(above) == pytest.approx(2700, rel=0.05)


def test_depths_are_one_to_ten_per_cent():
    depth = 1 - star.transmission(np.linspace(2.8, 5.2, 20_000))
    assert 0.08 < depth.max() < 0.1
    assert (depth > 0.01).mean() > 0.1
    assert depth.min() >= 0
