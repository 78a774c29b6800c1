"""Raw spectra: one curve per detector, told apart by more than colour."""

import numpy as np
import pytest

from tso_helpers import plotting


def test_raw_spectra_are_told_apart_by_more_than_colour():
    place = np.linspace(2.8, 3.7, 100)
    ax = plotting.plot_raw_spectra({"NRS1": (place, place * 10), "NRS2": (place + 1, place)}, title="light")
    first, second = ax.lines
    assert np.array_equal(first.get_ydata(), place * 10)
    assert first.get_marker() != second.get_marker()
    assert first.get_color() != second.get_color()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["NRS1", "NRS2"]
    assert "µm" in ax.get_xlabel()
    assert "DN" in ax.get_ylabel()


@pytest.mark.parametrize("spectra", [{}, {"NRS1": ([1, 2], [1])}, {"NRS1": ([1.0], [np.nan])}])
def test_raw_spectra_refuse(spectra):
    with pytest.raises(ValueError):
        plotting.plot_raw_spectra(spectra)
