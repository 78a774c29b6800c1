"""The reference files: what the pipeline expects of them, and how far from the truth they are."""

import numpy as np
import pytest
from astropy.io import fits
from stdatamodels.jwst import datamodels

from tso_helpers.simulation import crds_cache, detector, references

ACQUISITION = references.Window("SUB32", 1041, 963, 32, 32)
MODELS = {
    "mask": datamodels.MaskModel,
    "saturation": datamodels.SaturationModel,
    "superbias": datamodels.SuperBiasModel,
    "linearity": datamodels.LinearityModel,
    "dark": datamodels.DarkNirspecModel,
    "gain": datamodels.GainModel,
    "readnoise": datamodels.ReadnoiseModel,
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("references")
    return references.write_references(folder / "crds", acquisition=ACQUISITION, columns=(100, 164))


def read(cache, kind, name="NRS1", subarray="SUB2048"):
    path = next(cache.rglob(f"jwst_nirspec_{kind}_simulated_{name}_{subarray}.fits".lower()))
    return MODELS[kind](path)


@pytest.mark.parametrize("name", ["NRS1", "NRS2"])
@pytest.mark.parametrize("kind", MODELS)
def test_every_reference_is_there_and_says_that_it_is_a_dummy(cache, kind, name):
    with read(cache, kind, name) as model:
        assert model.meta.pedigree == "DUMMY"
        assert "SIMULATED" in model.meta.description
        assert model.meta.reftype == kind.upper()
        assert model.meta.instrument.detector == name
        assert model.meta.date == crds_cache.FIXED_DATE
        model.validate()


@pytest.mark.parametrize("kind", ["mask", "saturation", "linearity", "gain", "readnoise"])
def test_references_of_pixels_reach_beyond_the_subarray_and_are_cut_to_it(cache, kind):
    from jwst.lib import reffile_utils

    science = datamodels.RampModel((1, 2, 32, 64))
    sub, det = science.meta.subarray, detector.MODE.detector("NRS1")
    sub.xstart, sub.xsize, sub.ystart, sub.ysize = 101, 64, det.first_row, 32
    with read(cache, kind) as model:
        assert model.meta.subarray.ysize == 32 + 2 * references.MARGIN == model.shape[-2]
        part = reffile_utils.get_subarray_model(science, model)
        whole = references.reference_maps("NRS1", 39)
        name = {"linearity": "coefficients"}.get(kind, kind)
        array = getattr(part, part.get_primary_array_name() or "data")
        np.testing.assert_allclose(array, getattr(whole, name)[..., 100:164], rtol=1e-6)


def test_the_superbias_covers_the_window_and_the_dark_only_the_columns_of_the_exposure(cache):
    with read(cache, "superbias") as bias, read(cache, "dark") as dark:
        assert bias.data.shape == (32, 2048)
        assert dark.data.shape == (70, 32, 64)
        assert (dark.meta.subarray.xstart, dark.meta.subarray.xsize) == (101, 64)
        assert (dark.meta.exposure.nframes, dark.meta.exposure.groupgap, dark.meta.exposure.ngroups) == (1, 0, 70)


def test_the_target_acquisition_has_its_own_superbias_and_dark(cache):
    with read(cache, "superbias", subarray="SUB32") as bias, read(cache, "superbias") as whole:
        np.testing.assert_array_equal(bias.data, whole.data[:, 1040:1072])
    with read(cache, "dark", subarray="SUB32") as dark:
        assert dark.data.shape[1:] == (32, 32)
        assert not dark.data.any()


def test_a_window_outside_the_subarray_is_refused(tmp_path):
    with pytest.raises(ValueError, match="does not lie within"):
        references.write_references(tmp_path / "crds", acquisition=references.Window("SUB32", 2040, 963, 32, 32))
    assert list(tmp_path.iterdir()) == []


def test_the_mask_comes_back_through_its_own_flag_definitions(cache):
    true = detector.maps("NRS1", 39).mask
    with read(cache, "mask") as model:
        np.testing.assert_array_equal(model.dq[references.MARGIN : -references.MARGIN], true)
    path = next(cache.rglob("*_mask_simulated_nrs1_*"))
    with fits.open(path) as file:  # on disk the bits have an order of their own, as in a real mask
        assert not np.array_equal(file["DQ"].data[references.MARGIN : -references.MARGIN], true)


def test_gain_scale_and_read_noise_are_the_documented_ones(cache):
    for name, factor, noise in (("NRS1", 1.429, 11.15), ("NRS2", 1.428, 10.70)):
        with read(cache, "gain", name) as gain, read(cache, "readnoise", name) as readnoise:
            assert gain.meta.exposure.gain_factor == factor
            assert gain.data.mean() == pytest.approx(detector.get(name).gain, rel=0.02)
            assert np.median(readnoise.data) == pytest.approx(noise, rel=0.01)


@pytest.mark.parametrize("name", ["NRS1", "NRS2"])
def test_errors_are_small_known_and_can_be_left_out(name):
    true, det = detector.maps(name, 39), detector.get(name)
    real, exact = references.reference_maps(name, 39), references.reference_maps(name, 39, exact=True)
    assert np.std(real.superbias - true.superbias) == pytest.approx(references.SUPERBIAS_ERROR, rel=0.05)
    assert 0 < abs(real.gain.flat[0] / det.gain - 1) < 4 * references.GAIN_ERROR
    ratio = real.settle[:, 4:-4] / true.settle[:, 4:-4]
    assert ratio.std() == pytest.approx(references.DARK_ERROR, rel=0.05)
    active = ~true.reference_pixel
    for found, wanted in (
        (exact.superbias, true.superbias),
        (exact.gain, det.gain),
        (exact.coefficients[2], true.c2),
        (exact.settle, true.settle),
        (exact.saturation, true.saturation_limit),
        (exact.dark_rate[active & (true.dark < 1000)], true.dark[active & (true.dark < 1000)] / det.gain),
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_another_seed_is_another_detector_and_the_same_seed_the_same():
    one, again, other = (references.reference_maps("NRS1", seed) for seed in (39, 39, 40))
    np.testing.assert_array_equal(one.superbias, again.superbias)
    assert not np.array_equal(one.superbias, other.superbias)


def test_the_dark_ramp_is_current_times_time_and_the_settling_ramp():
    maps = references.reference_maps("NRS1", 39, exact=True)
    ramp = maps.dark_ramp(70, 0.902)
    assert ramp.shape == (70, 32, 2048)
    row, column = 20, 300
    expected = maps.dark_rate[row, column] * 63.14
    expected += maps.settle[row, column] * (1 - np.exp(-63.14 / detector.SETTLING_TIME))
    assert ramp[-1, row, column] == pytest.approx(expected, rel=1e-5)
    assert np.median(ramp[-1, :, 20:450]) == pytest.approx(5.3, abs=0.5)  # about 5 DN left of column 500
    assert np.median(ramp[-1, :, 600:]) == pytest.approx(3.1, abs=0.5)  # 2.8 DN and 0.3 DN of dark current elsewhere
    assert not ramp[:, :, :4].any()


def test_what_an_exposure_does_not_have_is_not_corrected():
    maps = references.reference_maps("NRS2", 39)
    off = references.switch_off(maps, "NRS2", {"superbias", "dark", "settling", "nonlinearity"})
    assert set(np.unique(off.superbias)) == {detector.get("NRS2").bias}
    np.testing.assert_allclose(off.saturation - off.superbias, maps.saturation - maps.superbias)
    assert not off.dark_ramp(3, 0.9).any()
    assert set(np.unique(off.coefficients)) == {0.0, 1.0}
    assert maps.coefficients[2].any()  # the maps given are left alone
