"""The archive: astroquery against a loopback MAST, the offline stand-in, and that both give the same tables."""

import os
from collections import namedtuple

import numpy as np
import pytest
from astropy.io import fits
from mast_server import Mast, serve
from test_transfer import fits_bytes

from tso_helpers import archive
from tso_helpers.observation.archive import CRITERIA, UNCAL, ArchiveError, LocalArchive, MastArchive

NAMES = [
    "jw01366003001_02101_00001-seg001_nrs1",
    "jw01366003001_02101_00002-seg001_nrs1",
    *(f"jw01366003001_04101_00001-seg00{segment}_{detector}" for segment in (1, 2, 3) for detector in ("nrs1", "nrs2")),
]
HEADER = {
    "PROGRAM": "01366",
    "OBSERVTN": "003",
    "TARGPROP": "WASP-39",
    "PI_NAME": "Batalha, Natalie",
    "FILTER": "F290LP",
    "GRATING": "G395H",
    "EXPSTART": 59790.9,
    "EXPEND": 59791.3,
}


@pytest.fixture
def mast():
    """A MAST with the observation, a neighbour that the criteria must exclude, and files that the filter must."""
    mast = Mast()
    row = {**CRITERIA, "obs_collection": "JWST", "obs_id": "jw01366-o003", "obsid": "100"}
    mast.observations = [row, {**row, "target_name": "WASP-43", "obsid": "200"}]
    for number, name in enumerate(NAMES):
        mast.add(f"mast:JWST/product/{name}_uncal.fits", fits_bytes(number, columns=64))
        mast.add(f"mast:JWST/product/{name}_rateints.fits", b"", productSubGroupDescription="RATEINTS")
        mast.add(f"mast:JWST/product/{name}_rate.jpg", b"", productType="PREVIEW", productSubGroupDescription="")
    mast.products["100"].append(mast.products["100"][0])  # listed twice, as for an exposure in two observations
    return mast


@pytest.fixture
def server(mast, monkeypatch):
    from astroquery.mast import conf
    from astroquery.mast.discovery_portal import PortalAPI

    server = serve(mast)
    monkeypatch.setattr(PortalAPI, "MAST_REQUEST_URL", server.url + "/api/v0/invoke")
    monkeypatch.setattr(PortalAPI, "COLUMNS_CONFIG_URL", server.url + "/portal/Mashup/Mashup.asmx/columnsconfig")
    monkeypatch.setattr(PortalAPI, "_column_configs", {})
    with conf.set_temp("server", server.url):
        yield server
    server.close()


@pytest.fixture
def real(server, tmp_path):
    return MastArchive(tmp_path / "mast")


@pytest.fixture
def local(tmp_path):
    for name in NAMES:
        folder = tmp_path / "simulated-0" / "mastDownload" / "JWST" / name
        folder.mkdir(parents=True)
        own = {"FILTER": "F110W", "GRATING": "MIRROR", "EXP_TYPE": "NRS_WATA"} if "_02101_" in name else {}
        hdus = fits.HDUList(
            [fits.PrimaryHDU(header=fits.Header(HEADER | own)), fits.ImageHDU(np.zeros((2, 2)), name="SCI")]
        )
        hdus.writeto(folder / f"{name}_uncal.fits")
    return LocalArchive(tmp_path / "simulated-0")


@pytest.fixture(params=["real", "local"])
def either(request):
    return request.getfixturevalue(request.param)


def uncal_of(mast_like):
    found = mast_like.query_criteria(**CRITERIA)
    return mast_like.filter_products(mast_like.get_unique_product_list(found), **UNCAL)


# --- what both archives must do


def test_the_cells_of_lesson_01_find_the_eight_files(either):
    found = either.query_criteria(**CRITERIA)
    assert len(found) == 1
    assert found["proposal_id"][0] == "1366"
    products = either.get_unique_product_list(found)
    uncal = either.filter_products(products, **UNCAL)
    assert len(products) > len(uncal) == 8
    assert sorted(uncal["productFilename"]) == [f"{name}_uncal.fits" for name in NAMES]


