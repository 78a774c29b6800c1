"""What can be wrong with the files of an observation, with CRDS, with the log and with what is asked for."""

import gzip
import os
import shutil
import subprocess
import sys

import disks
import numpy as np
import pytest
from astropy.io import fits

import tso_helpers as tso
from tso_helpers import detector1
from tso_helpers.files import level1b as files
from tso_helpers.files import products
from tso_helpers.observation import crds as crds_environment
from tso_helpers.observation import logs
from tso_helpers.simulation import level1b
from tso_helpers.simulation.recipe import Recipe

SMALL = Recipe(integrations=(3, 2), groups=3, columns=(0, 32), detectors=("NRS1",), seed=5)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    tso.open_observation(SMALL, root=root, progress=False)
    return root


@pytest.fixture
def copy(root, tmp_path):
    """A copy of the exposure, in a folder that the tests may damage."""
    shutil.copytree(root / f"simulated-{SMALL.key}", tmp_path / f"simulated-{SMALL.key}")
    return tmp_path


@pytest.fixture
def own(tmp_path):
    """A folder of somebody's own with two segments that say nothing of a simulation; write(segment, **header)."""
    folder = tmp_path / "my data"

    def write(segment=1, counts=None, times=True, name=None, **keywords):
        header = level1b.science_header(SMALL, "NRS1", segment)
        del header["SIMULATD"]
        for keyword, value in keywords.items():
            header[keyword] = value
            if value is None:
                del header[keyword]
        count = SMALL.integrations[segment - 1] if counts is None else len(counts)
        counts = np.ones((count, 3, 32, 32), np.uint16) if counts is None else counts
        rows = level1b.integration_times(SMALL, segment) if times else None
        path = folder / (name or f"{level1b.science_name('NRS1', segment)}_uncal.fits")
        level1b.write(path, header, counts.shape, iter(counts), rows)
        return path

    write.folder, write.root = folder, tmp_path
    return write


def opened(own, **options):
    return tso.open_observation(own.folder, root=own.root, **options)


# --- CRDS ------------------------------------------------------------------------------------------------------

