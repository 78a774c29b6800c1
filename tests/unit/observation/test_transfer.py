"""Downloads over a connection that breaks, from a server on loopback."""

import io
import os

import numpy as np
import pytest
from astropy.io import fits
from mast_server import Mast, serve

from tso_helpers.files.integrity import fits_problem
from tso_helpers.observation.transfer import CHUNK, ArchiveError, download_file, part_of

URI = "mast:JWST/product/jw01366003001_04101_00001-seg001_nrs1_uncal.fits"


def fits_bytes(value=1, columns=2048):
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.full((2, 3, 32, columns), value, np.uint16), name="SCI")])
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    return buffer.getvalue()


@pytest.fixture
def mast():
    return Mast()


@pytest.fixture
def server(mast):
    server = serve(mast)
    yield server
    server.close()


@pytest.fixture
def url(mast, server):
    mast.add(URI, fits_bytes())
    return f"{server.url}/api/v0.1/Download/file?uri={URI}"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "with a space é" / "a_uncal.fits"


def test_a_file_arrives_whole(url, path, mast):
    assert download_file(url, path) == "downloaded"
    assert path.read_bytes() == mast.files[URI]
    assert os.listdir(path.parent) == [path.name]


def test_a_broken_transfer_goes_on_where_it_stopped(url, path, mast):
    mast.break_after = [2 * CHUNK, 3 * CHUNK + 10]
    assert download_file(url, path, pause=0) == "downloaded"
    assert path.read_bytes() == mast.files[URI]
    assert [wanted for *_, wanted in mast.downloads] == [None, f"bytes={2 * CHUNK}-", f"bytes={5 * CHUNK}-"]
    assert mast.sent == len(mast.files[URI]) + 10


def test_giving_up_keeps_what_has_arrived_and_the_next_call_uses_it(url, path, mast):
    mast.break_after = [2 * CHUNK, 0, 0]
    with pytest.raises(ArchiveError, match=r"broke off after 0\.1 MB.*goes on from there"):
        download_file(url, path, attempts=3, pause=0)
    assert not path.exists()
    assert part_of(path).stat().st_size == 2 * CHUNK
    assert download_file(url, path) == "resumed"
    assert path.read_bytes() == mast.files[URI]
    assert mast.sent == len(mast.files[URI])
    assert os.listdir(path.parent) == [path.name]


def test_progress_counts_every_byte_once(url, path, mast):
    class Bar:
        n = 0

        def update(self, size):
            self.n += size

    bar = Bar()
    mast.break_after = [100_000]
    download_file(url, path, pause=0, bar=bar)
    assert bar.n == len(mast.files[URI])


def test_a_server_that_cannot_resume_starts_again(url, path, mast):
    mast.ranges, mast.break_after = False, [100_000]
    download_file(url, path, pause=0)
    assert path.read_bytes() == mast.files[URI]


def test_a_file_that_changed_in_the_archive_is_not_spliced(url, path, mast):
    mast.break_after = [100_000, 0]
    with pytest.raises(ArchiveError):
        download_file(url, path, attempts=1)
    mast.files[URI], mast.etag = fits_bytes(value=2), '"2"'
    download_file(url, path, pause=0)
    assert path.read_bytes() == mast.files[URI]


@pytest.mark.parametrize("length", [100_000, 10_000_000])
def test_a_part_file_that_is_no_part_of_it_is_replaced(url, path, mast, length):
    path.parent.mkdir(parents=True)
    part_of(path).write_bytes(b"x" * length)
    download_file(url, path, pause=0)
    assert path.read_bytes() == mast.files[URI]


def test_a_complete_part_file_needs_no_further_byte(url, path, mast):
    path.parent.mkdir(parents=True)
    part_of(path).write_bytes(mast.files[URI])
    assert download_file(url, path) == "resumed"
    assert mast.sent == 0


def test_a_server_that_announces_no_length(url, path, mast):
    mast.announce_length = False
    download_file(url, path)
    assert path.read_bytes() == mast.files[URI]
    path.unlink()
    mast.break_after = [100_000]
    with pytest.raises(ArchiveError, match="not a whole FITS file"):
        download_file(url, path)
    assert os.listdir(path.parent) == []


def test_what_is_not_fits_is_refused(url, path, mast):
    mast.files[URI] = b"<html>log in to the hotel's wifi</html>"
    with pytest.raises(ArchiveError, match="not a whole FITS file"):
        download_file(url, path)
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize(
    ("status", "message"), [(404, "answers 404"), (403, "MAST_API_TOKEN"), (503, r"broke off.*answers 503")]
)
def test_refusals_say_what_to_do(url, path, mast, status, message):
    mast.status = status
    with pytest.raises(ArchiveError, match=message):
        download_file(url, path, attempts=2, pause=0)
    assert os.listdir(path.parent) == []


def test_nobody_there(path):
    with pytest.raises(ArchiveError, match="run the same again"):
        download_file("http://127.0.0.1:9/nothing", path, attempts=2, pause=0)


def test_two_downloads_of_one_file_do_not_mix(url, path, mast):
    fcntl = pytest.importorskip("fcntl")
    path.parent.mkdir(parents=True)
    with open(part_of(path), "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ArchiveError, match="another process"):
            download_file(url, path)


def test_fits_problem_finds_a_cut_anywhere(tmp_path):
    content = fits_bytes(columns=64)
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    assert fits_problem(path) is None
    for length in (0, 100, 2880, 3000, 2 * 2880 + 10, len(content) - 2880, len(content) - 1):
        path.write_bytes(content[:length])
        if length == 2880:  # exactly one header and its end: a whole FITS file, though not the one that was asked for
            assert fits_problem(path) is None
        else:
            assert fits_problem(path), length