def test_both_archives_show_the_same_table(real, local):
    ours, theirs = (archive.summary(uncal_of(each)) for each in (local, real))
    assert ours.colnames == theirs.colnames
    assert list(ours["file"]) == list(theirs["file"])
    assert set(ours["kind"]) == {"UNCAL"}


def test_a_query_that_finds_nothing_warns_and_is_empty(either):
    from astroquery.exceptions import NoResultsWarning

    with pytest.warns(NoResultsWarning):
        found = either.query_criteria(**CRITERIA | {"proposal_id": "9999"})
    assert len(found) == 0
    with pytest.raises(ArchiveError, match="the query before this one found none"):
        either.get_product_list(found)


def test_a_misspelt_criterion_names_the_right_one(either):
    from astroquery.exceptions import InvalidQueryError

    with pytest.raises(InvalidQueryError, match="Did you mean 'proposal_id'"):
        either.query_criteria(proposalid="1366")


def test_a_misspelt_filter_lists_the_columns(either):
    products = either.get_product_list(either.query_criteria(**CRITERIA))
    with pytest.raises(ValueError, match="productSubGroupDescription"):
        either.filter_products(products, productSubGroup="UNCAL")


# --- the real one, on loopback


def test_download_lays_files_out_as_astroquery_does(real, mast, tmp_path):
    report = real.download(uncal_of(real), progress=False)
    assert set(report["status"]) == {"downloaded"}
    for name in NAMES:
        path = tmp_path / "mast" / "mastDownload" / "JWST" / name / f"{name}_uncal.fits"
        assert path.read_bytes() == mast.files[f"mast:JWST/product/{name}_uncal.fits"]


def test_what_is_there_is_not_fetched_again(real, mast):
    real.download(uncal_of(real)[:3], progress=False)
    before = len(mast.downloads)
    report = real.download(uncal_of(real)[:4], progress=False)
    assert list(report["status"]) == ["present"] * 3 + ["downloaded"]
    assert len(mast.downloads) == before + 1


def test_half_a_file_that_astroquery_left_is_completed(real, mast):
    products = uncal_of(real)[:1]
    path = archive.product_path(products[0], real.folder)
    whole = mast.files[str(products["dataURI"][0])]
    path.parent.mkdir(parents=True)
    path.write_bytes(whole[:4000])
    assert list(real.download(products, progress=False)["status"]) == ["resumed"]
    assert path.read_bytes() == whole
    assert mast.downloads[-1][2] == "bytes=4000-"


def test_astroquery_accepts_what_we_downloaded(real, server, tmp_path):
    """The layout and sizes are those of its own downloader: it finds all files in its cache."""
    from astroquery.mast import Observations

    products = uncal_of(real)[:2]
    real.download(products, progress=False)
    stamps = [os.stat(archive.product_path(row, real.folder)).st_mtime_ns for row in products]
    url = server.url + "/api/v0.1/Download/file"
    for row in products:
        path = archive.product_path(row, real.folder)
        status, *_ = Observations.download_file(str(row["dataURI"]), local_path=str(path), base_url=url, verbose=False)
        assert status == "COMPLETE"
    assert stamps == [os.stat(archive.product_path(row, real.folder)).st_mtime_ns for row in products]


def test_too_little_disk_is_said_before_the_first_byte(real, mast, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: usage(10, 10, 1000))
    with pytest.raises(ArchiveError, match=r"needs 0\.00 GB and .* has 0\.00 GB free.*TSO_DATA"):
        real.download(uncal_of(real), progress=False)
    assert not mast.downloads


def test_no_network_is_said_with_a_way_out(tmp_path, monkeypatch):
    from astroquery.mast import conf

    with conf.set_temp("server", "http://127.0.0.1:9"), pytest.raises(ArchiveError, match="unset TSO_OBSERVATION"):
        MastArchive(tmp_path).query_criteria(**CRITERIA)


