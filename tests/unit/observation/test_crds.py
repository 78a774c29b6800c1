"""One process, one set of reference files."""

import os

import pytest

from tso_helpers.files import crds_cache as cache_files
from tso_helpers.observation import crds as crds_environment
from tso_helpers.simulation import crds_cache


def cache(folder, family="seed 1", contents=b"bias"):
    reference = crds_cache.Reference("superbias", "NRS1", ("SUB2048",), lambda path: path.write_bytes(contents))
    return crds_cache.write_cache(folder, [reference], family)


def test_activation_sets_the_variables_and_removes_detours(tmp_path, monkeypatch):
    monkeypatch.setenv("CRDS_PATH", "/somebody/elses")
    monkeypatch.setenv("CRDS_REFPATH", "/somewhere/else")
    wanted = crds_environment.simulated(cache(tmp_path / "é a"))
    crds_environment.activate(wanted)
    assert {name: os.environ[name] for name in wanted} == wanted
    assert wanted["CRDS_CONTEXT"] == crds_cache.CONTEXT
    assert "serverless" in wanted["CRDS_SERVER_URL"]
    assert "CRDS_REFPATH" not in os.environ
    crds_environment.activate(wanted)  # again is fine


def test_another_simulated_detector_in_the_same_process_is_refused(tmp_path):
    crds_environment.activate(crds_environment.simulated(cache(tmp_path / "a", "seed 1")))
    other = crds_environment.simulated(cache(tmp_path / "b", "seed 2"))
    with pytest.raises(
        RuntimeError, match=r"already calibrates with the reference files in .*restart the kernel"
    ) as error:
        crds_environment.activate(other, "the observation 'b'")
    assert str(tmp_path / "a") in str(error.value)
    assert str(tmp_path / "b") in str(error.value)
    assert os.environ["CRDS_PATH"] == str(tmp_path / "a")  # nothing has changed
    crds_environment.release()
    crds_environment.activate(other)
    assert os.environ["CRDS_PATH"] == str(tmp_path / "b")


def test_exposures_of_the_same_detector_may_be_open_together(tmp_path):
    one, two = (crds_environment.simulated(cache(tmp_path / name, contents=name.encode())) for name in "ab")
    from stpipe import crds_client

    parameters = {
        "META.INSTRUMENT.NAME": "NIRSPEC",
        "META.INSTRUMENT.DETECTOR": "NRS1",
        "META.SUBARRAY.NAME": "SUB2048",
        "META.OBSERVATION.DATE": "2022-07-30",
        "META.OBSERVATION.TIME": "22:05:00",
    }
    for configuration in (one, two, one):
        crds_environment.activate(configuration)
        path = crds_client.get_reference_file(parameters, "superbias", "jwst")
        assert path.startswith(configuration["CRDS_PATH"])


def test_a_configuration_that_others_already_use_is_noticed(tmp_path, monkeypatch):
    """Somebody has asked CRDS for something before the observation was opened."""
    from crds.core import heavy_client

    used = cache(tmp_path / "used", "theirs")
    for name, value in cache_files.environment(used).items():
        monkeypatch.setenv(name, value)
    heavy_client.get_config_info("jwst")
    with pytest.raises(RuntimeError, match="already calibrates"):
        crds_environment.activate(crds_environment.simulated(cache(tmp_path / "ours", "ours")))
    crds_environment.activate(crds_environment.simulated(used))  # the same one is no conflict


def test_real_data_use_what_is_set_or_the_server(tmp_path, monkeypatch):
    found = crds_environment.real(tmp_path / "crds")
    assert found == {
        "CRDS_PATH": str(tmp_path / "crds"),
        "CRDS_SERVER_URL": crds_environment.REAL_SERVER,
        "CRDS_CONTEXT": None,
    }
    monkeypatch.setenv("CRDS_PATH", "/my/crds")
    monkeypatch.setenv("CRDS_CONTEXT", "jwst_1500.pmap")
    found = crds_environment.real(tmp_path / "crds")
    assert (found["CRDS_PATH"], found["CRDS_CONTEXT"]) == ("/my/crds", "jwst_1500.pmap")


def test_real_data_never_meet_simulated_references(tmp_path, monkeypatch):
    simulated = crds_environment.simulated(cache(tmp_path / "simulated"))
    for name, value in simulated.items():
        monkeypatch.setenv(name, value)  # as `tso env` prints them
    with pytest.raises(RuntimeError, match="would spoil real data"):
        crds_environment.real(tmp_path / "crds")
    crds_environment.activate(simulated)
    for name in crds_environment.VARIABLES:
        monkeypatch.delenv(name)
    with pytest.raises(RuntimeError, match="already calibrates"):
        crds_environment.activate(crds_environment.real(tmp_path / "crds"))


def test_a_damaged_cache_is_refused(tmp_path):
    folder = cache(tmp_path / "crds")
    next(folder.rglob("*.fits")).unlink()
    with pytest.raises(FileNotFoundError, match=r"is missing.*tso data"):
        crds_environment.simulated(folder)
    with pytest.raises(FileNotFoundError, match="not a complete"):
        crds_environment.simulated(tmp_path)
