"""The simulated exposure as files: shapes, headers, times, repeatability, interrupted builds, truth."""

import json

import numpy as np
import pytest
from astropy.io import fits

from tso_helpers.files import level1b as files
from tso_helpers.simulation import detector, exposure, integration, level1b, scene
from tso_helpers.simulation.recipe import EFFECTS, Recipe
from tso_helpers.simulation.truth import open_truth

SMALL = Recipe(integrations=(3, 2), groups=6, columns=(0, 64), seed=5)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exposé with spaces")
    exposure.build(folder, SMALL, progress=False)
    return folder


def counts(folder, name="NRS1", segment=1):
    with fits.open(files.archive_path(folder, level1b.science_name(name, segment))) as file:
        return file["SCI"].data.copy()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"integrations": ()}, "1 to 9 segments"),
        ({"integrations": (3, 0)}, "at least 1"),
        ({"groups": 1}, "2 to 70"),
        ({"groups": 71}, "2 to 70"),
        ({"groups": 14, "decimation": 6}, "1 to 5"),
        ({"columns": (10, 12)}, "16 columns wide"),
        ({"columns": (0, 4096)}, "within"),
        ({"detectors": ("NRS3",)}, "NRS1, NRS2"),
        ({"detectors": ()}, "NRS1, NRS2"),
        ({"without": {"one_over_ff"}}, "one_over_f"),
        ({"plant": ("snow",)}, "clean_jump"),
    ],
)
def test_impossible_recipes_say_what_is_possible(wrong, says):
    with pytest.raises(ValueError, match=says):
        Recipe(**wrong)


def test_decimation_keeps_the_ramp_within_70_reads():
    assert Recipe().reads == tuple(range(0, 66, 5))
    assert Recipe().group_time == pytest.approx(4.51)
    assert Recipe(groups=24).decimation == 3
    assert Recipe(groups=70).reads == tuple(range(70))


def test_integrations_are_spread_over_the_exposure():
    indices = Recipe().indices
    assert (len(indices), indices[0], indices[-1]) == (54, 0, 464)
    assert np.ptp(np.diff(indices)) <= 1
    assert Recipe(integrations=(155, 155, 155), groups=70).indices == tuple(range(465))


def test_recipe_survives_json_and_other_versions_are_refused():
    recipe = Recipe(without={"ktc"}, columns=(8, 100))
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.from_json(recipe.to_json()).key == recipe.key
    assert recipe.key != Recipe().key
    old = json.dumps(json.loads(recipe.to_json()) | {"version": 0})
    with pytest.raises(ValueError, match="version 0"):
        Recipe.from_json(old)


def test_locate():
    assert SMALL.locate(2, 1) == 4
    with pytest.raises(ValueError, match="1 to 2"):
        SMALL.locate(3, 0)
    with pytest.raises(ValueError, match="has 2"):
        SMALL.locate(2, 2)


def test_files_lie_where_the_archive_puts_them(built):
    found = sorted(f.relative_to(built).as_posix() for f in built.rglob("*_uncal.fits"))
    assert (
        "mastDownload/JWST/jw01366003001_04101_00001-seg001_nrs1/jw01366003001_04101_00001-seg001_nrs1_uncal.fits"
        in found
    )
    assert sum("_02101_" in f for f in found) == 2
    assert len(found) == 2 * 2 + 2
    assert not list(built.rglob("*.partial"))


