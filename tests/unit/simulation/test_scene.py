"""The simulated sky against the numbers it was taken from."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

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
    assert scene.star_spectrum(scene._STAR[:, 0], lines=False) == pytest.approx(scene._STAR[:, 1])
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


#: A star that stands still, without lines, transit and baseline: its light is the profile.
STILL = frozenset({"transit", "trends", "pointing", "stellar_lines", "intrapixel"})


def test_mirror_tilt_moves_light_into_the_wings_and_over_the_edge():
    light = scene.Scene("NRS1", FULL, without=STILL)
    before, after = light.star(270), light.star(271)
    columns = np.arange(800, 2040)
    trace = np.round(detector.MODE.detector("NRS1").trace(columns)).astype(int)
    core = [sum(image[trace + offset, columns].sum() for offset in (-2, -1, 0, 1, 2)) for image in (before, after)]
    assert 0.97 < core[1] / core[0] < 0.99
    # 2.4 % of the light is now in a wing of 3 pixels, of which each pair of the square slit's edges cuts this
    cut = scene.TILT_WINGS * 2 * 2 * ndtr(-8 / 3)
    inside = slice(900, 1700)  # where the slit lies in the window
    lost = 1 - after[:, inside].sum() / before[:, inside].sum()
    assert lost == pytest.approx(cut, rel=0.05)
    whole = scene.Scene("NRS1", FULL, without=STILL | {"slit"})
    assert abs(1 - whole.star(271)[:, inside].sum() / whole.star(270)[:, inside].sum()) < cut / 3  # the window's edge


def test_light_ends_at_the_edges_of_the_slit():
    light = scene.Scene("NRS1", FULL, without=STILL)
    image, away = (
        light.star(0) / light.time_factor(0),
        np.arange(32)[:, None] - detector.MODE.detector("NRS1").trace(np.arange(2048)),
    )
    for frame in (image, light.sky()):
        assert not frame[np.abs(away) >= 8.5].any()
        assert frame[(np.abs(away) < 8.5) & (light.wavelength > 2.85)].all()
    edge = (np.abs(away) > 7.5) & (np.abs(away) < 8.5) & (light.wavelength > 2.85)
    assert light.sky()[edge] == pytest.approx(scene.SKY * (8.5 - np.abs(away[edge])))
    # what is cut: wings of 3 and 8 pixels beyond 8, at two pairs of edges
    inside = slice(900, 1700)
    kept = 0.94 + sum(f * (1 - 2 * ndtr(-8 / s)) ** 2 for f, s in scene.WINGS)
    assert light.profile(0)[:, inside].sum(axis=0) == pytest.approx(kept, abs=1e-9)
    assert scene.Scene("NRS1", FULL, without=STILL | {"slit"}).sky()[0, 1000] == scene.SKY


def test_pixels_integrate_their_response():
    light = scene.Scene("NRS2", FULL, (700, 716), without=STILL - {"intrapixel"})
    trace, profile = detector.MODE.detector("NRS2").trace(705), light.profile(0)[:, 5]
    parts = [(f, np.ravel(s)[5] if np.ndim(s) else s) for f, s in light._parts(0)]
    for row in (round(trace) - 8, round(trace) - 1, round(trace), round(trace) + 5):
        low, high = np.clip((row - 0.5, row + 0.5), trace - 8, trace + 8)
        expected = 0.0
        for fraction, sigma in parts:

            def density(y, row=row, sigma=sigma):
                return norm.pdf(y, trace, sigma) * scene.intrapixel_response(y - row)

            expected += fraction * (1 - 2 * ndtr(-8 / sigma)) * quad(density, low, high, epsabs=1e-13)[0]
        assert profile[row] == pytest.approx(expected, rel=1e-9)
    mean = quad(scene.intrapixel_response, -0.5, 0.5)[0]
    assert mean == pytest.approx(1)
    assert scene.intrapixel_response(0) - scene.intrapixel_response(0.5) == pytest.approx(scene.INTRAPIXEL)
    flat = scene.Scene("NRS2", FULL, (700, 716), without=STILL).profile(0)[:, 5]
    # a spectrum that is 2 pixels wide blurs the per cents of the response to a tenth of one
    assert 5e-4 < np.abs(profile[flat > 0.05] / flat[flat > 0.05] - 1).max() < scene.INTRAPIXEL


def test_pointing_jitters_and_drifts_for_both_detectors_alike():
    one, two = (scene.Scene(name, FULL, without=frozenset({"tilt"})) for name in ("NRS1", "NRS2"))
    moved = np.array([one.offset(i) for i in FULL])
    assert np.array_equal(moved[::50], [two.offset(i) for i in FULL[::50]])
    assert not np.array_equal(moved[:3], [scene.Scene("NRS1", FULL, seed=40).offset(i) for i in range(3)])
    slope, middle = np.polyfit(np.array(FULL) / 465 - 0.5, moved, 1)
    assert slope == pytest.approx(np.array(scene.POINTING_DRIFT) / 100, abs=0.006)  # 0.1 arcsec per pixel
    rest = moved - np.outer(np.array(FULL) / 465 - 0.5, slope) - middle
    assert rest.std(axis=0) == pytest.approx(scene.JITTER / 100, rel=0.08)
    still = scene.Scene("NRS1", FULL, without=frozenset({"pointing", "tilt"}))
    assert still.offset(7) == (0.0, 0.0)


def test_pointing_moves_the_spectrum_and_the_trace():
    columns = (1200, 1300)
    light = scene.Scene("NRS2", FULL, columns, without=frozenset({"tilt", "slit"}))
    still = scene.Scene("NRS2", FULL, columns, without=light.without | {"pointing"})
    index = max(FULL[:60], key=lambda i: abs(light.offset(i)[1]))
    rows, across = light.offset(index)
    dispersion = np.gradient(light.wavelength)[2:-2]
    shift = (light.wavelength_map(index) - light.wavelength_map())[:, 2:-2]
    assert shift == pytest.approx(np.broadcast_to(-across * dispersion, shift.shape), rel=1e-3)
    image, before = light.star(index), still.star(index)
    row, spectra = np.arange(32)[:, None], (image.sum(axis=0), before.sum(axis=0))
    centroids = [(row * frame).sum(axis=0) / frame.sum(axis=0) for frame in (image, before)]
    assert np.median(centroids[0] - centroids[1]) == pytest.approx(rows, rel=0.03)
    # to first order, the spectrum at a column is what was beside it
    beside = [np.interp(np.arange(*columns) + side, *scene._spectrum("NRS2", True, True)) for side in (-0.1, 0.1)]
    slope = (beside[1] - beside[0]) / 0.2 * still.time_factor(index)
    assert np.polyfit(slope, spectra[0] - spectra[1], 1)[0] == pytest.approx(-across, rel=0.03)


def test_the_slit_leans():
    light = scene.Scene("NRS2", FULL, without=STILL - {"stellar_lines"})
    described, wavelength = detector.MODE.detector("NRS2"), light.wavelength_map()
    row, column = detector.MODE.pixel("NRS2", 4.05226 * (1 - 58.5 / 299_792.458), np.array([-2, 0, 2]) / 16)
    image = light.star(0) / np.maximum(scene.Scene("NRS2", FULL, without=STILL).star(0), 1e-9)
    found = []
    for r, c in zip(np.round(row).astype(int), np.round(column).astype(int), strict=True):
        near = np.arange(c - 3, c + 4)
        depth = 1 - image[r, near]
        found.append((depth * near).sum() / depth.sum())
    assert np.polyfit(np.round(row), found, 1)[0] == pytest.approx(detector.MODE.optics.slit_tilt, rel=0.15)
    rows, columns = np.mgrid[:32, :2048]
    assert np.array_equal(wavelength, detector.MODE.wavelength("NRS2", rows, columns))
    straight = scene.Scene("NRS2", FULL, without=STILL | {"slit_tilt"}).wavelength_map()
    assert np.array_equal(straight, np.broadcast_to(described.wavelength(np.arange(2048)), straight.shape))


def test_the_spectrum_in_a_pixel_is_its_integral():
    described = detector.MODE.detector("NRS2")
    places, spectrum = scene._spectrum("NRS2", True, True)
    for column in (1000, 1500.5):
        expected = quad(
            lambda u, column=column: (
                scene.star_spectrum(described.wavelength(column + u)) * scene.intrapixel_response(u)
            ),
            -0.5,
            0.5,
            limit=400,
        )[0]
        assert np.interp(column, places, spectrum) == pytest.approx(expected, rel=3e-5)


def test_baselines_differ_between_the_detectors_by_some_forty_ppm_of_depth():
    index = np.arange(465)
    relative = scene.transit(scene.mid_times(FULL), np.array([3.3]))[:, 0]
    outside, inside = relative == 1, relative < relative.min() + 5e-5
    biases = {}
    for name, wavelengths in (("NRS1", np.linspace(2.85, 3.7, 18)), ("NRS2", np.linspace(3.83, 5.15, 18))):
        factors = np.array([scene.trends(index, name, wavelength) for wavelength in wavelengths])
        weights = scene.star_spectrum(wavelengths, lines=False)
        factor = weights @ factors / weights.sum()
        biases[name] = 1e6 * (1 - factor[inside].mean() / factor[outside].mean())
        step = factors[:, -1] - factors[:, 200]
        assert step == pytest.approx([scene.SLOPE[name][0] * 264 / 465] * 18, abs=3e-4)
    assert biases["NRS1"] - biases["NRS2"] == pytest.approx(40, abs=6)
    blue, red = (scene.trends(464, "NRS1", w) - scene.trends(232, "NRS1", w) for w in (2.8, 3.5))
    assert (blue - red) == pytest.approx(scene.SLOPE["NRS1"][1] * 232 / 465, rel=1e-3)
    assert scene.trends(0, "NRS2", 4.0) - 1 == pytest.approx(scene.START_RAMP["NRS2"] + 0.75e-4)


def test_the_acquisition_image_ends_at_the_slit():
    image = scene.acquisition_image(1)
    rows, columns = np.nonzero(image)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 23, 8, 23)
    assert image[8, 23] > 2  # the sky fills it
    assert scene.acquisition_image(1, slit=False)[0, 0] > 2


def test_effects_of_the_sky_can_be_switched_off():
    quiet = scene.Scene("NRS1", FULL, without=frozenset(scene.EFFECTS))
    assert np.array_equal(quiet.electron_rate(0), quiet.electron_rate(258))
    assert not np.array_equal(quiet.electron_rate(0), scene.Scene("NRS1", FULL).electron_rate(0))


def test_interpolated_transits_are_those_of_each_column():
    indices = tuple(range(0, 465, 40))
    light = scene.Scene("NRS2", indices)
    direct = scene.transit(scene.mid_times(indices), light.wavelength[1000:1003])
    between = np.array([light.time_factor(i)[1000:1003] for i in range(len(indices))])
    between /= np.array([scene.trends(index, "NRS2", light.wavelength[1000:1003]) for index in indices])
    assert between == pytest.approx(direct, abs=2e-6)
