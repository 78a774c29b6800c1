"""Products under documented names, never over something else."""

import numpy as np
import pytest
from astropy.table import Table
from stdatamodels.jwst import datamodels

from tso_helpers.files import products

NAME = "jw01366003001_04101_00001-seg002_nrs1_{}.fits"


MADE_OF = {"file": "jw", "integrations": [0, 2, 2], "packages": {"jwst": "3.0"}}


def save(model, folder, identity=MADE_OF, **how):
    return products.save(model, folder / products.name_of(model), identity, **how)


@pytest.fixture
def model():
    model = datamodels.CubeModel((2, 3, 4))
    model.data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    model.data[0, 0, 0] = np.nan
    model.err = np.ones((2, 3, 4), np.float32)
    model.meta.bunit_data = "DN/s"
    model.meta.filename = NAME.format("uncal")
    return model


def test_rates_are_saved_as_they_are(model, tmp_path):
    path = save(model, tmp_path / "new" / "folder")
    assert path.name == NAME.format("rateints")
    assert model.meta.filename == NAME.format("uncal"), "the model is left as it was"
    with datamodels.open(path) as stored:
        assert isinstance(stored, datamodels.CubeModel)
        assert np.array_equal(stored.data, model.data, equal_nan=True)
        assert stored.meta.filename == path.name
        assert stored.meta.bunit_data == "DN/s"
    assert [file.name for file in path.parent.iterdir()] == [path.name], "nothing unfinished is left"


def test_the_same_again_leaves_the_file_alone(model, tmp_path):
    before = save(model, tmp_path).stat()
    after = save(model, tmp_path).stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


@pytest.mark.parametrize("array", ["data", "err", "dq"])
def test_other_values_are_not_overwritten_unless_asked_for(model, tmp_path, array):
    path = save(model, tmp_path)
    old = path.read_bytes()
    getattr(model, array)[1, 1, 1] = 5
    with pytest.raises(FileExistsError, match="replace=True"):
        save(model, tmp_path)
    assert path.read_bytes() == old
    save(model, tmp_path, replace=True)
    with datamodels.open(path) as stored:
        assert getattr(stored, array)[1, 1, 1] == 5


def test_a_failed_save_leaves_nothing(model, tmp_path, monkeypatch):
    def fail(self, path):
        with open(path, "wb") as file:
            file.write(b"SIMPLE")
        raise OSError("no space left on device")

    monkeypatch.setattr(datamodels.CubeModel, "save", fail)
    with pytest.raises(OSError, match="no space"):
        save(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_model_without_a_name(model):
    model.meta.filename = None
    with pytest.raises(ValueError, match="file name is None"):
        products.name_of(model)


@pytest.mark.parametrize(
    "hostile",
    [
        "../up_uncal.fits",
        "/etc/cron.d/a_uncal.fits",
        "folder/a_uncal.fits",
        "..\\up_uncal.fits",
        "C:evil_uncal.fits",
        "a\0b_uncal.fits",
        "a\nb_uncal.fits",
        ".._uncal.fits",
        ".hidden_uncal.fits",
        " _uncal.fits",
        "x" * 300 + "_uncal.fits",
        "_uncal.fits",
        "nothing.fits",
        "",
        "..",
    ],
    ids=lambda name: repr(name[:20]),
)
def test_a_model_with_a_hostile_name_is_no_product(model, hostile):
    model.meta.filename = hostile
    with pytest.raises(ValueError, match=r"plain name of a file|no name of a product"):
        products.name_of(model)


def test_tables(tmp_path):
    table = Table({"time": [1.0, 2.0], "flux": [1.0, np.nan], "out": [True, False]}, units={"time": "d"})
    path = products.save_table(table, tmp_path / "a" / "curve.ecsv")
    assert products.save_table(table, path) == path
    assert str(Table.read(path, format="ascii.ecsv")["time"].unit) == "d"
    other = table.copy()
    other["flux"][0] = 1.1
    with pytest.raises(FileExistsError, match=r"curve\.ecsv"):
        products.save_table(other, path)
    with pytest.raises(FileExistsError, match=r"curve\.ecsv"):
        products.save_table(table[:1], path)
    products.save_table(other, path, replace=True)
    assert Table.read(path, format="ascii.ecsv")["flux"][0] == 1.1
