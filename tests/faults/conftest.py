"""A small exposure for `tso calibrate`, what comes out of it undisturbed, and a place for runs that are disturbed."""

import calibrating
import pytest

from tso_helpers.simulation import exposure


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """The folder of the exposure."""
    folder = tmp_path_factory.mktemp("raw é") / "small"
    exposure.build(folder, calibrating.SMALL, progress=False)
    return folder


@pytest.fixture(scope="module")
def expected(raw, tmp_path_factory):
    """Digests of the products of an undisturbed run in one process."""
    place = calibrating.Place(raw, tmp_path_factory.mktemp("data"))
    place.run(place.data / "out")
    return calibrating.products(place.data / "out")


@pytest.fixture
def place(raw, tmp_path):
    """The exposure, with a data folder of its own."""
    return calibrating.Place(raw, tmp_path / "data")
