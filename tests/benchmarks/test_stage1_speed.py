"""Speed and memory of Stage 1 beside the stock pipeline, as ratios within one run: `make bench`.

TSO_BENCH_SIZES (lesson,large), TSO_BENCH_ROUNDS (3) and TSO_BENCH_SAVE (a file for `tools/readme.py speed`) change what
is done.
"""

import os
import shutil

import numpy as np
import pytest
import stage1_speed as speed
from astropy.io import fits

pytestmark = pytest.mark.bench

MEMORY = 1.5e9  # bytes that `tso calibrate` gives to a worker when it is not asked
GRACE = 1.2  # the same in `exposure`: more than that is never allowed


@pytest.fixture(scope="module", params=os.environ.get("TSO_BENCH_SIZES", "lesson,large").split(","))
def size(request):
    return request.param


@pytest.fixture(scope="module")
def found(size, data_folder, tmp_path_factory):
    """What was measured at one size, and the folder of the products."""
    products = tmp_path_factory.mktemp(f"products-{size}")
    yield speed.measure(size, data_folder, int(os.environ.get("TSO_BENCH_ROUNDS", "3")), keep=products), products
    shutil.rmtree(products)


@pytest.fixture(scope="module")
def measured_before():
    """Tables of the sizes that are done."""
    return []


@pytest.mark.timeout(0)
def test_beside_the_stock_steps(found, measured_before):
    table, _ = found
    measured_before.append(table)
    print("\n" + "\n".join(speed.report(table)))
    if path := os.environ.get("TSO_BENCH_SAVE"):
        speed.save(speed.stack(measured_before), path)
    for way in ("ours, 1", "ours, 2", "ours, 1, 1/f", "ours, 2, 1/f"):
        assert max(speed.values(table, table["size"][0], way, "process_memory")) < MEMORY * GRACE


@pytest.mark.timeout(0)
@pytest.mark.parametrize("end", ["", ", 1/f"])
def test_all_have_done_the_same(found, end):
    _, products = found
    ways = [f"{way}{end}".replace("/", "") for way in ("stock", "ours, 1", "ours, 2")]
    for kind in ("rate", "rateints"):
        stock, *ours = (next((products / way).glob(f"*_{kind}.fits")) for way in ways)
        for path in ours:
            assert not differences(stock, path)


def differences(one, other):
    """Names of the arrays that are not equal in two products."""
    names = ("SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE")
    return [n for n in names if not np.array_equal(fits.getdata(one, n), fits.getdata(other, n), equal_nan=n != "DQ")]


@pytest.mark.timeout(0)
def test_exotedrf_beside_the_stock_steps(found):
    table, products = found
    if "exoTEDRF" not in speed.ways():
        pytest.skip(speed.INSTALL)
    size = table["size"][0]
    slower = {what: speed.ratio(table, size, "exoTEDRF", speed.STOCK_1F, what) for what in ("wall", "process_memory")}
    print("\n  exoTEDRF over the stock steps with 1/f: " + ", ".join(f"{what} {x:.2f}" for what, x in slower.items()))
    rates = fits.getdata(next((products / "exoTEDRF").rglob("*_gainscalestep.fits")), "SCI")
    assert rates.shape == (speed.SIZES[size][0], 32, 2048)
    assert np.isfinite(rates).mean() > 0.5
