"""Every test begins with a process that has chosen no observation, and leaves it so."""

import pytest

from tso_helpers.observation import crds, logs

NAMES = ("TSO_OBSERVATION", "TSO_DATA", "TSO_TRANSIT", "TSO_CHECKPOINT_BYTES")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    for name in [*crds.VARIABLES, *crds._DETOURS, *NAMES]:
        monkeypatch.setenv(name, "")  # so that it is restored
        monkeypatch.delenv(name)
    crds.release()
    yield
    crds.release()
    logs.restore()