def test_headers_and_times(built):
    from jwst import datamodels

    path = files.archive_path(built, level1b.science_name("NRS2", 2))
    with datamodels.open(path) as model:
        meta = model.meta
        assert type(model).__name__ == "Level1bModel"
        assert model.data.dtype == np.uint16
        assert model.shape == (2, 6, 32, 64)
        assert (meta.exposure.integration_start, meta.exposure.integration_end, meta.exposure.nints) == (4, 5, 5)
        assert (meta.exposure.segment_number, meta.exposure.segment_total) == (2, 2)
        assert (meta.exposure.ngroups, meta.exposure.groupgap) == (6, 12)
        assert meta.exposure.group_time == pytest.approx(13 * 0.902)
        assert (meta.subarray.xstart, meta.subarray.xsize, meta.subarray.ystart) == (1, 64, 1055)
        assert (meta.subarray.fastaxis, meta.subarray.slowaxis) == (-2, -1)
        assert meta.visit.tsovisit is True
        assert meta.program.pi_name == "Batalha, Natalie"
        assert meta.exposure.type == "NRS_BRIGHTOBJ"
        slit, field = meta.wcsinfo, detector.MODE.optics
        assert (slit.ra_ref, slit.dec_ref) == pytest.approx((scene.TARGET.ra.deg, scene.TARGET.dec.deg))
        assert (slit.v2_ref, slit.v3_ref, slit.v3yangle, slit.vparity) == (field.v2, field.v3, field.v3_angle, -1)
        assert 0 <= slit.roll_ref < 360
        assert meta.instrument.lamp_state == "NONE"
        assert (meta.dither.x_offset, meta.dither.y_offset) == (0, 0)
        times = model.int_times
    assert times["integration_number"].tolist() == [4, 5]
    expected = scene.mid_times(SMALL.indices)[3:]
    assert times["int_mid_BJD_TDB"] == pytest.approx(expected, abs=1e-9)
    span = (times["int_end_MJD_UTC"] - times["int_start_MJD_UTC"]) * 86400
    assert span == pytest.approx(64.042, abs=1e-3)
    with fits.open(path) as file:
        assert file[0].header["SIMULATD"] is True
        assert "not telescope data" in str(file[0].header["HISTORY"])
        assert [hdu.name for hdu in file] == ["PRIMARY", "SCI", "INT_TIMES", "ASDF"]
        file.verify("exception")


@pytest.mark.slow
def test_raw_counts_do_not_depend_on_who_makes_them(built, tmp_path):
    exposure.build(tmp_path, SMALL, workers=1, progress=False)
    for name in ("NRS1", "NRS2"):
        for segment in (1, 2):
            path = files.archive_path(built, level1b.science_name(name, segment))
            assert path.read_bytes() == files.archive_path(tmp_path, level1b.science_name(name, segment)).read_bytes()
    # and one integration alone is the one in the file
    assert np.array_equal(counts(built, "NRS1", 2)[1], integration.raw_counts(SMALL, "NRS1", 4))


def test_a_finished_build_is_left_alone_and_a_damaged_one_is_noticed(built, monkeypatch):
    assert exposure.is_complete(built, SMALL)
    assert not exposure.is_complete(built, Recipe(seed=6))
    monkeypatch.setattr(exposure, "_build_segment", None)
    exposure.build(built, SMALL, progress=False)  # would fail if it built anything


@pytest.mark.slow
def test_an_interrupted_build_leaves_nothing_half_written_and_goes_on(tmp_path, monkeypatch):
    whole = integration.raw_counts

    def interrupted(recipe, name, index):
        if (name, index) == ("NRS1", 4):
            raise KeyboardInterrupt
        return whole(recipe, name, index)

    monkeypatch.setattr(integration, "raw_counts", interrupted)
    with pytest.raises(KeyboardInterrupt):
        exposure.build(tmp_path, SMALL, progress=False)
    assert [f.name for f in tmp_path.rglob("*.fits")] == ["jw01366003001_04101_00001-seg001_nrs1_uncal.fits"]
    assert not list(tmp_path.rglob("*.partial"))
    assert not exposure.is_complete(tmp_path, SMALL)
    made = []
    monkeypatch.setattr(integration, "raw_counts", lambda *what: made.append(what[1:]) or whole(*what))
    exposure.build(tmp_path, SMALL, progress=False)
    assert exposure.is_complete(tmp_path, SMALL)
    assert ("NRS1", 0) not in made  # what was there was kept


@pytest.mark.slow
def test_a_truncated_file_is_built_again(tmp_path):
    exposure.build(tmp_path, SMALL, progress=False)
    path = files.archive_path(tmp_path, level1b.science_name("NRS1", 1))
    whole = path.read_bytes()
    path.write_bytes(whole[:5000])
    assert not exposure.is_complete(tmp_path, SMALL)
    exposure.build(tmp_path, SMALL, progress=False)
    assert path.read_bytes() == whole


def test_another_recipes_folder_is_not_overwritten(built):
    with pytest.raises(FileExistsError, match="another recipe"):
        exposure.build(built, Recipe(integrations=(3, 2), groups=6, columns=(0, 64), seed=6), progress=False)


def test_no_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
    import shutil

    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match=r"no room .* TSO_DATA"):
        exposure.build(tmp_path / "new", SMALL, progress=False)
    assert not list(tmp_path.rglob("*.fits"))


