"""What every figure has in common."""

import inspect

import pytest

from tso_helpers import plotting

FIGURES = sorted(set(plotting.__all__) - {"COLOURS", "use_style"})


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_takes_axes(name):
    assert {"ax", "axes"} & set(inspect.signature(getattr(plotting, name)).parameters)
