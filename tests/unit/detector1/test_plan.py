"""Every sample lies in one block and one tile, and no piece is planned that needs more memory than there is."""

import numpy as np
import pytest

from tso_helpers.detector1.plan import HALO, LOOKS_AT, make_plan
from tso_helpers.detector1.steps import ORDER

FULL = (155, 70, 32, 2048)


@pytest.mark.parametrize("shape", [FULL, (465, 70, 32, 2048), (1, 2, 32, 16), (7, 5, 32, 33)])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_pieces_cover_the_ramp_once(shape, workers):
    plan = make_plan(shape, 1.5e9, workers)
    assert np.concatenate([np.arange(*block) for block in plan.blocks]).tolist() == list(range(shape[0]))
    own = [np.arange(tile.start, tile.stop) for tile in plan.tiles]
    assert np.concatenate(own).tolist() == list(range(shape[3]))
    for tile in plan.tiles:
        assert tile.first == max(tile.start - HALO, 0)
        assert tile.last == min(tile.stop + HALO, shape[3])


@pytest.mark.parametrize("memory", [1e9, 1.5e9, 4e9])
@pytest.mark.parametrize("integrations", [10, 155, 1000])
def test_a_piece_fits_whatever_the_number_of_integrations(memory, integrations):
    assert make_plan((integrations, *FULL[1:]), memory).worker_bytes <= memory


def test_pieces_are_about_equal_and_enough_for_all_workers():
    plan = make_plan((18, 14, 32, 2048), 1e12, workers=4)
    assert len(plan.blocks) >= 4
    assert len(plan.tiles) >= 4
    sizes = [stop - start for start, stop in plan.blocks]
    assert max(sizes) - min(sizes) <= 1


def test_the_store_holds_every_sample_and_the_halos():
    plan = make_plan((4, 5, 32, 100), 1e12, workers=2)
    assert plan.store_bytes == 4 * 5 * 32 * (100 + 2 * HALO) * 5


def test_too_little_memory_says_how_much_is_the_least():
    with pytest.raises(ValueError, match=r"0\.5 GB of memory are too little .* is the least"):
        make_plan((1000, *FULL[1:]), 0.5e9)


@pytest.mark.parametrize("shape", [(1, 2, 3), (0, 5, 32, 64)])
def test_what_is_no_ramp_is_refused(shape):
    with pytest.raises(ValueError, match="ramp"):
        make_plan(shape)


def test_what_every_step_looks_at_is_written_down():
    assert tuple(LOOKS_AT) == ORDER
