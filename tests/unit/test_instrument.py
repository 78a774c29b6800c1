"""The description of the mode, and what is known of a ramp that was taken in it or in another one."""

import numpy as np
import pytest
from stdatamodels.jwst.datamodels import RampModel

from tso_helpers import instrument
from tso_helpers.instrument import NIRSPEC_G395H


def ramp(*, exposure="NRS_BRIGHTOBJ", name="NIRSPEC", setting=("F290LP", "G395H", "SUB2048"), target="WASP-39"):
    model = RampModel()
    model.meta.instrument.name, model.meta.exposure.type = name, exposure
    model.meta.instrument.filter, model.meta.instrument.grating, model.meta.subarray.name = setting
    model.meta.target.proposer_name = target
    return model


def test_the_clock_gives_the_published_frame_time():
    assert NIRSPEC_G395H.frame_time() == pytest.approx(0.902, abs=1e-12)
    assert NIRSPEC_G395H.frame_time(32, 2048) == NIRSPEC_G395H.frame_time()
    assert NIRSPEC_G395H.frame_time(32, 512) == pytest.approx(44 * 514 * 1e-5)
    assert 1 / NIRSPEC_G395H.line_time == pytest.approx(2272.7, abs=0.1)


def test_the_trace_lies_in_the_window_and_the_wavelength_rises():
    ends = {"NRS1": (2.7, 3.72), "NRS2": (3.82, 5.18)}  # um, of G395H on these detectors
    for name, described in NIRSPEC_G395H.detectors.items():
        columns = np.arange(described.trace_columns[0], described.trace_columns[1] + 1)
        rows, wavelength = described.trace(columns), described.wavelength(columns)
        assert rows.min() > 0
        assert rows.max() < NIRSPEC_G395H.rows
        assert np.all(np.diff(wavelength) > 0)
        assert (wavelength[0], wavelength[-1]) == pytest.approx(ends[name], abs=0.03)


def test_the_detectors_are_read_from_opposite_ends():
    assert not NIRSPEC_G395H.detector("NRS1").reverse
    assert NIRSPEC_G395H.detector("NRS2").reverse
    with pytest.raises(ValueError, match="NRS1, NRS2"):
        NIRSPEC_G395H.detector("NRCALONG")


@pytest.mark.parametrize("name", ["NRS1", "NRS2"])
def test_a_pixel_and_what_it_sees_are_each_others_inverse(name):
    rows, columns = np.mgrid[0:32:5.0, 0:2048:61.0]
    seen = NIRSPEC_G395H.wavelength(name, rows, columns), NIRSPEC_G395H.slit_position(name, rows, columns)
    again = NIRSPEC_G395H.pixel(name, *seen)
    assert again[0] == pytest.approx(rows, abs=1e-8)
    assert again[1] == pytest.approx(columns, abs=1e-8)
    described = NIRSPEC_G395H.detector(name)
    assert NIRSPEC_G395H.wavelength(name, described.trace(700), 700) == described.wavelength(700)
    above = described.trace(700) + 8
    assert NIRSPEC_G395H.slit_position(name, above, 700) == pytest.approx(0.5)
    lean = (described.wavelength(700) - NIRSPEC_G395H.wavelength(name, above, 700)) / 6.7e-4
    assert lean == pytest.approx(8 * NIRSPEC_G395H.optics.slit_tilt, rel=0.05)
    whole = described.column(np.linspace(2.2, 5.4, 50))
    assert np.all(np.diff(whole) > 0)


@pytest.mark.parametrize("target", ["WASP-39", "wasp-39", "WASP- 39"])
def test_the_worked_example_is_known(target):
    assert instrument.mode_of(ramp(target=target)) is NIRSPEC_G395H


def test_of_another_target_the_bright_columns_are_not_known():
    mode = instrument.mode_of(ramp(target="HAT-P-26"))
    for name, described in mode.detectors.items():
        assert described.trace_columns is None
        assert described.masked_from == 4
        assert described.wavelength(100) == NIRSPEC_G395H.detector(name).wavelength(100)
    assert mode.frame_time() == NIRSPEC_G395H.frame_time()
    assert instrument.mode_of(ramp(target=None)) == mode


@pytest.mark.parametrize("setting", [("F290LP", "G395M", "SUB2048"), ("CLEAR", "PRISM", "SUB512")])
def test_of_another_grating_only_the_clock_is_known(setting):
    mode = instrument.mode_of(ramp(setting=setting))
    assert (mode.filter, mode.grating, mode.subarray) == setting
    assert setting[1] in mode.name
    described = mode.detector("NRS1")
    assert (described.fast_axis, described.slow_axis) == (2, 1)
    with pytest.raises(ValueError, match="wavelengths of NRS1 are not known"):
        described.wavelength(100)
    with pytest.raises(ValueError, match="measure it"):
        described.trace(100)


@pytest.mark.parametrize(("name", "exposure"), [("NIRISS", "NIS_SOSS"), ("NIRSPEC", "NRS_MSASPEC"), (None, None)])
def test_another_mode_needs_a_description(name, exposure):
    with pytest.raises(ValueError, match=r"is not described in tso_helpers\.instrument"):
        instrument.mode_of(ramp(name=name, exposure=exposure))


def test_a_description_cannot_be_changed():
    with pytest.raises(AttributeError):
        NIRSPEC_G395H.rows = 64
    with pytest.raises(TypeError):
        NIRSPEC_G395H.detectors["NRS3"] = None


def test_published_and_simulated_exposure_have_the_same_file_names():
    from tso_helpers.files import level1b
    from tso_helpers.observation import published
    from tso_helpers.simulation import level1b as simulated

    for detector in NIRSPEC_G395H.detectors:
        for segment in published.SEGMENTS:
            name = level1b.obs_id(published.EXPOSURE, segment, detector)
            assert simulated.science_name(detector, segment) == name
    assert [simulated.acquisition_name(exposure) for exposure in (1, 2)] == list(published.ACQUISITIONS)
