"""Names, checksums and sizes of files that come from elsewhere."""

import numpy as np
import pytest
from astropy.io import fits

from tso_helpers.files import integrity


@pytest.mark.parametrize(
    "name", ["JWST", "jw01366003001_04101_00001-seg001_nrs1_uncal.fits", "a b", "été", "a..b", "x" * 200]
)
def test_plain_names_stay_as_they_are(name):
    assert integrity.plain_name(name) == name


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "..", ".a", "a/b", "a\\b", "C:a", "a\0", "a\tb", "\u202ea", "é" * 101]
)
def test_names_that_are_more_than_names_are_refused(name):
    with pytest.raises(ValueError, match="not the plain name of a file"):
        integrity.plain_name(name)


@pytest.mark.parametrize("unit", [0, 1, 2])
def test_a_flipped_bit_in_any_unit_disagrees_with_its_checksum(tmp_path, unit):
    data = np.arange(5000, dtype=np.int16)
    hdus = fits.HDUList(
        [fits.PrimaryHDU(data), fits.ImageHDU(data), fits.BinTableHDU.from_columns([fits.Column("a", "I", array=data)])]
    )
    path = tmp_path / "a.fits"
    hdus.writeto(path, checksum=True)
    assert integrity.checksum_problem(path) is None
    with fits.open(path) as hdus:
        where = hdus[unit].fileinfo()["datLoc"] + 100
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    assert integrity.fits_problem(path) is None, "its length says nothing of it"
    assert "verification failed" in integrity.checksum_problem(path)


def test_a_file_without_checksums_has_nothing_to_disagree_with(tmp_path):
    fits.PrimaryHDU(np.zeros(10)).writeto(tmp_path / "a.fits")
    assert integrity.checksum_problem(tmp_path / "a.fits") is None
