"""Opening observations, and the ramp after any step: right, kept, checked, and with errors that help."""

import os
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
from astropy.io import fits

import tso_helpers as tso
from tso_helpers import detector1
from tso_helpers.files import level1b as files
from tso_helpers.files import models
from tso_helpers.observation import checkpoints, logs, opening, ramp_after
from tso_helpers.observation import crds as crds_environment
from tso_helpers.observation.checkpoints import CheckpointWarning
from tso_helpers.simulation import level1b
from tso_helpers.simulation.recipe import Recipe

pytestmark = pytest.mark.slow  # builds an exposure and calibrates it, again and again

SMALL = Recipe(integrations=(4, 3), groups=5, columns=(0, 64), seed=5)
RAMPS = detector1.STEPS[: detector1.STEPS.index("ramp_fit")]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Where the small exposure is built, once."""
    folder = tmp_path_factory.mktemp("data, é")
    tso.open_observation(SMALL, root=folder, progress=False)
    crds_environment.release()
    logs.restore()
    return folder


@pytest.fixture
def obs(root):
    obs = tso.open_observation(SMALL, root=root, progress=False)
    yield obs
    opening.prune(obs.folder)


@pytest.fixture
def real(root, tmp_path):
    """The same files under the real names, with nothing that says simulated, below ``mast/mastDownload``."""
    target = tmp_path / "mast"
    for path in (root / f"simulated-{SMALL.key}").rglob("*_uncal.fits"):
        copy = target / path.relative_to(root / f"simulated-{SMALL.key}")
        copy.parent.mkdir(parents=True)
        shutil.copy(path, copy)
        fits.delval(copy, "SIMULATD")
    for name in ("NRS1", "NRS2"):  # the real observation has three segments
        two, three = (files.archive_path(target, level1b.science_name(name, segment)) for segment in (2, 3))
        three.parent.mkdir(parents=True)
        shutil.copy(two, three)
        fits.setval(three, "EXSEGNUM", value=3)
        for path in (target / "mastDownload").rglob(f"*_{name.lower()}_uncal.fits"):
            fits.setval(path, "EXSEGTOT", value=3)
    return tmp_path


def _of_the_data(meta):
    """Leave out what only says when and by which library a file was written."""
    return {key: value for key, value in meta.items() if key.startswith("meta.") and key != "meta.date"}


def entries(obs):
    folder = obs.folder / "checkpoints"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# --- opening ---------------------------------------------------------------------------------------------------


def test_what_an_observation_says_of_itself(obs, root):
    assert (obs.name, obs.is_simulated, obs.detectors, obs.segments) == ("simulated", True, ("NRS1", "NRS2"), (1, 2))
    assert obs.folder == root / f"simulated-{SMALL.key}"
    assert obs.group_time == pytest.approx(SMALL.group_time)
    assert obs.uncal("NRS2", 2).name == "jw01366003001_04101_00001-seg002_nrs2_uncal.fits"
    assert obs.uncal() == obs.uncal("nrs1", segment=1)
    assert obs.shape("NRS1", 2) == (3, 5, 32, 64)
    assert [path.name[:25] for path in obs.target_acquisition] == [f"jw01366003001_02101_0000{n}" for n in (1, 2)]
    assert obs.truth.recipe == SMALL
    assert set(obs.examples) == set(SMALL.plant)
    assert repr(obs) == (
        "<simulated observation of WASP-39: NRS1 and NRS2, 2 segments, "
        "the first of 4 integrations x 5 groups x 32 rows x 64 columns>"
    )


def test_the_environment_is_the_one_that_other_programs_get(obs):
    exports = opening.crds_exports(obs.folder)
    assert {name: os.environ[name] for name in exports} == exports
    assert exports["CRDS_PATH"] == str(obs.folder / "crds")


def test_exports_of_a_folder_without_references(tmp_path):
    with pytest.raises(FileNotFoundError, match="tso data"):
        opening.crds_exports(tmp_path)


def test_a_folder_by_argument_or_environment(root, monkeypatch):
    folder = root / f"simulated-{SMALL.key}"
    for which in (folder, folder / "mastDownload", str(folder)):
        obs = tso.open_observation(which)
        assert (obs.folder, obs.truth.recipe) == (folder, SMALL)
    monkeypatch.setenv("TSO_OBSERVATION", str(folder))
    assert tso.open_observation().folder == folder
    monkeypatch.chdir(folder.parent)
    assert tso.open_observation(folder.name).folder == folder


def test_names_that_mean_nothing(tmp_path, monkeypatch):
    with pytest.raises(
        ValueError, match="no observation 'simulatd': give 'simulated', 'simulated-full', 'mast', or a f"
    ):
        tso.open_observation("simulatd")
    with pytest.raises(FileNotFoundError, match=r"no file named \*_uncal.fits"):
        tso.open_observation(tmp_path)
    monkeypatch.setenv("TSO_OBSERVATION", str(tmp_path / "gone"))
    with pytest.raises(ValueError, match="or in TSO_OBSERVATION"):
        tso.open_observation()


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="set TSO_DATA"):
        tso.open_observation(SMALL, root=tmp_path / "file", progress=False)


def test_two_simulated_detectors_do_not_mix(obs, tmp_path):
    other = Recipe(integrations=(1,), groups=2, columns=(0, 16), detectors=("NRS1",), seed=6, plant=())
    with pytest.raises(RuntimeError, match="restart the kernel"):
        tso.open_observation(other, root=tmp_path, progress=False)
    same_detector = Recipe(integrations=(1,), groups=2, columns=(8, 24), detectors=("NRS1",), seed=5)
    narrow = tso.open_observation(same_detector, root=tmp_path, progress=False)
    assert all(0 <= example.column < 16 for example in narrow.examples.values())
    for which, columns in ((narrow, 16), (obs, 64), (narrow, 16)):  # each gets the dark that fits it
        with which.after("dark_current") as ramp:
            assert ramp.data.shape[-1] == columns
            assert ramp.meta.cal_step.dark_sub == "COMPLETE"


def test_simulated_files_without_their_references(root, tmp_path):
    shutil.copytree(root / f"simulated-{SMALL.key}" / "mastDownload", tmp_path / "only files")
    with pytest.raises(FileNotFoundError, match="as a whole"):
        tso.open_observation(tmp_path / "only files")


def test_a_damaged_file_is_found_when_the_observation_is_opened(root, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(root / f"simulated-{SMALL.key}", folder, ignore=shutil.ignore_patterns("checkpoints", "logs"))
    path = next(folder.rglob("*seg002_nrs1_uncal.fits"))
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(
        OSError, match=r"is damaged: \S+seg002_nrs1_uncal.fits has \S+ bytes instead of .*tso data --out"
    ):
        tso.open_observation(folder)


def test_a_damaged_exposure_of_ours_is_built_again(root, tmp_path):
    shutil.copytree(root / f"simulated-{SMALL.key}", tmp_path / f"simulated-{SMALL.key}")
    path = next(tmp_path.rglob("*seg002_nrs1_uncal.fits"))
    whole = path.read_bytes()
    path.unlink()
    tso.open_observation(SMALL, root=tmp_path, progress=False)
    assert path.read_bytes() == whole


# --- real data -------------------------------------------------------------------------------------------------


def test_the_real_observation(real):
    obs = tso.open_observation("mast", root=real)
    assert (obs.name, obs.is_simulated, obs.segments, obs.truth) == ("mast", False, (1, 2, 3), None)
    assert obs.folder == real / "mast"
    assert len(obs.target_acquisition) == 2
    assert repr(obs).startswith("<real observation of WASP-39")
    assert os.environ["CRDS_SERVER_URL"] == crds_environment.REAL_SERVER
    assert os.environ["CRDS_PATH"] == str(real / "crds")
    example = obs.examples["bright_nonlinear"]
    assert "arbitrary pixel" in example.note  # only 64 columns here
    assert obs.after("uncal", integrations=0).data[0, 0, example.row, example.column] >= 0


def test_the_real_observation_in_the_current_folder(real, monkeypatch, tmp_path):
    monkeypatch.chdir(real / "mast")
    assert tso.open_observation("mast", root=tmp_path / "elsewhere").folder == real / "mast"


def test_nothing_was_downloaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as error:
        tso.open_observation("mast", root=tmp_path)
    message = str(error.value)
    assert message.count("_uncal.fits") == 8
    assert "jw01366003001_04101_00001-seg003_nrs2_uncal.fits" in message
    assert str(tmp_path / "mast" / "mastDownload") in message
    assert "tso data --fetch" in message
    assert "lesson 01" in message


def test_some_of_it_was_downloaded(real):
    next((real / "mast").rglob("*seg002_nrs1_uncal.fits")).unlink()
    with pytest.raises(FileNotFoundError, match=r"seg002_nrs1_uncal.fits\nFetch it .*partial=True"):
        tso.open_observation("mast", root=real)
    obs = tso.open_observation("mast", root=real, partial=True)
    assert obs.uncal("NRS2", 2).exists()
    with pytest.raises(
        FileNotFoundError, match=r"segment 2 of NRS1 is not among the files .*there: 1, 3.*tso data --fetch"
    ):
        obs.uncal("NRS1", 2)


def test_a_folder_of_somebodys_own_files(real, tmp_path):
    own = tmp_path / "my data"
    own.mkdir()
    for path in (real / "mast").rglob("*seg00[12]_nrs1_uncal.fits"):
        if "_04101_" in path.name:
            shutil.copy(path, own / path.name.replace("jw01366003001_04101", "jw09999001001_04101"))
    with pytest.raises(FileNotFoundError, match=r"has 3 segments; missing: segment 3 of NRS1.*partial=True"):
        tso.open_observation(own, root=tmp_path)
    obs = tso.open_observation(own, root=tmp_path, partial=True)
    assert (obs.name, obs.detectors, obs.segments, obs.is_simulated) == ("my data", ("NRS1",), (1, 2), False)
    assert "arbitrary pixel" in obs.examples["clean_jump"].note
    assert own not in obs.log.parents  # nothing is written beside somebody's data


def test_folders_that_hold_no_time_series_or_too_many(real, tmp_path):
    acquisition = next((real / "mast").rglob("*_02101_00001*_uncal.fits")).parent
    with pytest.raises(ValueError, match=r"no NIRSpec bright-object time series .*NRS_WATA"):
        tso.open_observation(acquisition, root=tmp_path)
    path = next((real / "mast").rglob("*_04101_*seg001_nrs1_uncal.fits"))
    shutil.copy(path, path.with_name(path.name.replace("_04101_", "_05101_")))
    with pytest.raises(ValueError, match="holds 2 exposures"):
        tso.open_observation(real / "mast", root=tmp_path)


# --- the ramp after a step -------------------------------------------------------------------------------------


@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_ramps_are_those_of_the_pipelines_own_steps(obs, detector):
    from stdatamodels.jwst import datamodels

    expected = datamodels.RampModel(obs.uncal(detector, 2))
    for step in RAMPS:
        expected = (
            detector1.apply(expected, step) if step == "one_over_f" else detector1.step_class(step).call(expected)
        )
        with obs.after(step, detector, 2) as found:
            np.testing.assert_array_equal(found.data, expected.data)
            np.testing.assert_array_equal(found.groupdq, expected.groupdq)
            np.testing.assert_array_equal(found.pixeldq, expected.pixeldq)
            assert found.meta.filename == obs.uncal(detector, 2).name
    _, rates = detector1.step_class("ramp_fit").call(expected)
    for step, wanted in (("ramp_fit", rates), ("gain_scale", detector1.step_class("gain_scale").call(rates))):
        with obs.after(step, detector, 2) as found:
            assert type(found) is datamodels.CubeModel
            for name in ("data", "err", "dq", "var_poisson", "var_rnoise"):
                np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
            assert found.int_times["integration_number"].tolist() == [5, 6, 7]
    assert " - ERROR - " not in obs.log.read_text()


@pytest.mark.parametrize("step", ["saturation", "jump", "gain_scale"])
def test_a_checkpoint_gives_the_same_as_computing(obs, step, monkeypatch):
    with obs.after(step) as computed:
        data, flags = computed.data.copy(), (computed.groupdq if step != "gain_scale" else computed.dq).copy()
        meta = computed.to_flat_dict(include_arrays=False)
        times = np.array(computed.int_times)
    assert [name.split("-")[2] for name in entries(obs)] == [step]
    monkeypatch.setattr(detector1, "run", None)  # nothing may be computed now
    with obs.after(step) as kept:
        np.testing.assert_array_equal(kept.data, data)
        np.testing.assert_array_equal(kept.groupdq if step != "gain_scale" else kept.dq, flags)
        np.testing.assert_array_equal(np.array(kept.int_times), times)
        again = kept.to_flat_dict(include_arrays=False)
        assert _of_the_data(again) == _of_the_data(meta)
        kept.data[:] = 0  # it is the caller's: the next one gets a fresh copy
    with obs.after(step) as kept:
        np.testing.assert_array_equal(kept.data, data)


def test_later_steps_start_from_the_latest_checkpoint(obs, monkeypatch):
    obs.after("superbias").close()
    done = []
    apply = detector1.steps.apply
    monkeypatch.setattr(detector1.steps, "apply", lambda model, step, **k: done.append(step) or apply(model, step, **k))
    obs.after("linearity").close()
    assert done == ["refpix", "linearity"]


@pytest.mark.parametrize("warm", [False, True])
def test_some_integrations_are_those_of_the_whole(obs, warm):
    with obs.after("dark_current") as ramp:
        whole = ramp.data.copy(), ramp.groupdq.copy()
    for chosen in (slice(1, 3), -1) if warm else (np.int64(2),):
        if not warm:
            checkpoints.prune(obs.folder / "checkpoints")
        wanted = np.atleast_1d(np.arange(4)[chosen])
        with obs.after("dark_current", integrations=chosen) as part:
            np.testing.assert_array_equal(part.data, whole[0][wanted])
            np.testing.assert_array_equal(part.groupdq, whole[1][wanted])
            assert part.int_times["integration_number"].tolist() == (wanted + 1).tolist()
            assert part.meta.exposure.integration_start == wanted[0] + 1


def test_some_integrations_have_checkpoints_of_their_own(obs):
    obs.after("saturation", integrations=slice(0, 2)).close()
    assert [name[: name.rindex("-")] for name in entries(obs)] == ["nrs1-seg001-saturation-0-2"]
    obs.after("saturation", integrations=slice(0, 4)).close()  # all there are
    assert sorted(name[: name.rindex("-")] for name in entries(obs)) == [
        "nrs1-seg001-saturation",
        "nrs1-seg001-saturation-0-2",
    ]


@pytest.mark.parametrize("step", ["one_over_f", "jump", "ramp_fit", "gain_scale"])
@pytest.mark.parametrize("memory", ["in one piece", "in pieces"])
def test_what_looks_at_all_integrations_gets_all_of_them(obs, step, memory, monkeypatch):
    """Also when few are asked for, however large the segment is: mask and method of finding jumps stay the same."""
    with obs.after(step) as ramp:
        whole = {name: np.array(getattr(ramp, name)) for name in ("data", "groupdq", "dq") if ramp.hasattr(name)}
        start = ramp.meta.exposure.integration_start
    checkpoints.prune(obs.folder / "checkpoints")
    if memory == "in pieces":
        monkeypatch.setattr(ramp_after, "MEMORY", 350e6 + 0.8e6)  # beside what Python and the pipeline take
    for chosen in (slice(1, 3), slice(2, 3), None):
        with obs.after(step, integrations=chosen) as part:
            assert part.meta.exposure.integration_start == start + (chosen.start if chosen else 0)
            assert len(part.int_times) == len(part.data)
            for name, values in whole.items():
                np.testing.assert_array_equal(getattr(part, name), values[chosen or slice(None)], err_msg=name)
    assert not list((obs.scratch / "pieces").glob("*"))


def test_only_the_integrations_asked_for_are_read(obs, monkeypatch):
    seen = []
    read = models.read
    monkeypatch.setattr(models, "read", lambda *a, **k: seen.append(read(*a, **k)) or seen[-1])
    obs.after("superbias", integrations=slice(1, 2)).close()
    assert [model.data.shape[0] for model in seen] == [1]


def test_what_was_left_of_a_kill_is_pruned(obs):
    left = obs.scratch / "pieces" / "nrs1-seg001-jump-0123"
    (left / "ramps-block").mkdir(parents=True)
    (left / "ramps-block" / "tile-000.data").write_bytes(b"12345")
    assert opening.prune(obs.folder) >= 5
    assert not left.exists()


def test_the_raw_ramp(obs):
    with obs.after("uncal", "NRS2", 2, integrations=1) as ramp, fits.open(obs.uncal("NRS2", 2)) as file:
        np.testing.assert_array_equal(ramp.data[0], file["SCI"].data[1])
    assert entries(obs) == []


def test_parameters_make_other_ramps_and_other_checkpoints(obs):
    with obs.after("jump") as default, obs.after("jump", parameters={"jump": {"rejection_threshold": 60}}) as lax:
        assert (lax.groupdq & 4).sum() < (default.groupdq & 4).sum()
    assert len(entries(obs)) == 2
    obs.after("saturation", parameters={"jump": {"rejection_threshold": 60}}).close()
    obs.after("saturation").close()  # a later step's parameters do not matter
    assert len(entries(obs)) == 3
    with pytest.raises(ValueError, match="jump has no parameter threshold"):
        obs.after("jump", parameters={"jump": {"threshold": 60}})
    with pytest.raises(ValueError, match="parameters for 'jumps'"):
        obs.after("jump", parameters={"jumps": {}})


def test_a_new_file_or_version_is_not_answered_from_an_old_checkpoint(obs, root, monkeypatch):
    obs.after("dq_init").close()
    monkeypatch.setattr(opening, "version", lambda name: "99")
    tso.open_observation(SMALL, root=root, progress=False).after("dq_init").close()
    assert len(entries(obs)) == 2
    obs.uncal().touch()
    again = tso.open_observation(SMALL, root=root, progress=False)
    again.after("dq_init").close()
    assert len(entries(obs)) == 3


@pytest.mark.parametrize("keep", [0, 100, 3000, -1])
def test_a_truncated_checkpoint_is_made_again_and_says_so(obs, keep):
    with obs.after("refpix") as ramp:
        data = ramp.data.copy()
    (path,) = (obs.folder / "checkpoints").rglob("ramp.fits")
    os.truncate(path, keep if keep >= 0 else path.stat().st_size + keep)
    with pytest.warns(CheckpointWarning, match="damaged: it is made again"), obs.after("refpix") as ramp:
        np.testing.assert_array_equal(ramp.data, data)
    with obs.after("refpix") as ramp:
        np.testing.assert_array_equal(ramp.data, data)


def test_without_room_for_checkpoints_everything_still_works(obs, monkeypatch):
    monkeypatch.setenv("TSO_CHECKPOINT_BYTES", "0")
    obs.after("superbias").close()
    assert entries(obs) == []
    monkeypatch.setenv("TSO_CHECKPOINT_BYTES", "1.3e6")  # the estimate is generous: one ramp of 300 kB
    for step in RAMPS[:5]:
        obs.after(step).close()
    assert len(entries(obs)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step": "superbais"}, "no step 'superbais': choose from uncal, dq_init, saturation"),
        ({"step": "jump", "detector": "NRS3"}, "no detector 'NRS3': choose from NRS1, NRS2"),
        ({"step": "jump", "detector": 1}, "no detector 1: choose from NRS1, NRS2"),
        ({"step": "jump", "segment": 3}, "no segment 3: choose from 1, 2"),
        ({"step": "jump", "segment": 0}, "no segment 0: choose from 1, 2"),
        ({"step": "jump", "integrations": 4}, "integrations=4: this segment has integrations 0 to 3"),
        ({"step": "jump", "integrations": "first"}, "this segment has integrations 0 to 3"),
        ({"step": "jump", "integrations": slice(0, 4, 2)}, "contiguous"),
        ({"step": "jump", "integrations": slice(2, 2)}, "contiguous"),
    ],
)
def test_what_does_not_exist(obs, arguments, message):
    with pytest.raises(ValueError, match=message):
        obs.after(**arguments)


def test_a_lesson_prints_nothing_but_what_it_prints_itself(obs):
    """Plain step calls in a process of its own: no log, no warning; and the lines that matter are in the file."""
    code = f"""
