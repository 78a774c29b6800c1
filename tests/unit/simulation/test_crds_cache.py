"""The CRDS cache is one that CRDS accepts, and never half of one."""

import json
import os
import subprocess
import sys

import pytest

from tso_helpers.files import crds_cache as cache_files
from tso_helpers.simulation import crds_cache

PARAMETERS = {
    "META.INSTRUMENT.NAME": "NIRSPEC",
    "META.INSTRUMENT.DETECTOR": "NRS1",
    "META.SUBARRAY.NAME": "SUB2048",
    "META.OBSERVATION.DATE": "2022-07-30",
    "META.OBSERVATION.TIME": "22:05:00",
    "META.EXPOSURE.TYPE": "NRS_BRIGHTOBJ",
}
ASK = """
import json, sys
import crds
wanted = ["superbias", "refpix", "sirskernel", "pars-jumpstep", "pars-detector1pipeline", "photom"]
print(json.dumps(crds.getreferences(json.loads(sys.argv[1]), reftypes=wanted)))
print(crds.get_context_name("jwst"))
"""


def reference(kind="superbias", detector="NRS1", subarrays=("SUB2048",), contents=b"bias"):
    return crds_cache.Reference(kind, detector, subarrays, lambda path: path.write_bytes(contents))


def ask_crds(cache, parameters=PARAMETERS, **variables):
    """Ask CRDS, in a process of its own, with nothing but the three variables set."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRDS")}
    environment |= cache_files.environment(cache) | variables
    command = [sys.executable, "-c", ASK, json.dumps(parameters)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_crds_finds_what_is_served_and_is_told_that_the_rest_is_not_needed(tmp_path):
    cache = crds_cache.write_cache(tmp_path / "a cache, é" / "crds", [reference()])
    done = ask_crds(cache)
    assert done.returncode == 0, done.stderr
    found, context = done.stdout.splitlines()
    found = json.loads(found)
    path = found.pop("superbias")
    assert path == str(cache / "references" / "jwst" / "nirspec" / "jwst_nirspec_superbias_simulated_nrs1_sub2048.fits")
    assert set(found.values()) == {"NOT FOUND n/a"}
    assert context == crds_cache.CONTEXT
    assert "ERROR" not in done.stderr


def test_every_mapping_has_the_checksum_that_crds_computes(tmp_path):
    cache = crds_cache.write_cache(tmp_path / "crds", [reference(), reference("dark", "NRS2", ("SUB2048", "SUB32"))])
    from crds.core import rmap

    mappings = sorted((cache / "mappings" / "jwst").iterdir())
    assert len(mappings) == 4  # context, instrument, two types
    for path in mappings:
        text = path.read_text()
        rmap.Mapping._check_hash(rmap.Mapping.from_string(text, path.name), text)  # raises when it differs


def test_a_mapping_that_was_tampered_with_is_refused(tmp_path):
    cache = crds_cache.write_cache(tmp_path / "crds", [reference()])
    rmap = next((cache / "mappings" / "jwst").glob("*.rmap"))
    rmap.write_text(rmap.read_text().replace("2021-12-25", "2021-12-26"))
    done = ask_crds(cache)
    assert done.returncode != 0
    assert "sha1sum" in done.stderr


def test_works_in_a_folder_that_cannot_be_written(tmp_path):
    cache = crds_cache.write_cache(tmp_path / "crds", [reference()])
    before = sorted(path.relative_to(cache) for path in cache.rglob("*"))
    assert ask_crds(cache).returncode == 0
    assert sorted(path.relative_to(cache) for path in cache.rglob("*")) == before  # CRDS added nothing


def test_names_cannot_be_mistaken_for_real_ones(tmp_path):
    cache = crds_cache.write_cache(tmp_path / "crds", [reference()])
    assert "simulated" in crds_cache.CONTEXT
    assert crds_cache.NUMBER > 9000
    assert all("simulated" in path.name for path in (cache / "references").rglob("*.fits"))


def test_same_references_same_cache(tmp_path):
    caches = [crds_cache.write_cache(tmp_path / name, [reference()]) for name in ("one", "two")]
    files = [sorted(path.relative_to(c) for path in c.rglob("*") if path.is_file()) for c in caches]
    assert files[0] == files[1]
    assert all((caches[0] / f).read_bytes() == (caches[1] / f).read_bytes() for f in files[0])
    other = crds_cache.write_cache(tmp_path / "three", [reference(contents=b"another bias")])
    assert cache_files.fingerprint(caches[0]) == cache_files.fingerprint(caches[1]) != cache_files.fingerprint(other)


def test_nothing_is_left_of_a_cache_that_could_not_be_finished(tmp_path):
    def fail(path):
        path.write_bytes(b"half a fi")
        raise OSError("disk full")

    references = [reference(), crds_cache.Reference("dark", "NRS1", ("SUB2048",), fail)]
    with pytest.raises(OSError, match="disk full"):
        crds_cache.write_cache(tmp_path / "crds", references)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rewrite_keeps_the_old_cache(tmp_path):
    cache = crds_cache.write_cache(tmp_path / "crds", [reference()])
    before = cache_files.fingerprint(cache)
    with pytest.raises(ValueError, match="two superbias references for NRS1 SUB2048"):
        crds_cache.write_cache(cache, [reference(contents=b"new"), reference()])
    assert cache_files.fingerprint(cache) == before
    assert cache_files.verify(cache) == []
    assert [path.name for path in tmp_path.iterdir()] == ["crds"]


def test_a_cache_is_replaced_as_a_whole(tmp_path):
    cache = crds_cache.write_cache(tmp_path / "crds", [reference(), reference("dark")])
    crds_cache.write_cache(cache, [reference(contents=b"new")])
    assert [path.read_bytes() for path in (cache / "references").rglob("*.fits")] == [b"new"]
    assert [path.name for path in tmp_path.iterdir()] == ["crds"]


def test_verify_names_what_is_missing_or_short(tmp_path):
    cache = crds_cache.write_cache(tmp_path / "crds", [reference(contents=b"12345"), reference("dark")])
    assert cache_files.verify(cache) == []
    bias, dark = (next((cache / "references").rglob(f"*_{kind}_*")) for kind in ("superbias", "dark"))
    bias.write_bytes(b"123")
    dark.unlink()
    problems = " | ".join(cache_files.verify(cache))
    assert f"{bias.name} has 3 bytes instead of 5" in problems
    assert f"{dark.name} is missing" in problems
    assert "not a complete" in cache_files.verify(tmp_path)[0]
    assert cache_files.fingerprint(tmp_path) is None


def test_every_step_of_the_installed_pipeline_has_its_parameters_declared():
    from jwst.stpipe.integration import get_steps

    declared = crds_cache.not_served(["superbias"])
    assert "superbias" not in declared
    assert {"refpix", "sirskernel", "ipc"} <= set(declared)
    assert {f"pars-{name.rpartition('.')[2].lower()}" for name, _, _ in get_steps()} <= set(declared)
