"""The product at full size: what is written is read, bit for bit; what is damaged is noticed."""

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table

from tso_helpers import light_curve, spectra
from tso_helpers.files import integrity
from tso_helpers.instrument import NIRSPEC_G395H
from tso_helpers.observation import full_size
from tso_helpers.simulation.recipe import VERSION, Recipe

CORRECTIONS = {"group": {"jump": {}}, "none": {"jump": {"rejection_threshold": 5}}}


def made(seed=1):
    """A product of two detectors with numbers drawn at random, one of them NaN, in single precision."""
    random, series, bins, white = np.random.default_rng(seed), {}, {}, {}
    time = 2459791.5 + np.sort(random.random(7))
    for name in ("NRS1", "NRS2"):
        flux = random.normal(1e3, 1, (7, 5)).astype(np.float32)
        flux[2, 3] = np.nan
        counts = random.integers(0, 2**20, (7, 5)), random.integers(0, 40, (7, 5))
        series[name] = spectra.Spectra(time, random.random(5), flux, flux / 300, *counts)
        bins[name] = Table({"WAVELENGTH": series[name].wavelength * u.um, "FIRST": np.arange(5), "LAST": np.arange(5)})
        bins[name]["ROW"] = random.random(5)
        white[name] = {"group": {kind: light_curve.LightCurve(time, *random.random((2, 7))) for kind in full_size.SUMS}}
    few = slice(0, 3)  # the other correction: one detector, some of the integrations
    white["NRS1"]["none"] = {kind: light_curve.LightCurve(time[few], *random.random((2, 3))) for kind in full_size.SUMS}
    recipe = json.loads(Recipe().to_json())
    about = {"COMMAND": "python " + 20 * "long ", "CODE": "abc", "SPECTRA": "group", "RECIPE": recipe}
    about |= {
        "PACKAGES": {"jwst": "3"},
        "STEPS": CORRECTIONS,
        "APERTURE": {"columns in a bin": 5},
        "LOG": [{"name": "NRS1 segment 1", "seconds": 1.5}],
    }
    about["COMMAND"] = about["COMMAND"].strip()
    return full_size.FullSize(series, bins, white, about)


def test_what_is_written_is_read(tmp_path):
    product = made()
    path = full_size.write(product, tmp_path / "product.fits")
    there = full_size.read(path)
    assert there.about == product.about
    assert list(there.about["STEPS"]) == list(CORRECTIONS)
    for name, series in product.spectra.items():
        for part in ("time", "wavelength", "flags", "filled"):
            assert np.array_equal(getattr(there.spectra[name], part), getattr(series, part)), part
        assert np.array_equal(there.spectra[name].flux, series.flux, equal_nan=True)
        assert np.allclose(there.spectra[name].error, series.error, rtol=1e-7, equal_nan=True)
        assert there.bins[name].colnames == product.bins[name].colnames
        assert there.bins[name]["WAVELENGTH"].unit == u.um
        assert there.white_light[name].keys() == product.white_light[name].keys()
        for correction, sums in product.white_light[name].items():
            for kind, curve in sums.items():
                assert np.array_equal(there.white_light[name][correction][kind].time, curve.time)
                assert np.array_equal(there.white_light[name][correction][kind].flux, curve.flux)
                assert np.array_equal(there.white_light[name][correction][kind].error, curve.error)


def test_the_checksum_stands_beside_it(tmp_path):
    path = full_size.write(made(), tmp_path / "product.fits")
    assert (tmp_path / "product.fits.sha256").read_text() == f"{integrity.checksum(path)}  product.fits\n"


def test_the_digest_is_of_the_numbers_and_not_of_the_file(tmp_path):
    first = full_size.read(full_size.write(made(), tmp_path / "first.fits"))
    assert full_size.content(first) == full_size.content(
        full_size.read(full_size.write(made(), tmp_path / "second.fits"))
    )
    assert full_size.content(first) != full_size.content(made(seed=2))
    first.white_light["NRS1"]["none"]["box"].flux[2] += 1e-9
    assert full_size.content(first) != full_size.content(full_size.read(tmp_path / "first.fits"))


def test_a_file_of_ours_that_is_missing_or_damaged_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(full_size, "PATH", tmp_path / "product.fits")
    with pytest.raises(FileNotFoundError, match=r"product\.fits is not there"):
        full_size.read()
    path = full_size.write(made(), tmp_path / "product.fits")
    full_size.read()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(OSError, match="is damaged, its checksum differs"):
        full_size.read()


# --- the one that comes with the package


@pytest.fixture(scope="module")
def product():
    return full_size.read()


def test_it_is_small_and_of_todays_simulation(product):
    assert full_size.PATH.stat().st_size <= 3e6
    assert product.about["RECIPE"]["version"] == VERSION, "make it again: tools/full_product.py make"
    recipe = Recipe.from_json(json.dumps(product.about["RECIPE"]))
    assert (recipe.integrations, recipe.groups, recipe.without) == ((155, 155, 155), 70, frozenset())


def test_it_holds_the_whole_series_of_both_detectors(product):
    for name in ("NRS1", "NRS2"):
        series, described = product.spectra[name], NIRSPEC_G395H.detector(name)
        first, last = described.trace_columns
        assert series.flux.shape == (465, (last + 1 - first) // 5)
        assert np.allclose(np.diff(series.time), np.diff(series.time).mean(), rtol=1e-3)
        assert np.allclose(series.wavelength, described.wavelength(product.bins[name]["FIRST"] + 2.0), atol=1e-5)
        assert np.isfinite(series.flux).mean() > 0.999
        assert np.nanmedian(series.flux / series.error) > 100
        assert all(len(curve.time) == 465 for curve in product.white_light[name]["group"].values())
    assert set(product.white_light["NRS1"]) == {"group", "none", "clean", "clean_no_background"}
    assert [entry["name"] for entry in product.about["LOG"]] == [
        f"{name} segment {number}" for name in ("NRS1", "NRS2") for number in (1, 2, 3)
    ]


def test_any_astronomers_tools_read_it():
    with fits.open(full_size.PATH) as hdus:
        hdus.verify("exception")
        assert hdus[0].header["SIMULATD"] is True
        assert hdus["FLUX_NRS1"].header["BUNIT"] == "DN/s"
        assert hdus["WHITE_NRS1"].columns["TIME"].unit == "d"