def test_an_error_of_the_service_is_passed_on(real, monkeypatch):
    from astroquery.mast import Observations

    monkeypatch.setattr(type(Observations), "_caom_filtered", "Mast.Caom.Gone")
    with pytest.raises(ArchiveError, match="no service Mast"):
        real.query_criteria(**CRITERIA)


HOSTILE = [
    *("..", "../../etc", "/etc", "//etc/passwd", "a/b", "a/../../b", ".", "", " ", ".hidden", "a\0b", "..\\up", "a\\b"),
    *("C:\\Windows", "C:evil", "a\nb", "\u202egnp.exe", "x" * 300, "é" * 150, np.ma.masked),
]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(str(name)[:20]))
@pytest.mark.parametrize("key", ["obs_collection", "obs_id", "productFilename"])
def test_a_product_cannot_leave_its_folder(tmp_path, key, name):
    product = {"obs_collection": "JWST", "obs_id": NAMES[0], "productFilename": f"{NAMES[0]}_uncal.fits"}
    good = archive.product_path(product, tmp_path)
    assert good == tmp_path / "mastDownload" / "JWST" / NAMES[0] / f"{NAMES[0]}_uncal.fits"
    with pytest.raises(ArchiveError, match=rf"(?s)lists a product .* whose {key} cannot be used") as caught:
        archive.product_path(product | {key: name}, tmp_path)
    assert key == "productFilename" or NAMES[0] in str(caught.value), "the product is named"


@pytest.mark.parametrize(
    "hostile",
    [
        {"obs_id": "../../.."},
        {"obs_collection": "../.."},
        {"obs_collection": "/"},
        {"productFilename": "../../../escaped.fits"},
        {"productFilename": ""},
    ],
    ids=str,
)
def test_nothing_at_all_is_downloaded_from_a_list_with_a_hostile_name(real, mast, tmp_path, hostile):
    uri = "mast:JWST/product/jw01366003001_09999_00001-seg001_nrs1_uncal.fits"
    mast.add(uri, fits_bytes(columns=64), **hostile)
    with pytest.raises(ArchiveError, match="Nothing was downloaded"):
        real.download(uncal_of(real), progress=False)
    assert not mast.downloads
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not list(tmp_path.parent.glob("*escaped*"))


def test_two_files_of_one_name_are_refused(real, mast):
    first = mast.products["100"][0]
    mast.add("mast:JWST/other/" + first["productFilename"], fits_bytes(columns=64))
    with pytest.raises(ArchiveError, match=f"two files of the name {first['productFilename']}"):
        real.download(uncal_of(real), progress=False)
    assert not mast.downloads


def test_an_observation_without_products_is_named(real, mast):
    mast.products.clear()
    found = real.query_criteria(**CRITERIA)
    for ask in (real.get_product_list, real.get_unique_product_list):
        with pytest.raises(ArchiveError, match="MAST lists no file for jw01366-o003"):
            ask(found)


# --- sizes


def test_a_file_of_another_size_than_listed_does_not_arrive(real, mast):
    products = uncal_of(real)[:2]
    mast.files[str(products["dataURI"][1])] = fits_bytes(columns=32)  # valid, and smaller
    path = archive.product_path(products[1], real.folder)
    with pytest.raises(ArchiveError, match=rf"product list gives [\d,]+ bytes for {path.name}"):
        real.download(products, progress=False)
    assert archive.product_path(products[0], real.folder).is_file(), "the first one stays"
    assert list(path.parent.iterdir()) == []


def test_600_mb_for_a_small_file_are_not_written(real, mast):
    products = uncal_of(real)[:1]
    mast.announce_length, mast.endless = False, 600_000_000
    with pytest.raises(ArchiveError, match="more arrives"):
        real.download(products, progress=False)
    assert mast.sent < 20_000_000
    assert not [path for path in real.folder.rglob("*") if path.is_file()]


