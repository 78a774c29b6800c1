"""The simulated exposure is the same to the last byte: as when its lessons were stored, and on other machines."""

import json
import os
import subprocess
import sys

import digests
import numpy as np
import pytest
import variants
from astropy.io import fits

from tso_helpers.simulation.recipe import Recipe

pytestmark = pytest.mark.slow

SMALL = {"integrations": (6,), "groups": 8}  # both detectors; large enough for a sample that lies at a boundary


@pytest.mark.strict
def test_the_default_exposure_is_the_one_that_the_lessons_were_stored_with(lesson_data):
    folder = lesson_data / f"simulated-{Recipe().key}"
    stored = json.loads(digests.STORED.read_text(encoding="utf-8"))
    different = digests.differences(stored, digests.digests(folder))
    assert not different, (
        f"{len(different)} of {len(stored)} arrays of the default exposure are not what they were, "
        f"{', '.join(different[:5])} among them. Did you change the simulation on purpose? Then raise VERSION in "
        "simulation/recipe.py, build the lessons again (tools/notebooks.py build) and renew the digests "
        "(tools/digests.py renew). If not, something random or unpinned has come in, or this machine computes "
        "something differently: the lessons would then print other numbers here than elsewhere."
    )


def _build(folder, settings):
    code = (
        "import sys\n"
        "from tso_helpers.simulation.exposure import Recipe, build\n"
        f"build(sys.argv[1], Recipe(**{SMALL!r}), progress=False)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], env=os.environ | settings, check=True)
    return digests.digests(folder)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return _build(tmp_path_factory.mktemp("here"), {})


@pytest.mark.parametrize(
    "name", ["all", *(pytest.param(name, marks=pytest.mark.full) for name in ("processor", "kernels", "thread"))]
)
def test_another_machine_makes_the_same_bytes(name, here, tmp_path):
    settings = variants.variants().get(name)
    if settings is None:
        pytest.skip(f"VARIANT SKIPPED: this machine has nothing to switch off for {name!r}; see tools/variants.py")
    assert digests.differences(here, _build(tmp_path, settings)) == []
    assert len(here) > 30


def test_each_variant_is_in_force():
    code = "import json, variants as v; print(json.dumps([v.beyond_baseline(), v.kernels(), v.threads()]))"
    before = variants.beyond_baseline(), variants.kernels(), variants.threads()
    for name, settings in variants.variants().items():
        environment = os.environ | settings | {"PYTHONPATH": os.path.dirname(variants.__file__)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        features, kernels, threads = json.loads(done.stdout)
        if "NPY_DISABLE_CPU_FEATURES" in settings:
            assert features == [] != before[0], name
        if "OPENBLAS_CORETYPE" in settings:
            assert kernels == [settings["OPENBLAS_CORETYPE"]] != before[1], name
        if name in ("thread", "all") and before[2]:
            assert threads == 1, name


def test_a_changed_bit_is_a_difference(tmp_path):
    data = np.zeros((3, 4), dtype=np.uint16)
    (tmp_path / "truth").mkdir()
    found = []
    for value in (0, 1):
        data[1, 1] = value
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data, name="SCI")]).writeto(
            tmp_path / "truth" / "a.fits", overwrite=True
        )
        found.append(digests.digests(tmp_path))
    assert digests.differences(*found) == ["a.fits[SCI]"]
    assert digests.differences(found[0], {}) == ["a.fits[SCI]"]
