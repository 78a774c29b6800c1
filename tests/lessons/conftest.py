"""Lessons run in kernels of their own, which inherit the variables of this process."""

import os

import pytest


@pytest.fixture(autouse=True, scope="module")
def _crds_of_nobody():
    """Forget where earlier tests have pointed CRDS: a kernel would take that for the reader's own choice."""
    for name in [name for name in os.environ if name.startswith("CRDS_")]:
        del os.environ[name]
