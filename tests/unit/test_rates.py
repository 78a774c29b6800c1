"""Rates of every integration: gaps are filled without a change of the transit, and noise has its budget."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tso_helpers import rates

TRANSIT = np.array([1.0, 1.0, 0.977, 0.978, 1.0, 1.0])


def made(noise=0.0, seed=1):
    """Rates of a spectrum 8 rows high during a transit."""
    image = 100.0 * np.exp(-0.5 * ((np.arange(8)[:, None] - 4) / 0.8) ** 2) * np.linspace(0.5, 1.5, 12)
    scatter = np.random.default_rng(seed).normal(0, noise, (6, 8, 12))
    return (TRANSIT[:, None, None] * image + scatter).astype(np.float32)


@given(st.integers(0, 2**31), st.floats(0, 0.9))
def test_bad_pixels_that_come_and_go_do_not_change_the_light_curve(seed, share):
    """However the gaps fall, the transit keeps its shape: its truth here has no noise."""
    data, bad = made(), np.random.default_rng(seed).random((6, 8, 12)) < share
    data[:, 0, 0] = 1.0 * TRANSIT  # a pixel that is never bad
    bad[:, 0, 0] = False
    flags = np.where(bad, 1, 0).astype(np.uint32)
    data[bad] = np.nan
    flux = rates.fill_bad(data, flags).sum(axis=(1, 2), dtype=float)
    assert np.allclose(flux / flux[0], TRANSIT, atol=1e-5)


def test_do_not_use_counts_and_other_flags_do_not():
    data, flags = made(), np.zeros((6, 8, 12), dtype=np.uint32)
    flags[2, 4, 6], data[2, 4, 6] = 1, 1e6
    flags[3, 4, 6] = 4  # a jump was found, and left out by the fit: the rate is good
    model = SimpleNamespace(data=data, dq=flags, meta=None)
    for filled in (rates.fill_bad(data, flags), rates.fill_bad(model)):
        assert filled[2, 4, 6] == pytest.approx(data[0, 4, 6] * 0.977, rel=1e-5)
        assert filled[3, 4, 6] == data[3, 4, 6]
    assert data[2, 4, 6] == 1e6


def test_pixels_that_are_always_bad_are_left_out():
    data = made()
    data[:, 4, 6] = np.nan
    assert np.array_equal(rates.fill_bad(data), np.nan_to_num(data, nan=0))
    assert np.isfinite(rates.fill_bad(data[:1])).all()
    assert not rates.fill_bad(np.full((3, 2, 2), np.nan)).any()


def test_rates_without_gaps_stay_as_they_are():
    data = made(0.1)
    filled = rates.fill_bad(data, np.zeros(data.shape, dtype=np.uint32))
    assert np.array_equal(filled, data)
    assert not np.shares_memory(filled, data)


def test_rates_of_the_wrong_shape():
    with pytest.raises(ValueError, match="three axes"):
        rates.fill_bad(np.zeros((8, 12)))
    with pytest.raises(ValueError, match="flags"):
        rates.fill_bad(made(), np.zeros((8, 12), dtype=int))


def test_noise_budget_tells_shared_noise_from_own():
    random = np.random.default_rng(5)
    own = random.normal(0, 1, (300, 6, 40))
    column = random.normal(0, 1, (300, 1, 40))
    budget = rates.noise_budget(100 + own + column)
    total = 100 * 6 * 40
    assert budget["pixels"] == pytest.approx(1e6 * np.sqrt(240 * 2) / total, rel=0.02)
    assert budget["columns"] == pytest.approx(1e6 * np.sqrt(240 + 40 * 36) / total, rel=0.03)
    assert budget["sum"] == pytest.approx(budget["columns"], rel=0.15)


def test_noise_budget_looks_at_what_was_chosen():
    data = 100 + np.random.default_rng(5).normal(0, 1, (60, 4, 30))
    chosen = np.ones(60, dtype=bool)
    chosen[20:30] = False
    data[20:30] *= 0.9
    aperture = np.zeros((4, 30), dtype=bool)
    aperture[1] = True
    data[:, 3] += np.arange(60)[:, np.newaxis] * 50  # outside the aperture
    budget = rates.noise_budget(data, chosen, aperture)
    assert budget["columns"] == pytest.approx(budget["pixels"])
    assert budget["pixels"] == pytest.approx(1e6 * np.sqrt(30) / 3000, rel=0.1)
    with pytest.raises(ValueError, match="two pairs"):
        rates.noise_budget(data, np.arange(60) == 3)
    with pytest.raises(ValueError, match="do not fit"):
        rates.noise_budget(data, chosen[:5])
    with pytest.raises(ValueError, match="three axes"):
        rates.noise_budget(data[0])
