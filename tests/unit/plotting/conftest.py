"""Every figure is drawn in the lessons' style, and closed afterwards."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from tso_helpers import plotting


@pytest.fixture(autouse=True)
def _style():
    with mpl.rc_context():
        mpl.use("agg")
        plotting.use_style()
        yield
        plt.close("all")
