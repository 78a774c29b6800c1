"""Speed of the helpers, as ratios within one run: `make bench`.

Each ratio is the median over repeated pairs, yardstick and helper in turn, so that a busy machine slows both. The
yardsticks are the straightforward loops of the published lesson over the same arrays, or one pass over memory.
"""

import statistics
import time
import tracemalloc

import numpy as np
import pytest
from stdatamodels.jwst.datamodels import dqflags

from tso_helpers import dq, jumps, one_over_f, trace

pytestmark = pytest.mark.bench

FULL = (155, 70, 32, 2048)  # one real segment


def ratio(yardstick, helper, pairs=5):
    """Median over pairs of the time of the yardstick divided by that of the helper; both run once before."""
    yardstick(), helper()
    return statistics.median(_seconds(yardstick) / _seconds(helper) for _ in range(pairs))


def _seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def report(text):
    print(f"\n  {text}", end="")


def tally_loop(flags):
    """Every pixel's flags, named one by one and counted."""
    counts = {}
    for row in range(flags.shape[0]):
        for column in range(flags.shape[1]):
            for name in dqflags.dqflags_to_mnemonics(int(flags[row, column]), mnemonic_map=dqflags.pixel):
                counts[name] = counts.get(name, 0) + 1
    return counts


def columns_loop(data, mask):
    """Every integration, group and column in turn: subtract the median of the unmasked pixels."""
    corrected = np.copy(data)
    for integration in range(data.shape[0]):
        for group in range(data.shape[1]):
            for column in range(data.shape[3]):
                background = data[integration, group, mask[:, column], column]
                corrected[integration, group, :, column] -= np.nanmedian(background)
    return corrected


@pytest.fixture(scope="module")
def groupdq():
    """Full-size flags before and after jump: 0.05 % saturated, then 0.2 % of jumps."""
    rng = np.random.default_rng(39)
    before = np.zeros(FULL, dtype=np.uint8)
    before.reshape(-1)[rng.integers(0, before.size, before.size // 2000)] = 2
    after = before.copy()
    after.reshape(-1)[rng.integers(0, after.size, after.size // 500)] |= 4
    return before, after


def test_tally_of_a_frame():
    rng = np.random.default_rng(39)
    flags = np.zeros((32, 2048), dtype=np.uint32)
    flags[:, [0, 1, 2, 3, -4, -3, -2, -1]] = dq.value("REFERENCE_PIXEL")
    for names, number in ((("HOT",), 400), (("DEAD", "DO_NOT_USE"), 300), (("LOW_QE",), 100)):
        flags[rng.integers(0, 32, number), rng.integers(4, 2044, number)] |= dq.value(*names)
    assert {str(row["flag"]): int(row["count"]) for row in dq.tally(flags)} == tally_loop(flags)
    faster = ratio(lambda: tally_loop(flags), lambda: dq.tally(flags))
    report(f"flag tally of a (32, 2048) frame: {faster:,.0f} x the loop over pixels (at least 100)")
    assert faster >= 100


@pytest.mark.parametrize("kind", ["as after jump", "every sample with some flag"])
def test_tally_and_mask_of_a_full_segment(groupdq, kind):
    flags = groupdq[1]
    if kind != "as after jump":
        flags = flags.copy()
        flags |= 1

    def both():
        dq.tally(flags)
        dq.mask(flags, "SATURATED", "JUMP_DET")

    passes = {"copy": flags.copy, "bitwise_or.reduce (writes nothing)": lambda: np.bitwise_or.reduce(flags, None)}
    slower = {name: 1 / ratio(one_pass, both, pairs=3) for name, one_pass in passes.items()}
    report(f"tally and mask of groupdq {FULL}, {kind}, in passes over memory:")
    report("  " + "; ".join(f"{value:.1f} x {name}" for name, value in slower.items()))
    if kind == "as after jump":
        report("  (at most 3 copies: like a mask, a copy reads every byte and writes as many)")
        assert slower["copy"] <= 3


def test_jumps_per_integration_in_one_pass(groupdq):
    before, after = groupdq

    def one_pass():
        np.bitwise_or.reduce(before, None), np.bitwise_or.reduce(after, None)

    slower = 1 / ratio(one_pass, lambda: jumps.jumps_per_integration(before, after), pairs=3)
    report(f"jumps per integration of {FULL}: {slower:.1f} x reading both arrays once (bitwise_or.reduce)")
    tracemalloc.start()
    try:
        jumps.jumps_per_integration(before, after)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < after[0].nbytes
    assert slower <= 6


@pytest.fixture(scope="module")
def ramp():
    """Two integrations of 14 groups with stripes, and the mask of NRS1 from column 300 on."""
    rng = np.random.default_rng(39)
    data = rng.normal(0, 10, (2, 14, 32, 2048)) + rng.normal(0, 8, (2, 14, 1, 2048))
    columns = np.arange(2048)
    rows = trace.trace_rows(lambda x: 28.8281 - 0.01688883 * x + 4.0403e-6 * x**2, columns.size, first=300)
    return data.astype(np.float32), trace.background_mask((32, 2048), rows, 12)


@pytest.mark.parametrize("in_place", [False, True])
def test_column_correction(ramp, in_place):
    data, mask = ramp
    work = data.copy()
    expected = columns_loop(data, mask)
    assert np.abs(one_over_f.remove_columns(data, mask) - expected).max() < 1e-3
    faster = ratio(
        lambda: columns_loop(data, mask),
        lambda: one_over_f.remove_columns(work, mask, out=work if in_place else None),
        pairs=3,
    )
    tracemalloc.start()
    try:
        one_over_f.remove_columns(work, mask, out=work)
        peak = tracemalloc.get_traced_memory()[1] / work[0].nbytes
    finally:
        tracemalloc.stop()
    where = "in place" if in_place else "out of place"
    report(f"column correction, {where}: {faster:,.0f} x the loop over columns (at least 10);")
    report(f"  beyond the result it needs {peak:.2f} of the memory of one integration (below 1)")
    assert faster >= 10
    assert peak < 1


def test_column_correction_against_one_nanmedian_per_frame(ramp):
    data, mask = ramp
    background = np.where(mask, np.float32(0), np.float32(np.nan))

    def frames():
        corrected = np.empty_like(data)
        for place in np.ndindex(data.shape[:2]):
            corrected[place] = data[place] - np.nanmedian(data[place] + background, axis=0)
        return corrected

    assert np.abs(one_over_f.remove_columns(data, mask) - frames()).max() < 1e-3
    faster = ratio(frames, lambda: one_over_f.remove_columns(data, mask))
    report(f"column correction: {faster:.1f} x a nanmedian per frame, the vectorised way")
    assert faster > 1