def test_a_file_of_unknown_size_is_taken_as_it_comes(real, mast):
    products = uncal_of(real)[:1]
    for size in (-1, 0):
        products["size"] = size
        real.download(products, progress=False)
        path = archive.product_path(products[0], real.folder)
        assert path.read_bytes() == mast.files[str(products["dataURI"][0])]
        path.unlink()


def test_a_whole_file_of_another_size_is_fetched_again(real, mast):
    """A file cut exactly behind one of its units is valid FITS; so is an older version."""
    products = uncal_of(real)[:1]
    path = archive.product_path(products[0], real.folder)
    whole = mast.files[str(products["dataURI"][0])]
    path.parent.mkdir(parents=True)
    for other in (whole[:2880], fits_bytes(columns=128)):
        path.write_bytes(other)
        real.download(products, progress=False)
        assert path.read_bytes() == whole
        assert os.listdir(path.parent) == [path.name]


def test_what_a_kill_left_beside_a_whole_file_goes(real):
    products = uncal_of(real)[:1]
    real.download(products, progress=False)
    path = archive.product_path(products[0], real.folder)
    for end in (".part", ".part.tag", ".part.lock"):
        path.with_name(path.name + end).write_text("")
    assert list(real.download(products, progress=False)["status"]) == ["present"]
    assert os.listdir(path.parent) == [path.name]


# --- the stand-in


def test_the_stand_in_reads_the_files_headers(local):
    found = local.query_criteria(proposal_pi="Batalha*", t_min=[59790, 59791])
    assert found["target_name"][0] == "WASP-39"
    assert found["filters"][0] == "F290LP;G395H"


def test_the_stand_in_takes_lists_wildcards_and_any_case(local):
    assert len(local.query_criteria(target_name=["WASP-43", "wasp-39"])) == 1
    assert len(local.query_criteria(filters="F290LP%")) == 1


def test_the_stand_in_downloads_nothing(local):
    report = local.download(uncal_of(local))
    assert set(report["status"]) == {"present"}
    assert all(os.path.isfile(path) for path in report["path"])


def test_the_stand_in_cannot_give_calibrated_files(local):
    products = local.get_product_list(local.query_criteria(**CRITERIA))
    with pytest.raises(ArchiveError, match="only the uncal files are"):
        local.download(products)


def test_an_empty_folder_says_what_to_do(tmp_path):
    with pytest.raises(ArchiveError, match="tso data"):
        LocalArchive(tmp_path).query_criteria(**CRITERIA)


def test_summary_masks_unknown_sizes_and_says_what_is_here(local):
    products = local.get_product_list(local.query_criteria(**CRITERIA))
    table = archive.summary(products, local.folder)
    here = np.array(table["on disk"]) == "yes"
    assert here.sum() == 8
    assert np.array_equal(np.ma.getmaskarray(table["size (MB)"]), ~here)
    assert list(table["file"]) == sorted(table["file"])


def test_connect_chooses_without_using_the_network(tmp_path, monkeypatch):
    monkeypatch.setenv("TSO_OBSERVATION", "mast")
    monkeypatch.setenv("TSO_DATA", str(tmp_path))
    chosen = archive.connect()
    assert isinstance(chosen, MastArchive)
    assert chosen.folder == tmp_path / "mast"


# --- the real archive


@pytest.mark.remote_data
@pytest.mark.skipif(not os.environ.get("TSO_TEST_NETWORK"), reason="asks the real MAST: set TSO_TEST_NETWORK=1")
def test_mast_itself_still_has_the_eight_files(tmp_path):
    uncal = uncal_of(MastArchive(tmp_path))
    assert sorted(uncal["productFilename"]) == [f"{name}_uncal.fits" for name in NAMES]
    smallest = uncal[np.argsort(uncal["size"])[:1]]
    assert list(MastArchive(tmp_path).download(smallest, progress=False)["status"]) == ["downloaded"]
