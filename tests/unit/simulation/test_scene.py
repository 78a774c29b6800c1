"""The simulated sky against the numbers it was taken from."""

import itertools

import numpy as np
import pytest

from tso_helpers.simulation import detector, scene

FULL = tuple(range(scene.INTEGRATIONS))


def test_depth_follows_the_published_spectrum():
    published = scene._DEPTH
    assert scene.depth(published[:, 0]) * 100 == pytest.approx(published[:, 1])
    for (left, one), (right, other) in itertools.pairwise(published):
        between = scene.depth(np.linspace(left, right, 9)) * 100
        assert min(one, other) - 1e-9 <= between.min() <= between.max() <= max(one, other) + 1e-9
    assert scene.depth(4.325) > scene.depth(4.175) + 0.001  # carbon dioxide
    assert scene.depth(4.075) > (scene.depth(3.95) + scene.depth(4.15)) / 2  # sulphur dioxide


def test_star_follows_the_published_counts_and_its_blue_edge():
    assert scene.star_spectrum(scene._STAR[:, 0]) == pytest.approx(scene._STAR[:, 1])
    assert scene.star_spectrum(2.72) == 0
    assert 0 < scene.star_spectrum(2.765) < scene.star_spectrum(2.80)
    lit = np.flatnonzero(scene.star_spectrum(detector.MODE.detector("NRS1").wavelength(np.arange(2048))) > 0)
    assert lit[0] == pytest.approx(580, abs=15)


def test_times_of_the_exposure():
    start = scene.start_times(0)
    assert start.isot == "2022-07-30T22:05:00.000"
    assert scene.start_times(465).isot.startswith("2022-07-31T06:21")
    times = scene.mid_times(FULL)
    assert np.diff(times) * 86400 == pytest.approx(64.042, abs=0.01)
    assert np.abs(times - scene.MID_TRANSIT).argmin() == pytest.approx(258, abs=1)


def test_barycentric_times_against_mjd():
    # the target lies nearly at quadrature on that day: the light-travel term is some tens of seconds
    delta = (scene.to_bjd(scene.start_times(0)) - 2400000.5 - scene.start_times(0).mjd) * 86400
    assert delta == pytest.approx(69.18, abs=60)


def test_transit_has_the_depth_of_its_wavelength_and_the_published_duration():
    wavelength = np.array([3.0, 4.325])
    flux = scene.transit(scene.mid_times(FULL), wavelength)
    assert flux.shape == (465, 2)
    assert flux[0] == pytest.approx(1)
    depth = 1 - flux.min(axis=0)
    # limb darkening makes the middle deeper than (Rp/R*)^2, by a few per cent in the infrared
    assert (depth / scene.depth(wavelength)) == pytest.approx(1.04, abs=0.03)
    hours = (flux[:, 0] < 1 - 1e-7).sum() * scene.INTEGRATION_TIME / 3600
    assert hours == pytest.approx(2.87, abs=0.07)


def test_scene_counts_come_out_as_published():
    for name, peak in (("NRS1", 36_000), ("NRS2", 19_000)):
        light, det = scene.Scene(name, FULL), detector.get(name)
        image = light.star(0) * 63.14 / det.gain
        assert image.max() == pytest.approx(peak, rel=0.06)
        row = np.arange(32)[:, None]
        bright = light.wavelength > 2.85
        centroid = ((row * image).sum(axis=0) / np.maximum(image.sum(axis=0), 1e-9))[bright]
        assert (
            np.abs(centroid - detector.MODE.detector(name).trace(np.flatnonzero(bright))).max() < 0.5
        )  # wings are cut at the frame's edge
    image = scene.Scene("NRS1", FULL).star(0) * 63.14 / detector.get("NRS1").gain
    assert image[11, 2000] == pytest.approx(27_000, rel=0.05)


def test_mirror_tilt_moves_light_into_the_wings_and_nowhere_else():
    light = scene.Scene("NRS1", FULL, without=frozenset({"transit", "trends"}))
    before, after = light.star(270), light.star(271)
    assert after.sum() == pytest.approx(before.sum(), rel=3e-3)
    trace = np.round(detector.MODE.detector("NRS1").trace(np.arange(800, 2040))).astype(int)
    columns = np.arange(800, 2040)
    core = [sum(image[trace + offset, columns].sum() for offset in (-2, -1, 0, 1, 2)) for image in (before, after)]
    assert 0.97 < core[1] / core[0] < 0.99


def test_effects_of_the_sky_can_be_switched_off():
    quiet = scene.Scene("NRS1", FULL, without=frozenset({"transit", "trends", "tilt", "sky"}))
    assert np.array_equal(quiet.electron_rate(0), quiet.electron_rate(258))
    assert not np.array_equal(quiet.electron_rate(0), scene.Scene("NRS1", FULL).electron_rate(0))


def test_interpolated_transits_are_those_of_each_column():
    indices = tuple(range(0, 465, 40))
    light = scene.Scene("NRS2", indices)
    direct = scene.transit(scene.mid_times(indices), light.wavelength[1000:1003])
    between = np.array([light.column_flux(i)[1000:1003] for i in range(len(indices))])
    between /= scene.star_spectrum(light.wavelength[1000:1003]) * scene.trends(np.array(indices))[:, None]
    assert between == pytest.approx(direct, abs=2e-6)
