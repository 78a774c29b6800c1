"""Reading uncal files: only what is asked for, and nothing that is damaged."""

import numpy as np
import pytest
from astropy.io import fits
from stdatamodels.jwst import datamodels

from tso_helpers.files import level1b as uncal
from tso_helpers.files import models
from tso_helpers.simulation import level1b
from tso_helpers.simulation.recipe import Recipe

RECIPE = Recipe(integrations=(5, 4), groups=3, columns=(0, 16), detectors=("NRS2",), plant=())


@pytest.fixture
def path(tmp_path):
    """Segment 2 of NRS2: 4 integrations, counts that say where they stand."""
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 65536, size=(4, 3, 32, 16), dtype=np.uint16)
    path = uncal.archive_path(tmp_path / "some folder, é", level1b.science_name("NRS2", 2))
    header, times = level1b.science_header(RECIPE, "NRS2", 2), level1b.integration_times(RECIPE, 2)
    level1b.write(path, header, counts.shape, iter(counts), times)
    return path


def test_headers_are_understood(path):
    (found,) = uncal.find(path.parents[2])
    assert found == uncal.describe(path)
    assert (found.detector, found.segment, found.segments) == ("NRS2", 2, 2)
    assert found.shape == (4, 3, 32, 16)
    assert found.first_integration == 6
    assert found.exposure == "jw01366003001_04101_00001"
    assert (found.exposure_type, found.target, found.simulated) == ("NRS_BRIGHTOBJ", "WASP-39", True)
    assert found.group_time == pytest.approx(RECIPE.group_time)


def test_identity_changes_with_the_file(path):
    before = uncal.describe(path).identity
    assert before == uncal.describe(path).identity
    path.touch()
    assert before != uncal.describe(path).identity


def test_the_whole_file_is_what_the_data_model_reads(path):
    with datamodels.RampModel(path) as wanted, models.read(path) as found:
        assert type(found) is datamodels.RampModel
        np.testing.assert_array_equal(found.data, wanted.data)
        assert found.data.dtype == np.float32
        assert found.data.dtype.isnative
        np.testing.assert_array_equal(np.array(found.int_times), np.array(wanted.int_times))
        ours, theirs = found.to_flat_dict(include_arrays=False), wanted.to_flat_dict(include_arrays=False)
        assert ours == theirs


def test_only_the_integrations_asked_for(path):
    with datamodels.RampModel(path) as whole, models.read(path, slice(1, 3)) as found:
        np.testing.assert_array_equal(found.data, whole.data[1:3])
        assert found.int_times["integration_number"].tolist() == [7, 8]
        exposure = found.meta.exposure
        assert (exposure.integration_start, exposure.integration_end) == (7, 8)
        assert exposure.nints == 9  # of the whole exposure, as ever
        assert found.groupdq.shape == (2, 3, 32, 16)


def test_what_was_read_does_not_depend_on_the_file(path):
    found = models.read(path)
    before = found.data.copy()
    path.unlink()
    found.data += 1  # writable, too
    np.testing.assert_array_equal(found.data, before + 1)


def test_a_saved_ramp_is_read_back(path, tmp_path):
    with models.read(path) as model:
        model.groupdq[2, 1, 5, 5] = 4
        model.pixeldq[3, 3] = 1
        model.save(str(tmp_path / "ramp.fits"))
    with models.read(tmp_path / "ramp.fits", slice(2, 4)) as found, models.read(path) as whole:
        np.testing.assert_array_equal(found.data, whole.data[2:])
        assert found.groupdq[0, 1, 5, 5] == 4
        assert found.groupdq.sum() == 4
        assert found.pixeldq[3, 3] == 1
        assert found.pixeldq.dtype.isnative


@pytest.mark.parametrize("keep", [1000, 5000, 12_000, -2880])
def test_a_file_that_was_cut_short(path, keep):
    contents = path.read_bytes()
    path.write_bytes(contents[:keep])
    with pytest.raises(OSError, match=r"_uncal\.fits cannot be read.*fetch it again"):
        uncal.describe(path)


@pytest.mark.parametrize("contents", [b"", b"<html>not found</html>", b"SIMPLE  ="])
def test_a_file_that_is_no_fits_file(path, contents):
    path.write_bytes(contents)
    with pytest.raises(OSError, match=r"cannot be read as an uncal file"):
        uncal.describe(path)


def test_a_fits_file_of_another_kind(path):
    fits.PrimaryHDU().writeto(path, overwrite=True)
    with pytest.raises(OSError, match=r"cannot be read as an uncal file"):
        uncal.describe(path)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        uncal.find(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no file named \*_uncal.fits"):
        uncal.find(tmp_path)
