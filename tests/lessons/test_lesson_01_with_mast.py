"""Lesson 01 as it runs with TSO_OBSERVATION=mast: every cell asks an archive over HTTP, downloads, and goes on.

The archive is the one on loopback; its files are simulated ones with the mark of the simulation taken off. They arrive
over a connection that breaks.
"""

import lessons
import offline
import pytest
from astropy.io import fits
from mast_server import Mast, serve

from tso_helpers.course import headless
from tso_helpers.observation.archive import CRITERIA

pytestmark = [pytest.mark.notebooks, pytest.mark.slow]


def _observed(path, folder):
    """Bytes of a simulated file without the keyword that says so."""
    with fits.open(path) as hdus:
        del hdus[0].header["SIMULATD"]
        hdus.writeto(folder / path.name)
    return (folder / path.name).read_bytes()


@pytest.fixture
def mast(second_shape, tmp_path):
    mast = Mast()
    mast.observations = [{**CRITERIA, "obsid": "100", "obs_id": "jw01366-o003", "proposal_pi": "Batalha, Natalie"}]
    (tmp_path / "observed").mkdir()
    for path in sorted(second_shape.rglob("*_uncal.fits")):
        uri = f"mast:JWST/product/{path.name}"
        mast.add(uri, _observed(path, tmp_path / "observed"))
        mast.add(uri.replace("uncal", "rateints"), b"", productSubGroupDescription="RATEINTS")
    mast.break_after = [10**9, 10**9, 200_000, 3_000_000]  # of the first large file
    return mast


@pytest.fixture
def server(mast, tmp_path):
    """The archive, and a configuration of astropy that takes it for the real one."""
    server = serve(mast)
    (tmp_path / "config" / "astropy").mkdir(parents=True)
    (tmp_path / "config" / "astropy" / "astroquery.cfg").write_text(f"[mast]\nserver = {server.url}\n")
    yield server
    server.close()


def test_every_cell_runs_with_the_archive(mast, server, tmp_path):
    path = next(source for source in lessons.sources() if source.name.startswith("01_"))
    notebook = lessons.read_source(path)
    report = headless.execute(
        notebook,
        tmp_path,
        timeout=300,
        startup=offline.STARTUP,
        TSO_OBSERVATION="mast",
        TSO_DATA=tmp_path / "data",
        XDG_CONFIG_HOME=tmp_path / "config",
    )
    assert report.error is None, report.error
    text = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "MAST answers" in text
    assert text.count("downloaded") == 8
    assert "observed" in text
    assert "nobody knows the truth" in text
    about_the_truth = 2  # asserts that only a simulated exposure can check
    assert report.asserts_ran == len(report.asserts) - about_the_truth
    arrived = sorted((tmp_path / "data").rglob("*.fits"))
    assert [file.read_bytes() for file in arrived] == [mast.files[f"mast:JWST/product/{file.name}"] for file in arrived]
    assert len(arrived) == 8
    assert len([wanted for *_, wanted in mast.downloads if wanted]) == 2, "two transfers broke and were taken up again"
