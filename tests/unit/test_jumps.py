"""Jump statistics on flags and hits made by hand, and against plain loops."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tso_helpers import jumps

SHAPE = (2, 4, 5, 6)


def table(*rows):
    names = ("integration", "group", "row", "column", "electrons")
    return Table({name: [row[k] for row in rows] for k, name in enumerate(names)})


def flags(*places):
    array = np.zeros(SHAPE, dtype=bool)
    for place in places:
        array[place] = True
    return array


@given(hnp.arrays(np.uint8, (2, *SHAPE)))
def test_counts_are_those_of_the_bits(pair):
    before, after = pair
    expected = [int(np.sum((a & 4 != 0) & (b & 4 == 0))) for b, a in zip(before, after, strict=True)]
    assert jumps.jumps_per_integration(before, after).tolist() == expected
    assert jumps.new_flags(before, after).sum(axis=(1, 2, 3)).tolist() == expected
    assert jumps.jumps_per_integration(after, after).tolist() == [0, 0]


def test_parts_of_an_array_and_no_integration():
    before, after = np.zeros((2, *SHAPE), dtype=np.uint8)
    after[:, 1, 2] = 4
    assert jumps.jumps_per_integration(before[..., ::2], after[..., ::2]).tolist() == [3, 3]
    assert jumps.jumps_per_integration(before[:0], after[:0]).tolist() == []
    assert jumps.new_flags(before[:0], after[:0]).shape == (0, *SHAPE[1:])


def test_flags_that_are_no_groupdq():
    good = np.zeros(SHAPE, dtype=np.uint8)
    with pytest.raises(TypeError, match="uint8"):
        jumps.jumps_per_integration(good, good.astype(float))
    with pytest.raises(ValueError, match="one shape"):
        jumps.new_flags(good, good[:1])
    with pytest.raises(ValueError, match="one shape"):
        jumps.jumps_per_integration(good[0], good[0])


def test_denominator_of_the_published_rate():
    assert jumps.opportunities((155, 70, 32, 2048)) == 70 * 32 * 2048
    assert jumps.opportunities((18, 14, 32, 2048), differences=True) == 13 * 32 * 2048
    with pytest.raises(ValueError, match="four axes"):
        jumps.opportunities((70, 32, 2048))


def test_completeness_by_charge():
    hits = table((0, 1, 1, 1, 80), (0, 1, 1, 1, 30), (0, 2, 3, 3, 60), (1, 3, 0, 0, 5000), (1, 0, 2, 2, 5000))
    found = jumps.completeness(flags((0, 1, 1, 1), (1, 3, 0, 0)), hits, [50, 100, 1000, 10000])
    assert found["hits"].tolist() == [1, 1, 1]  # 80 + 30 in one pixel make 110; the first group is left out
    assert found["found"].tolist() == [0, 1, 1]
    assert found["fraction"].tolist() == [0, 1, 1]
    assert np.all((found["lower"] <= found["fraction"]) & (found["fraction"] <= found["upper"]))
    usable = ~flags((1, 3, 0, 0))
    assert jumps.completeness(flags(), hits, [50, 100, 1000, 10000], usable)["hits"].tolist() == [1, 1, 0]


def test_completeness_without_hits():
    nothing = Table({name: np.zeros(0) for name in ("integration", "group", "row", "column", "electrons")})
    found = jumps.completeness(flags(), nothing, [50, 100])
    assert found["hits"].tolist() == [0]
    assert np.isnan(found["fraction"][0])
    assert np.isnan(found["lower"][0])
    assert jumps.breakdown(flags((0, 1, 1, 1)), nothing)["count"].tolist() == [0, 0, 0, 1]


def test_breakdown_gives_each_flag_its_first_cause():
    hits = table((0, 1, 2, 2, 900.0), (0, 1, 0, 5, 5.0), (0, 1, 2, 5, 900.0))
    telegraph = np.zeros(SHAPE[2:], dtype=bool)
    telegraph[4, 4] = telegraph[2, 3] = True
    marked = flags(
        (0, 1, 2, 2),  # the hit
        (0, 1, 1, 2),
        (0, 1, 2, 3),  # beside it, the second in a telegraph pixel
        (0, 1, 0, 5),  # with a little of a hit's charge
        (0, 2, 4, 4),
        (1, 3, 4, 4),  # telegraph
        (0, 2, 2, 2),
        (1, 1, 2, 2),
        (0, 1, 3, 0),
        (0, 1, 1, 1),  # later, in another integration, far away, diagonal
    )
    result = jumps.breakdown(marked, hits, telegraph)
    assert result["count"].tolist() == [1, 3, 2, 4]
    assert result["percent"].sum() == pytest.approx(100)
    count, fraction = jumps.false_positives(marked, hits, telegraph)
    assert count == 4
    assert fraction == pytest.approx(4 / (2 * 3 * 5 * 6))
    assert jumps.false_positives(marked, hits)[0] == 6


def test_neighbours_do_not_wrap_around_the_edge():
    hits = table((0, 1, 2, 5, 900.0), (0, 1, 4, 0, 900.0))
    marked = flags((0, 1, 3, 0), (0, 1, 2, 0), (0, 2, 0, 0))
    assert jumps.breakdown(marked, hits)["count"].tolist() == [0, 1, 0, 2]  # (3, 0) is above (4, 0)


places = st.tuples(*(st.integers(0, n - 1) for n in SHAPE))


@given(st.lists(st.tuples(places, st.floats(1, 1e5)), max_size=12), hnp.arrays(bool, SHAPE))
def test_breakdown_equals_a_loop(hits, marked):
    charge = np.zeros(SHAPE)
    for place, electrons in hits:
        charge[place] += electrons
    strong, weak = charge >= 50, (charge > 0) & (charge < 50)
    near = weak.copy()
    near[:, :, 1:] |= strong[:, :, :-1]
    near[:, :, :-1] |= strong[:, :, 1:]
    near[..., 1:] |= strong[..., :-1]
    near[..., :-1] |= strong[..., 1:]
    expected = [int(np.sum(marked & x)) for x in (strong, near & ~strong, np.zeros(SHAPE, bool), ~strong & ~near)]
    names = ("integration", "group", "row", "column")
    listed = Table({name: np.array([place[k] for place, _ in hits], dtype=int) for k, name in enumerate(names)})
    listed["electrons"] = np.array([electrons for _, electrons in hits], dtype=float)
    assert jumps.breakdown(marked, listed)["count"].tolist() == expected


def test_errors_say_what_is_wrong():
    hits = table((0, 1, 2, 2, 900.0))
    with pytest.raises(TypeError, match="new_flags"):
        jumps.completeness(flags().astype(np.uint8), hits, [1, 2])
    with pytest.raises(ValueError, match="rising"):
        jumps.completeness(flags(), hits, [2, 1])
    with pytest.raises(ValueError, match="not one of flags"):
        jumps.completeness(flags(), hits, [1, 2], usable=flags()[:1])
    with pytest.raises(ValueError, match="telegraph"):
        jumps.breakdown(flags(), hits, telegraph=np.zeros((3, 3), dtype=bool))
    with pytest.raises(ValueError, match="electrons"):
        jumps.breakdown(flags(), hits["integration", "group", "row", "column"])
    both = table((0, 1, 2, 2, 900.0), (0, 1, 2, 2, 900.0))
    both["segment"] = [1, 2]
    with pytest.raises(ValueError, match="segment=1"):
        jumps.breakdown(flags(), both)


def test_hits_outside_the_array_are_left_out():
    hits = table((7, 1, 2, 2, 900.0), (0, 9, 2, 2, 900.0), (0, 1, 2, 2, 900.0), (0, 1, 2, -1, 900.0))
    assert jumps.completeness(flags((0, 1, 2, 2)), hits, [1, 1e5])["hits"].tolist() == [1]


def test_significance_of_a_planted_jump():
    rng = np.random.default_rng(1)
    data = np.cumsum(rng.normal(50, 10, (3, 20, 4, 5)), axis=1)
    data[1, 7:, 2, 3] += 400
    gain, noise = np.full((4, 5), 2.0), np.full((4, 5), 8.0)
    found = jumps.significance(data, gain, noise)
    assert np.isnan(found[:, 0]).all()
    assert np.unravel_index(np.nanargmax(found), found.shape) == (1, 7, 2, 3)
    middle = np.median(np.diff(2 * data[:, :, 2, 3], axis=1))
    expected = (2 * (data[1, 7, 2, 3] - data[1, 6, 2, 3]) - middle) / np.sqrt(middle + 16**2)
    assert found[1, 7, 2, 3] == pytest.approx(expected, rel=1e-5)


def test_significance_leaves_out_what_is_unusable():
    data = np.arange(24.0).reshape(1, 6, 2, 2)
    unusable = np.zeros(data.shape, dtype=bool)
    unusable[0, 3, 0, 0] = True
    unusable[:, :, 1, 1] = True
    found = jumps.significance(data, np.ones((2, 2)), np.ones((2, 2)), unusable)
    assert np.isnan(found[0, :, 0, 0]).tolist() == [True, False, False, True, True, False]
    assert np.isnan(found[0, :, 1, 1]).all()
    assert np.isnan(jumps.significance(np.zeros((1, 3, 1, 1)), np.ones((1, 1)), np.zeros((1, 1)))).all()


@pytest.mark.parametrize("shape", [(3, 2, 2), (1, 3, 2, 3)])
def test_significance_needs_maps_of_the_frame(shape):
    with pytest.raises(ValueError, match="maps of its frames"):
        jumps.significance(np.zeros(shape), np.ones((2, 2)), np.ones((2, 2)))