import tso_helpers as tso
obs = tso.open_observation({str(obs.folder)!r})
from jwst.dq_init import DQInitStep
from jwst.saturation import SaturationStep
ramp = obs.after("dq_init")
result = SaturationStep.call(ramp)
print(*tso.logs.lines(obs.log, "saturation", contains="reference file"), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines()[:2] == [
        "Using SATURATION reference file jwst_nirspec_saturation_simulated_nrs1_sub2048.fits",
        "Using SUPERBIAS reference file jwst_nirspec_superbias_simulated_nrs1_sub2048.fits",
    ]


def test_two_processes_at_once_build_once_and_agree(tmp_path):
    recipe = "Recipe(integrations=(2,), groups=3, columns=(0, 16), detectors=('NRS1',), plant=())"
    code = f"""
import tso_helpers as tso
from tso_helpers.simulation.recipe import Recipe
obs = tso.open_observation({recipe}, root={str(tmp_path)!r}, progress=False)
print(obs.after("gain_scale").data.tobytes().hex())
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [run.communicate() for run in runs]
    assert [error for _, error in outputs] == ["", ""]
    assert outputs[0][0] == outputs[1][0] != ""


def test_prune_frees_space_and_loses_nothing(obs):
    with obs.after("saturation") as ramp:
        data = ramp.data.copy()
    assert opening.prune(obs.folder) > data.nbytes
    assert entries(obs) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error", CheckpointWarning)
        with obs.after("saturation") as ramp:
            np.testing.assert_array_equal(ramp.data, data)
    assert opening.prune(obs.folder / "nowhere") == 0
