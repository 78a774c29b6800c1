"""Flags against the pipeline's own translation, pixel by pixel, and on awkward input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from stdatamodels.jwst.datamodels import dqflags

from tso_helpers import dq

NAMES = sorted(dq.FLAGS)
shapes = hnp.array_shapes(min_dims=1, max_dims=4, max_side=6)
arrays = st.one_of(*(hnp.arrays(kind, shapes) for kind in (np.uint8, np.uint16, np.uint32, np.int32, np.int8)))


def pipelines(value, itemsize):
    return dqflags.dqflags_to_mnemonics(int(value) % (1 << 8 * itemsize), dqflags.pixel)


@given(arrays)
def test_tally_counts_what_the_pipeline_names(flags):
    counts = {}
    for sample in flags.flat:
        for name in pipelines(sample, flags.itemsize):
            counts[name] = counts.get(name, 0) + 1
    table = dq.tally(flags)
    assert {str(row["flag"]): int(row["count"]) for row in table} == counts
    assert table.meta["total"] == flags.size
    assert np.allclose(table["percent"], 100 * table["count"] / flags.size)


@given(arrays, st.data())
def test_mask_equals_the_pipelines_translation(flags, data):
    possible = [name for name in NAMES if dq.FLAGS[name] < 1 << 8 * flags.itemsize]
    names = data.draw(st.lists(st.sampled_from(possible), min_size=1, max_size=3))
    expected = [bool(pipelines(sample, flags.itemsize) & set(names)) for sample in flags.flat]
    assert dq.mask(flags, *names).ravel().tolist() == expected
    assert dq.mask(flags).ravel().tolist() == (flags != 0).ravel().tolist()


@given(st.integers(0, 2**32 - 1))
def test_mnemonics_are_the_pipelines(value):
    assert dq.mnemonics(value) == sorted(dqflags.dqflags_to_mnemonics(value, dqflags.pixel))
    assert dq.mnemonics(np.uint32(value)) == dq.mnemonics(value)
    assert dq.value(*dq.mnemonics(value)) == value


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int32, np.uint32, np.int64])
def test_any_numpy_integer_is_translated(kind):
    assert dq.mnemonics(kind(6)) == ["JUMP_DET", "SATURATED"]


def test_negative_32_bit_number_is_a_reference_pixel():
    flags = np.array([2**31], dtype=np.uint32)
    assert dq.mnemonics(flags.view(np.int32)[0]) == ["REFERENCE_PIXEL"]
    assert dq.mask(flags.view(np.int32), "REFERENCE_PIXEL").all()


def test_group_flags_have_the_values_of_pixel_flags():
    assert all(dq.FLAGS[name] == bit for name, bit in dqflags.group.items() if bit)


@pytest.mark.parametrize("size", [1, 7, 8, 9, dq._BLOCK - 1, dq._BLOCK + 3])
def test_blocks_miss_no_sample(size):
    flags = np.full(size, 5, dtype=np.uint8)
    assert list(dq.tally(flags)["count"]) == [size, size]
    assert dq.mask(flags, "JUMP_DET").sum() == size


@pytest.mark.parametrize("cut", [np.s_[:, ::2], np.s_[..., -1], np.s_[:, :, 1:3], np.s_[..., 3, 1]])
def test_parts_of_an_array(cut):
    flags = np.random.default_rng(5).integers(0, 256, (3, 4, 5, 6)).astype(np.uint8)[cut]
    copy = np.ascontiguousarray(flags)
    assert dq.tally(flags).as_array().tolist() == dq.tally(copy).as_array().tolist()
    assert np.array_equal(dq.mask(flags, "SATURATED"), dq.mask(copy, "SATURATED"))


def test_big_endian_as_read_from_fits():
    flags = np.array([0, 1, 2**31 + 1], dtype=">u4")
    assert dq.tally(flags)["count"].tolist() == [2, 1]
    assert dq.mask(flags, "DO_NOT_USE").tolist() == [False, True, True]


def test_nothing_flagged_and_nothing_at_all():
    assert len(dq.tally(np.zeros((4, 4), dtype=np.uint32))) == 0
    assert len(dq.tally(np.zeros(0, dtype=np.uint8))) == 0
    assert dq.mask(np.zeros((0, 3), dtype=np.uint8), "JUMP_DET").shape == (0, 3)
    assert dq.mnemonics(0) == []


def test_flags_of_a_pixel_group_by_group():
    groupdq = np.zeros((2, 3, 4, 5), dtype=np.uint8)
    groupdq[1, 1:, 2, 3] = 2
    groupdq[1, 1, 2, 3] |= 4
    assert dq.at(groupdq, 1, 2, 3) == [[], ["JUMP_DET", "SATURATED"], ["SATURATED"]]
    with pytest.raises(IndexError, match="row 4"):
        dq.at(groupdq, 0, 4, 0)
    with pytest.raises(ValueError, match="integration, group, row, column"):
        dq.at(groupdq[0], 0, 0, 0)


@pytest.mark.parametrize("flags", [np.zeros(3), np.zeros(3, dtype=bool), [0.5]])
def test_flags_must_be_integers(flags):
    for function in (dq.tally, dq.mask):
        with pytest.raises(TypeError, match="integers"):
            function(flags)


def test_errors_say_what_to_do():
    flags = np.zeros(3, dtype=np.uint8)
    with pytest.raises(ValueError, match="SATURATED"):
        dq.mask(flags, "SATURATE")
    with pytest.raises(ValueError, match="pixeldq"):
        dq.mask(flags, "HOT")
    with pytest.raises(ValueError, match="== 0"):
        dq.mask(flags, "GOOD")
    with pytest.raises(TypeError, match="string"):
        dq.mask(flags, 4)
    with pytest.raises(ValueError, match="32 bits"):
        dq.tally(np.array([2**40]))
    for value in (-1, 2**32):
        with pytest.raises(ValueError, match="not a DQ value"):
            dq.mnemonics(value)
    with pytest.raises(TypeError):
        dq.mnemonics(2.0)
    with pytest.raises(TypeError, match="tally"):
        dq.mnemonics(flags)


def test_flags_are_left_alone():
    flags = np.arange(256, dtype=np.uint8)
    dq.tally(flags), dq.mask(flags, "JUMP_DET")
    assert np.array_equal(flags, np.arange(256))


def test_of_no_samples_none_is_flagged():
    for flags in (np.zeros(0, np.uint32), np.zeros((0, 3, 4), np.uint8), np.zeros((2, 0), np.int32)):
        for names in ((), ("SATURATED",)):
            found = dq.mask(flags, *names)
            assert (found.shape, found.dtype) == (flags.shape, bool)
        assert len(dq.tally(flags)) == 0
    with pytest.raises(TypeError, match="DQ flags are integers"):
        dq.mask([])  # which numpy takes for floats
