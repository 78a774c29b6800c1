"""The product at full size is what its command makes: small ones are made, interrupted, and made again in part."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import full_product
import numpy as np
import pytest

from tso_helpers import spectra
from tso_helpers.observation import full_size

TOOL = Path(full_product.__file__)
SMALL = {"integrations": [5, 4], "groups": 6, "columns": [900, 1028], "detectors": ["NRS1"], "seed": 3}
IMAGES = ("flux", "error", "flags", "filled")


def run(work, *arguments):
    """What the tool prints."""
    done = subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments), "--work", str(work)],
        env=os.environ | {"TSO_DATA": str(work)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def make(work, out):
    said = run(work, "make", "--recipe", json.dumps(SMALL), "--out", out)
    return said.split()[-1]  # the digest of its numbers


def assert_alike(found):
    """Integrations that were made again, without the others of their segment, are those of the product.

    Not all numbers can be equal: from 100 integrations on the search for jumps clips across them, so a few pixels in a
    hundred have another history, and a bin has 45 pixels and as many of background. And errors are from the median of
    all rates of a pixel. But of anything else, noise, recipe, steps or extraction, no number would be equal.
    """
    assert found["times, furthest apart (d)"] == found["wavelengths, furthest apart (um)"] == 0
    assert found["with the same flags"] > 0.4  # measured: 0.52
    assert found["equal, of those with the same flags"] > 0.25  # 0.36
    assert found["beyond one error"] < 0.01  # 0.001
    assert found["median difference, in errors"] < 0.1  # 0.03
    assert found["errors, median relative difference"] < 0.01  # 0.001


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small product, the folder of its parts, and the digest of its numbers."""
    work = tmp_path_factory.mktemp("product")
    product = work / "product.fits"
    return product, work, make(work, product)


@pytest.mark.slow
def test_a_product_is_made_and_says_how(made):
    product = full_size.read(made[0])
    assert full_size.content(product) == made[2]
    assert product.about["COMMAND"].startswith("python tools/full_product.py make --recipe")
    assert list(product.spectra) == ["NRS1"]
    assert product.spectra["NRS1"].flux.shape == (9, 25)
    assert set(product.white_light["NRS1"]) == set(full_product.CORRECTIONS)
    assert list(product.about["STEPS"]["group"])[-4:] == ["one_over_f", "jump", "ramp_fit", "gain_scale"]
    assert "one_over_f" not in product.about["STEPS"]["clean"]
    box = product.white_light["NRS1"]["group"]["box"]
    assert np.allclose(box.flux / product.spectra["NRS1"].flux.sum(axis=1), 128 / 125, rtol=0.01)  # 3 columns are left
    assert not list(made[1].rglob("*_uncal.fits"))
    assert not list(made[1].rglob("*_rateints.fits"))


@pytest.mark.slow
def test_parts_are_kept_and_one_that_is_lost_is_made_again_with_the_same_numbers(made, tmp_path):
    _, work, digest = made
    again = tmp_path / "work"
    shutil.copytree(work, again)
    parts = sorted((again / "parts").iterdir())
    assert len(parts) == len(full_product.CORRECTIONS) + 1  # all for the first segment, one for the second
    parts[-1].unlink()
    times = [part.stat().st_mtime_ns for part in parts[:-1]]
    assert make(again, tmp_path / "product.fits") == digest
    assert [part.stat().st_mtime_ns for part in parts[:-1]] == times


@pytest.mark.slow
def test_a_part_that_is_made_again_is_that_of_the_product_and_no_other(made, tmp_path):
    options = ["--product", made[0], "--segment", 2, "--integrations", "1,4"]
    found = json.loads(run(tmp_path, "compare", *options))
    assert_alike(found)
    assert found["white light, furthest apart, in errors"] < 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        lambda own, random: replace(own, time=own.time + 1e-6),
        lambda own, random: replace(own, flux=own.flux * (1 + 1e-5)),
        lambda own, random: replace(own, flux=own.flux + own.error * random.normal(size=own.flux.shape)),
        lambda own, random: replace(own, flags=own.flags ^ 4),
        lambda own, random: replace(own, error=own.error * 1.05),
        lambda own, random: replace(own, wavelength=own.wavelength + 1e-4),
        lambda own, random: replace(own, flux=own.flux + 2 * own.error * (random.random(own.flux.shape) < 0.1)),
    ],
)
def test_numbers_that_are_not_those_of_the_product_are_noticed(made, changed):
    there = full_size.read(made[0]).spectra["NRS1"]
    own = spectra.Spectra(there.time[1:4], there.wavelength, *(getattr(there, name)[1:4] for name in IMAGES))
    assert_alike(full_product.compared(own, there, slice(1, 4)))
    with pytest.raises(AssertionError):
        assert_alike(full_product.compared(own, there, slice(2, 5)))
    with pytest.raises(AssertionError):
        assert_alike(full_product.compared(changed(own, np.random.default_rng(1)), there, slice(1, 4)))


@pytest.mark.slow
def test_a_part_of_the_product_that_comes_with_the_package_is_made_again(tmp_path):
    """The last three integrations of a segment, all columns, all 70 groups."""
    found = json.loads(run(tmp_path, "compare", "--detector", "NRS1", "--segment", 1, "--integrations", "152,155"))
    assert found["bins"] == 3 * 298
    assert_alike(found)
    assert found["white light, furthest apart, in errors"] < 0.5  # 0.16
