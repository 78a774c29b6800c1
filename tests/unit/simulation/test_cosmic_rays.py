"""Cosmic rays come as often, as large and as bright as they should, and never into reference pixels."""

import numpy as np
import pytest

from tso_helpers.simulation import cosmic_rays, detector, noise

pytestmark = pytest.mark.slow  # 400 integrations are drawn


@pytest.fixture(scope="module")
def shower():
    drawn = [cosmic_rays.draw(noise.stream(39, "cosmic_rays", "NRS1", i), 70, 0.902) for i in range(400)]
    for number, hits in enumerate(drawn):
        hits["hit"] += 1000 * number
    return np.concatenate(drawn)


def test_rate_of_cosmic_rays(shower):
    assert cosmic_rays.expected_hits(63.14) == pytest.approx(58, abs=1)
    # hits on the reference pixels or without a pixel above threshold are not listed
    assert len(np.unique(shower["hit"])) / 400 == pytest.approx(57.3, abs=1.5)


def test_pixels_and_charge_of_cosmic_rays(shower):
    ordinary = shower[shower["kind"] != cosmic_rays.KINDS.index("snowball")]
    number = len(np.unique(ordinary["hit"]))
    assert len(ordinary) / number == pytest.approx(7.1, abs=0.3)
    assert ordinary["electrons"].sum() / number == pytest.approx(5_200, rel=0.06)
    assert ordinary["electrons"].min() >= cosmic_rays.COUNTED
    charge = np.bincount(np.unique(ordinary["hit"], return_inverse=True)[1], ordinary["electrons"])
    assert (charge > detector.FULL_WELL).mean() == pytest.approx(0.01, abs=0.003)
    assert 0.05 < (charge < 500).mean() < 0.25  # the weak end
    saturating = len(np.unique(ordinary["hit"][ordinary["electrons"] > 0.9 * detector.FULL_WELL])) / 400
    assert saturating == pytest.approx(0.4, abs=0.2)


def test_snowballs_are_rare(shower):
    snowballs = shower[shower["kind"] == cosmic_rays.KINDS.index("snowball")]
    assert len(np.unique(snowballs["hit"])) / 400 == pytest.approx(0.05, abs=0.035)


def test_reference_pixels_are_never_hit(shower):
    assert shower["column"].min() >= 4
    assert shower["column"].max() < 2044
    assert set(np.unique(shower["row"])) == set(range(32))


def test_charge_accumulates_from_the_read_of_the_hit_on():
    hits = cosmic_rays.planted(0, 14, 3, 100, 5_000.0)
    ramp = cosmic_rays.accumulated(hits, (0, 5, 10, 15, 20))
    assert ramp[:, 3, 100].tolist() == [0, 0, 0, 5000, 5000]
    assert ramp.sum() == 10_000
    exact = cosmic_rays.accumulated(hits, (13, 14, 15))
    assert exact[:, 3, 100].tolist() == [0, 5000, 5000]


def test_hits_near_a_place_are_removed_whole():
    near, far = cosmic_rays.planted(0, 1, 3, 100, 10.0), cosmic_rays.planted(1, 1, 20, 100, 10.0)
    spread = cosmic_rays.planted(0, 1, 3, 106, 10.0)
    kept = cosmic_rays.away_from(np.concatenate([near, far, spread]), 3, 101)
    assert kept["hit"].tolist() == [1]