AFTER = """
import sys, pathlib
import tso_helpers as tso
from tso_helpers.simulation.recipe import Recipe
obs = tso.open_observation(Recipe(**{recipe!r}), root=sys.argv[1], progress=False)
settings = obs.folder / "crds" / "config" / "jwst" / "server_config"
{damage}
try:
    obs.after("superbias")
except RuntimeError as error:
    print("RuntimeError:", error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["settings.unlink()", "settings.write_text('')", "settings.write_text('garbage {')"])
def test_crds_never_ends_the_process(copy, damage):
    """The settings are damaged while the observation is open, after which CRDS would raise SystemExit in a step."""
    recipe = {"integrations": (3, 2), "groups": 3, "columns": (0, 32), "detectors": ("NRS1",), "seed": 5}
    code = AFTER.format(damage=damage, recipe=recipe)
    done = subprocess.run([sys.executable, "-c", code, str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = copy / f"simulated-{SMALL.key}"
    assert done.stdout.startswith("RuntimeError: CRDS found no reference files in"), done.stdout + done.stderr
    assert "server_config" in done.stdout
    assert f"`tso data --out {folder}` makes what is damaged again; then restart the kernel" in done.stdout
    done = subprocess.run(  # the advice, followed literally
        [sys.executable, "-m", "tso_helpers.cli", "data", "--out", str(folder)], capture_output=True, check=False
    )
    assert done.returncode == 0
    code = AFTER.format(damage="", recipe=recipe)
    done = subprocess.run([sys.executable, "-c", code, str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("error", [SystemExit(-1), SystemExit()])
def test_a_step_that_ends_the_process_becomes_an_error_that_says_what_to_do(copy, monkeypatch, error):
    obs = tso.open_observation(SMALL, root=copy, progress=False)

    def step(*arguments, **keywords):
        raise error

    monkeypatch.setattr(detector1.steps, "apply", step)
    with pytest.raises(RuntimeError, match=r"it gave up without a reason.*tso data --out"):
        obs.after("dq_init")
    with (
        pytest.raises(RuntimeError, match=r"its server, http.*tso doctor"),
        crds_environment.errors(crds_environment.real(copy / "crds") | {"CRDS_SERVER_URL": "http://127.0.0.1:9"}),
    ):
        raise error


# --- files -----------------------------------------------------------------------------------------------------


def test_own_files_are_opened(own):
    own(1), own(2)
    obs = opened(own)
    assert (obs.name, obs.segments, obs.shape()) == ("my data", (1, 2), (3, 3, 32, 32))


def test_without_segment_1_what_is_there_works_and_what_is_not_says_so(own):
    own(2)
    with pytest.raises(FileNotFoundError, match=r"missing: segment 1 of NRS1"):
        opened(own)
    obs = opened(own, partial=True)
    assert repr(obs).startswith("<real observation of WASP-39: NRS1, 1 segments, the first of 2 integrations x 3")
    assert {example.segment for example in obs.examples.values()} == {2}
    for example in obs.examples.values():
        assert obs.after("uncal", example.detector, example.segment).data[example.integration].shape == (3, 32, 32)
    with pytest.raises(FileNotFoundError, match=r"segment 1 of NRS1 is not among .*there: 2\).*--fetch"):
        obs.shape()
    assert obs.shape(segment=2) == (2, 3, 32, 32)


def test_a_simulated_exposure_without_segment_1_is_to_be_built_again(copy):
    folder = copy / f"simulated-{SMALL.key}"
    next(folder.rglob("*_04101_*-seg001_nrs1_uncal.fits")).unlink()
    for partial in (False, True):
        with pytest.raises(OSError, match=r"is damaged.*seg001_nrs1_uncal.fits is missing.*tso data --out") as error:
            tso.open_observation(folder, root=copy, partial=partial)
        assert "fetch" not in str(error.value)
    (next(folder.rglob("*_04101_*-seg002_nrs1_uncal.fits"))).write_bytes(b"cut")
    with pytest.raises(OSError, match=r"is damaged.*tso data --out") as error:
        tso.open_observation(folder, root=copy, partial=True)
    assert "fetch" not in str(error.value)


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"DETECTOR": "NRS2"}, "its name says segment 1 of NRS1, its header segment 1 of NRS2"),
        ({"EXSEGNUM": 2}, "its name says segment 1 of NRS1, its header segment 2 of NRS1"),
        ({"EXSEGNUM": "one"}, "EXSEGNUM is 'one' in its header, not a whole number"),
        ({"EXSEGNUM": 1.5}, "EXSEGNUM is 1.5 in its header, not a whole number"),
        ({"EXSEGTOT": "two"}, "EXSEGTOT is 'two'"),
        ({"EXSEGTOT": 0}, "EXSEGNUM is 1, EXSEGTOT 0"),
        ({"INTSTART": "x"}, "INTSTART is 'x'"),
        ({"TGROUP": "x"}, "TGROUP is 'x' in its header, not a number"),
        ({"TGROUP": None}, "its header has no TGROUP"),
        ({"DETECTOR": None}, "its header has no DETECTOR"),
        ({"EXP_TYPE": None}, "its header has no EXP_TYPE"),
    ],
)
def test_headers_that_cannot_be(own, keywords, says):
    path = own(1, **keywords)
    with pytest.raises(OSError, match=says) as error:
        opened(own, partial=True)
    assert str(path) in str(error.value)
    assert "delete it and fetch it again" in str(error.value)


def test_a_detector_that_the_mode_has_not(own):
    own(1, name="x_uncal.fits", DETECTOR="NRS9")
    with pytest.raises(ValueError, match=r"x_uncal.fits is of a detector 'NRS9'; the mode has NRS1 and NRS2"):
        opened(own, partial=True)


def test_the_same_segment_twice_is_never_chosen_between(own, root, tmp_path):
    path = own(1)
    (own.folder / "copy").mkdir()
    shutil.copy(path, own.folder / "copy")
    with pytest.raises(ValueError, match=r"segment 1 of NRS1 is there 2 times: .*Keep one of them") as error:
        opened(own, partial=True)
    assert str(path) in str(error.value)
    assert str(own.folder / "copy" / path.name) in str(error.value)
    mast = tmp_path / "root" / "mast"
    for place in ("mastDownload/a", "mastDownload/b"):
        (mast / place).mkdir(parents=True)
        shutil.copy(path, mast / place)
    with pytest.raises(ValueError, match=r"segment 1 of NRS1 is there 2 times"):
        tso.open_observation("mast", root=tmp_path / "root", partial=True)


def test_no_times_no_groups_no_integrations(own):
    own(1, times=False)
    with pytest.raises(ValueError, match=r"has no rows in its INT_TIMES table for 3 integrations: without the time"):
        opened(own, partial=True)
    own(1, counts=np.ones((5, 3, 32, 32), np.uint16))
    with pytest.raises(ValueError, match=r"has 3 rows in its INT_TIMES table for 5 integrations"):
        opened(own, partial=True)
    own(1, counts=np.ones((3, 1, 32, 32), np.uint16))
    with pytest.raises(ValueError, match=r"has 3 integrations of 1 groups: 1 or more of 2 or more are needed"):
        opened(own, partial=True)
    own(1, counts=np.ones((0, 3, 32, 32), np.uint16))
    with pytest.raises((ValueError, OSError), match=r"integrations|NAXIS|cannot be read as an uncal file"):
        opened(own, partial=True)


def test_files_that_are_compressed(own):
    path = own(1)
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    opened(own, partial=True)  # the other one is there
    path.unlink()
    with pytest.raises(OSError, match=r"uncal.fits.gz is compressed, 1 files in all.*gunzip"):
        opened(own, partial=True)
    packed.rename(path)
    with pytest.raises(OSError, match=r"it is compressed with gzip: unpack it with gunzip"):
        opened(own, partial=True)


# --- what is asked for -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [3, 0, 1.5, ["simulated"], True, object()])
def test_things_that_are_no_observation(which):
    with pytest.raises(ValueError, match=r"no observation .*give 'simulated', 'simulated-full', 'mast', or a folder"):
        tso.open_observation(which)


def test_parameters_that_no_step_has(own):
    own(1)
    obs = opened(own, partial=True)
    for wrong, error, says in (
        ({"jump": 5}, TypeError, "parameters of jump are 5: give a dict of dicts"),
        (5, TypeError, "parameters=5"),
        ({"jumps": {}}, ValueError, "the steps are dq_init"),
        ({"one_over_f": {"width": 3}}, ValueError, "one_over_f has no parameter width; it has half_width, odd_even"),
        ({"jump": {"threshold": 3}}, ValueError, "jump has no parameter threshold"),
    ):
        for ask in (obs.after, lambda step, parameters: obs.identity(parameters=parameters)):
            with pytest.raises(error, match=says):
                ask("gain_scale", parameters=wrong)


@pytest.mark.parametrize("thing", [np.zeros((2, 3, 4, 5)), "ramp", None])
def test_only_ramps_are_cut(thing):
    with pytest.raises(TypeError, match=f"cut out of a RampModel, not out of a {type(thing).__name__}"):
        detector1.cut(thing)


@pytest.mark.parametrize("text", ["inf", "nan", "-inf", "much", "-5", "1e400"])
def test_a_budget_that_is_no_number_is_said_before_anything_is_computed(own, monkeypatch, text):
    own(1)
    monkeypatch.setenv("TSO_CHECKPOINT_BYTES", text)
    with pytest.raises(ValueError, match=f"TSO_CHECKPOINT_BYTES={text}: give a number of bytes"):
        opened(own, partial=True)


def test_when_the_transit_is(own, monkeypatch):
    own(1)
    with pytest.raises(ValueError, match=r"nobody has said when the transit of WASP-39 .*TSO_TRANSIT"):
        _ = opened(own, partial=True).transit
    assert opened(own, partial=True, transit=(2459791.6, 0.12)).transit == (2459791.6, 0.12)
    monkeypatch.setenv("TSO_TRANSIT", "2459791.5, 0.1")
    assert opened(own, partial=True).transit.mid == 2459791.5
    for wrong in ("x", "1", "1,2", "2459791.5,0", "2459791.5,-1", "2459791.5,0.1,3"):
        monkeypatch.setenv("TSO_TRANSIT", wrong)
        with pytest.raises(ValueError, match=r"give mid-transit"):
            opened(own, partial=True)


def test_products_go_to_the_scratch_folder_and_nothing_beside_the_files(own):
    path = own(1)
    obs = opened(own, partial=True)
    assert obs.outputs.is_dir()
    assert own.folder not in obs.outputs.parents
    obs.after("uncal").close()
    assert list(own.folder.iterdir()) == [path]


def test_outputs_that_cannot_be_written_say_what_to_set(own):
    own(1)
    with disks.small(own.root / "disk", 1) as disk:
        obs = tso.open_observation(own.folder, root=disk, partial=True)
        logs.restore()
        disks.read_only(disk)
        with pytest.raises(OSError, match=r"products cannot be made .Read-only file system.: set TSO_DATA"):
            _ = obs.outputs


def test_identity_names_all_that_decides_on_a_result(root):
    obs = tso.open_observation(SMALL, root=root, progress=False)
    one = obs.identity()
    assert one == obs.identity("nrs1", 1, slice(0, 3))
    assert one["file"] == obs.uncal().name
    assert one["integrations"] == [0, 3, 3]
    assert set(one["packages"]) == {"jwst", "stcal", "numpy", "scipy"}
    others = [
        obs.identity(segment=2),
        obs.identity(integrations=slice(0, 2)),
        obs.identity(integrations=0),
        obs.identity(parameters={"jump": {"rejection_threshold": 10}}),
    ]
    digests = {products.digest(identity) for identity in (one, *others)}
    assert len(digests) == 5
    with pytest.raises(ValueError, match=r"0 to 2"):
        obs.identity(integrations=7)


# --- the log on a full disk ------------------------------------------------------------------------------------


def test_a_full_disk_gives_one_line_and_the_log_says_what_is_missing(root, tmp_path, capfd):
    with disks.small(tmp_path / "disk", 4) as disk:
        obs = tso.open_observation(SMALL, root=root, progress=False)
        path = logs.to_file(disk / "pipeline.log")
        filler = disks.fill(disk)
        with obs.after("superbias") as ramp:
            assert ramp.meta.cal_step.superbias == "COMPLETE"
        shown = capfd.readouterr()
        assert "Traceback" not in shown.err + shown.out
        assert "Logging error" not in shown.err
        lines = [line for line in shown.err.splitlines() if "pipeline.log" in line]
        assert len(lines) == 1, shown.err
        assert f"the pipeline's log {path} cannot be written (No space left on device): the step goes on" in lines[0]
        with pytest.raises(ValueError, match=r"holds no run of 'superbias'.*records before this could not be written"):
            logs.lines(step="superbias")
        filler.unlink()
        shutil.rmtree(obs.folder / "checkpoints")
        obs.after("superbias").close()
        assert any("superbias" in line.lower() for line in logs.lines(step="superbias"))
        assert "records before this could not be written (No space left on device)" in path.read_text()
        assert "records before this" not in " ".join(logs.lines(step="superbias"))
        logs.restore()


def test_files_module_sees_only_finished_files(own):
    path = own(1)
    hidden = own.folder / ".unfinished-abc" / path.name
    hidden.parent.mkdir()
    os.link(path, hidden)
    assert files.paths(own.folder) == [path]
    assert fits.getval(path, "EXSEGNUM") == 1