@pytest.mark.parametrize("effect", [e for e in EFFECTS if e not in ("reference_errors", "transit", "tilt")])
def test_every_effect_can_be_switched_off(effect):
    plain = Recipe(integrations=(1,), groups=8, columns=(900, 1200))
    index = 0
    with_it = integration.raw_counts(plain, "NRS1", index)
    without = integration.raw_counts(
        Recipe(integrations=(1,), groups=8, columns=(900, 1200), without={effect}), "NRS1", index
    )
    assert not np.array_equal(with_it, without), f"{effect} changes nothing"


def test_examples_stand_at_the_published_coordinates_when_the_shape_allows():
    places = Recipe(integrations=(155, 155, 155), groups=70).examples()
    place = {name: (e.integration, e.row, e.column, e.group) for name, e in places.items()}
    assert place["saturated_by_cosmic_ray"] == (10, 3, 100, 14)
    assert place["saturation_neighbour"] == (10, 2, 99, 14)
    assert place["clean_jump"] == (67, 12, 1000, 15)
    assert place["bright_nonlinear"][1:3] == (11, 2000)
    assert Recipe(plant=("clean_jump",)).examples().keys() == {"clean_jump"}


@pytest.mark.parametrize(
    "shape", [{}, {"integrations": (4, 3), "groups": 9}, {"columns": (600, 900)}, {"integrations": (1,), "groups": 2}]
)
def test_examples_lie_inside_any_shape(shape):
    recipe = Recipe(**shape)
    for example in recipe.examples().values():
        assert 0 <= example.integration < recipe.integrations[example.segment - 1]
        assert recipe.columns[0] <= example.column < recipe.columns[1]
        assert 0 <= example.row < detector.ROWS
        assert example.group is None or 0 < example.group < recipe.groups


def test_planted_hits_are_in_the_counts_and_in_the_list(built):
    truth = open_truth(built)
    hits = truth.hits("NRS1", segment=1)
    planted = hits[hits["kind"] == "planted"]
    assert len(planted) == 2
    for name in ("saturated_by_cosmic_ray", "clean_jump"):
        example = truth.examples[name]
        ramp = counts(built)[example.integration, :, example.row, example.column].astype(int)
        jump = np.diff(ramp)
        assert jump.argmax() + 1 == example.group
        assert jump.max() > 1500
        row = planted[(planted["row"] == example.row) & (planted["column"] == example.column)]
        assert row["group"].tolist() == [example.group]


def test_hit_list_is_what_the_counts_hold(built):
    truth = open_truth(built)
    for segment, count in ((1, 3), (2, 2)):
        for number in range(count):
            hits = truth.hits("NRS2", segment)
            hits = hits[hits["integration"] == number]
            ramp = truth.cosmic_rays("NRS2", segment, number) * truth.gain("NRS2")
            again = np.zeros_like(ramp)
            for hit in hits:
                again[hit["group"] :, hit["row"], hit["column"]] += hit["electrons"]
            assert np.allclose(ramp, again, rtol=1e-5)


def test_truth_adds_up_to_the_raw_counts():
    # without what only the detector's electronics know, the file is truth made visible
    off = frozenset(EFFECTS) - {"photon_noise", "sky", "flat", "dark", "ipc", "one_over_f", "cosmic_rays", "superbias"}
    recipe = Recipe(integrations=(2,), groups=5, columns=(1000, 1100), detectors=("NRS2",), without=off, plant=())
    raw = integration.raw_counts(recipe, "NRS2", 1).astype(float)
    electrons = integration.photo_electrons(recipe, "NRS2", 1) + integration.hit_electrons(recipe, "NRS2", 1)
    linear = detector.couple(electrons) / 1.6194
    expected = linear + detector.maps("NRS2", 39).superbias[:, 1000:1100] + integration.one_over_f(recipe, "NRS2", 1)
    assert np.abs(np.clip(expected, 0, 65535) - raw).max() <= 0.52


