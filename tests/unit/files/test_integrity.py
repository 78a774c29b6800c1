"""Files are what they were, and lie where they belong."""

import gzip
import os
import random

import numpy as np
import pytest
from astropy.io import fits

from tso_helpers.files import integrity


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "é x.fits"
    table = fits.BinTableHDU(np.zeros(3, [("a", "i4")]), name="TABLE")
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.arange(9000, dtype=np.int16)), table]).writeto(path)
    return path


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "../x", "a/../../x", "/etc/passwd", "a/..", "../../victim.txt", "/"]
)
def test_names_that_lead_out_of_a_folder(tmp_path, name):
    with pytest.raises(ValueError, match="is not the name of a file"):
        integrity.inside(tmp_path, name)


def test_links_that_lead_out_of_a_folder(tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "out").symlink_to(tmp_path)
    (folder / "in").symlink_to(folder / "deep")
    assert integrity.inside(folder, "out/x.txt") == folder / "out" / "x.txt"
    assert integrity.inside(folder, "in/x.txt", links=False) == folder / "in" / "x.txt"
    for name in ("out/x.txt", "out"):
        with pytest.raises(ValueError, match=r"leads out of .* through a link"):
            integrity.inside(folder, name, links=False)
    (tmp_path / "by another name").symlink_to(folder)
    assert integrity.inside(tmp_path / "by another name", "deep/x", links=False).parts[-2:] == ("deep", "x")


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "not JSON"), (b"{", "not JSON"), (b"\xff\xfe", "not JSON"), (b"[1]", "a list instead of a dict")],
)
def test_json_that_is_damaged_is_named(tmp_path, content, says):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ValueError, match=rf"x.json is damaged: it .*{says}"):
        integrity.read_json(tmp_path / "x.json")


def test_json_that_is_whole_or_missing(tmp_path):
    (tmp_path / "x.json").write_text('{"a": [1]}')
    assert integrity.read_json(tmp_path / "x.json") == {"a": [1]}
    with pytest.raises(FileNotFoundError):
        integrity.read_json(tmp_path / "y.json")


def test_a_fits_file_that_was_cut_anywhere_is_noticed(image):
    whole = image.read_bytes()
    assert integrity.fits_problem(image) is None
    rng = random.Random(1)
    for length in [0, 1, 80, 2879, 2881, len(whole) - 2880, len(whole) - 1, *rng.sample(range(len(whole)), 30)]:
        image.write_bytes(whole[:length])
        assert integrity.fits_problem(image), f"cut to {length} of {len(whole)} bytes"
    image.write_bytes(whole[:2880])  # exactly between two units: a whole file, but a shorter one
    assert "were announced" in integrity.fits_problem(image, len(whole))
    for more in (b"x", bytes(10), bytes(2880)):
        image.write_bytes(whole + more)
        assert integrity.fits_problem(image), f"{len(more)} bytes too many"


def test_fits_files_that_are_none(image, tmp_path):
    whole = image.read_bytes()
    assert integrity.fits_problem(image, len(whole)) is None
    assert "were announced" in integrity.fits_problem(image, len(whole) + 1)
    image.write_bytes(b"<html>not found</html>" * 300)
    assert "not readable as FITS" in integrity.fits_problem(image)
    image.write_bytes(gzip.compress(whole))
    assert "unpack it with gunzip" in integrity.fits_problem(image)
    with pytest.raises(FileNotFoundError):
        integrity.fits_problem(tmp_path / "none.fits")


def test_manifest(tmp_path, image):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.txt").write_text("abc")
    manifest = integrity.describe(tmp_path, [image, tmp_path / "deep" / "a.txt"])
    assert list(manifest) == ["é x.fits", "deep/a.txt"]
    assert integrity.problems(tmp_path, manifest, thorough=True) == []
    (tmp_path / "deep" / "a.txt").write_text("abcd")
    assert integrity.problems(tmp_path, manifest) == ["deep/a.txt has 4 bytes instead of 3"]
    (tmp_path / "deep" / "a.txt").write_text("abd")
    assert integrity.problems(tmp_path, manifest) == []
    assert integrity.problems(tmp_path, manifest, since=0) == integrity.problems(tmp_path, manifest, thorough=True)
    os.utime(tmp_path / "deep" / "a.txt", (10, 10))
    assert integrity.problems(tmp_path, manifest, since=11) == []
    assert "its checksum is another one" in integrity.problems(tmp_path, manifest, thorough=True)[0]
    image.unlink()
    assert "é x.fits is missing" in integrity.problems(tmp_path, manifest)


@pytest.mark.parametrize("entry", [{}, [], None, 3, {"size": 1}, "x"])
def test_a_manifest_of_the_wrong_shape(tmp_path, entry):
    (tmp_path / "a").write_text("a")
    assert integrity.problems(tmp_path, {"a": entry}) == ["its list of files is damaged (entry 'a')"]


def test_a_manifest_reads_nothing_outside_its_folder(tmp_path):
    folder, victim = tmp_path / "folder", tmp_path / "victim.txt"
    folder.mkdir()
    victim.write_text("mine")
    (folder / "link").symlink_to(victim)
    known = next(iter(integrity.describe(tmp_path, [victim]).values()))
    for name in ("../victim.txt", str(victim), "link"):
        assert integrity.problems(folder, {name: known}, thorough=True) == [
            f"its list of files is damaged (entry {name!r})"
        ]


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