def test_poisson_increments():
    recipe = Recipe(integrations=(1,), groups=70, columns=(1000, 1200), without={"cosmic_rays"})
    ramps = integration.photo_electrons(recipe, "NRS1", 0)
    expected = integration.electron_rate(recipe, "NRS1", 0) * 0.902
    steps = np.diff(ramps, axis=0, prepend=0)
    bright = (expected > 50) & (expected < 2000)
    assert (steps.mean(axis=0)[bright] / expected[bright]).mean() == pytest.approx(1, abs=2e-3)
    assert (steps.var(axis=0, ddof=1)[bright] / expected[bright]).mean() == pytest.approx(1, abs=0.01)
    pairs = ((steps[1:] - expected) * (steps[:-1] - expected)).mean(axis=0)[bright] / expected[bright]
    assert pairs.mean() == pytest.approx(0, abs=0.01)  # increments do not know of each other


def test_truth_of_a_folder_without_one_says_how_to_build_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="tso data"):
        open_truth(tmp_path)


def test_true_light_curve_and_transit(built):
    truth = open_truth(built)
    time, flux = truth.light_curve("NRS2")
    assert time.shape == flux.shape == (5,)
    wide = Recipe(integrations=(20, 20))
    folder = built / "none"
    whole = type(truth)(wide, folder)
    time, relative = whole.transit("NRS1")
    assert relative.max() == pytest.approx(1, abs=1e-12)
    assert 1 - relative.min() == pytest.approx(0.0225, abs=0.0007)
    _, flux = whole.light_curve("NRS1")
    outside = relative > 1 - 1e-12
    assert np.ptp(flux[outside]) / flux[outside].mean() < 2e-3  # start-up ramp, drift, tilt
    assert (flux / flux[outside].mean() - relative)[5:] == pytest.approx(0, abs=1.5e-3)
    assert time[relative.argmin()] == pytest.approx(scene.MID_TRANSIT, abs=0.02)


# --- one segment without the others


@pytest.mark.slow
def test_a_segment_alone_has_the_pixels_and_the_times_of_the_whole(built, tmp_path):
    alone = exposure.build_segment(tmp_path, SMALL, "NRS2", 2, progress=False)
    whole = files.archive_path(built, alone.name.removesuffix("_uncal.fits"))
    assert alone.read_bytes() == whole.read_bytes()
    assert len(files.paths(tmp_path)) == 1
    assert (tmp_path / "crds").is_dir()


@pytest.mark.slow
def test_a_part_of_a_segment_says_which_part_it_is(built, tmp_path):
    part = exposure.build_segment(tmp_path, SMALL, "NRS1", 1, slice(1, 3), progress=False)
    with fits.open(part) as one, fits.open(files.archive_path(built, part.name.removesuffix("_uncal.fits"))) as whole:
        assert np.array_equal(one["SCI"].data, whole["SCI"].data[1:3])
        assert np.array_equal(one["INT_TIMES"].data, whole["INT_TIMES"].data[1:3])
    described = files.describe(part)
    assert (described.first_integration, described.shape[0], described.times) == (2, 2, 2)


@pytest.mark.slow
def test_a_segment_that_is_there_is_kept_and_one_that_is_damaged_or_shorter_is_built_again(tmp_path):
    path = exposure.build_segment(tmp_path, SMALL, "NRS1", 2, progress=False)
    content, made = path.read_bytes(), path.stat().st_mtime_ns
    exposure.build_segment(tmp_path, SMALL, "NRS1", 2, progress=False)
    assert path.stat().st_mtime_ns == made
    path.write_bytes(content[: 5 * 2880] + b"\7" + content[5 * 2880 + 1 :])
    exposure.build_segment(tmp_path, SMALL, "NRS1", 2, progress=False)
    assert path.read_bytes() == content
    exposure.build_segment(tmp_path, SMALL, "NRS1", 2, slice(0, 1), progress=False)
    assert fits.getval(path, "NAXIS4", ext=1) == 1
    exposure.build_segment(tmp_path, SMALL, "NRS1", 2, progress=False)
    assert path.read_bytes() == content


@pytest.mark.slow
def test_single_segments_are_not_built_into_other_exposures(built, tmp_path):
    with pytest.raises(FileExistsError, match="whole exposure"):
        exposure.build_segment(built, SMALL, "NRS1", 1, slice(0, 1), progress=False)
    exposure.build_segment(tmp_path, SMALL, "NRS1", 2, progress=False)
    with pytest.raises(FileExistsError, match="another recipe"):
        exposure.build_segment(tmp_path, Recipe(integrations=(3, 2), groups=6, columns=(0, 64), seed=6), "NRS1", 2)
    with pytest.raises(ValueError, match="no segment 3"):
        exposure.build_segment(tmp_path, SMALL, "NRS1", 3)
