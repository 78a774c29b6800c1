"""Kill a process at a random moment, for real, and look at what it leaves.

Each function below `in_child` is run in a process of its own (`run`), which forks the children that are killed: what
takes long, importing and preparing, is done once and before.
"""

import gc
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

import calibrating

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent


def run(name, folder, kills, seed=None):
    """Run ``kills.<name>(folder, kills, seed)`` in a process of its own; the seed is printed and can be given again."""
    seed = int(os.environ.get("TSO_KILL_SEED", random.randrange(10**6) if seed is None else seed))
    print(f"{name}: {kills} kills, seed {seed} (TSO_KILL_SEED={seed} repeats them)")
    path = os.pathsep.join([str(HERE), str(PACKAGE), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import kills; kills.{name}({str(folder)!r}, {kills}, {seed})"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout[-4000:])
    assert done.returncode == 0, f"seed {seed}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"


def in_child(work, seconds=None, begun=None):
    """Run work() in a forked process; return whether it was killed, and how long it took. An error in it is one here.

    With `seconds`, it and the processes that it has started get a SIGKILL that long after it was started, or after
    begun() has become true.
    """
    start = time.monotonic()
    child = os.fork()
    if child:
        os.setpgid(child, child)  # in both, so that it is done whoever comes first
    else:
        os.setpgid(0, 0)
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if seconds is not None:
        while (
            begun is not None and not begun() and not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        ):
            time.sleep(0.0005)
        time.sleep(seconds)
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the work itself failed"
    return os.WIFSIGNALED(status), time.monotonic() - start


def contents(folder, unfinished):
    """Digest of every file in a folder by name; of those that are being written only the name of their folder."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        name = path.relative_to(folder)
        parts = [part for part in name.parts if part.startswith(unfinished)]
        if parts:
            found[parts[0]] = None
        elif path.is_file():
            found[name.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def builds(folder, kills, seed):
    """Kill builds of a small exposure, each of which goes on where the one before was killed."""
    from tso_helpers.files import atomic
    from tso_helpers.simulation import exposure

    recipe = exposure.Recipe(integrations=(2, 1), groups=3, columns=(0, 32), detectors=("NRS1",), seed=5)
    exposure.build(Path(folder, "whole"), recipe, progress=False)
    whole = contents(Path(folder, "whole"), atomic.UNFINISHED)
    rng, killed, finished, target = random.Random(seed), 0, 0, Path(folder, "killed")

    def work():
        exposure.build(target, recipe, workers=2, progress=False)

    _, longest = in_child(lambda: exposure.build(Path(folder, "again"), recipe, workers=2, progress=False))
    while killed < kills:
        killed += in_child(work, rng.uniform(0, longest))[0]
        found = contents(target, atomic.UNFINISHED) if target.exists() else {}
        wrong = [name for name, digest in found.items() if digest and name != ".building" and whole.get(name) != digest]
        assert not wrong, f"bad files under final names: {wrong}"
        if exposure.is_complete(target, recipe, thorough=True) or killed == kills:
            in_child(work)
            assert contents(target, atomic.UNFINISHED) == whole, "the rerun gives other files, or leaves something"
            atomic.remove_tree(target)
            finished += 1
    print(f"{killed} builds killed, {finished} finished after that, each of {longest:.1f} s")


def checkpoints(folder, kills, seed):
    """Kill calls of obs.after while they compute and keep a checkpoint."""
    import warnings

    import tso_helpers as tso
    from tso_helpers.files import atomic
    from tso_helpers.observation.checkpoints import CheckpointWarning
    from tso_helpers.simulation.recipe import Recipe

    recipe = Recipe(integrations=(8,), groups=8, columns=(0, 1024), detectors=("NRS1",), seed=5)
    obs = tso.open_observation(recipe, root=folder, progress=False)
    place, step = obs.folder / "checkpoints", "saturation"
    with obs.after(step) as ramp:
        expected = ramp.data.tobytes(), ramp.groupdq.tobytes()
    (name,) = (path.name for path in place.iterdir())

    def work():
        warnings.simplefilter("error", CheckpointWarning)  # "damaged"
        with obs.after(step) as ramp:
            assert (ramp.data.tobytes(), ramp.groupdq.tobytes()) == expected

    def fresh():
        if place.exists():
            atomic.remove_tree(place)

    def begun():
        return any(place.glob(f"{atomic.UNFINISHED}*"))

    fresh()
    in_child(work)  # the first one loads what the others have
    fresh()
    _, longest = in_child(work)
    fresh()
    rng, killed, halfway = random.Random(seed), 0, 0
    while killed < kills:
        aimed = rng.random() < 0.7  # at the moments in which the checkpoint is written, which are few
        moment = rng.uniform(0, 0.1 * longest if aimed else longest)
        killed += in_child(work, moment, begun if aimed else None)[0]
        found = contents(place, atomic.UNFINISHED) if place.exists() else {}
        halfway += any(digest is None for digest in found.values())
        entries = {entry.split("/")[0] for entry, digest in found.items() if digest}
        assert entries <= {name}, f"something else under a final name: {entries}"
        assert not entries or {f"{name}/ramp.fits", f"{name}/note.json"} <= set(found), "half a checkpoint"
        if entries or rng.random() < 0.3 or killed == kills:
            atomic.remove_leftovers(
                place
            ) if entries else None  # a ramp that is there writes nothing, and tidies nothing
            in_child(work)  # which would warn of a damaged one
            assert set(contents(place, atomic.UNFINISHED)) == {f"{name}/ramp.fits", f"{name}/note.json"}
            fresh()
    assert halfway >= kills // 10, f"only {halfway} of {kills} kills met a checkpoint that was being written"
    print(f"{killed} calls killed, {halfway} of them while the checkpoint was being written, each of {longest:.1f} s")


def calibrations(folder, kills, seed):
    """Kill `tso calibrate` in this process, each time followed by the same command, until one comes to its end."""
    _calibrations(folder, kills, seed, "--memory", calibrating.pieces(tiles=2))


def calibrations_by_two(folder, kills, seed):
    """The same with two workers, which are killed with it."""
    _calibrations(folder, kills, seed, "--memory", "1GB", "--workers", 2)


def _calibrations(folder, kills, seed, *options):
    from tso_helpers import cli
    from tso_helpers.files import atomic
    from tso_helpers.simulation import exposure

    place = calibrating.Place(Path(folder, "small"), Path(folder, "data é"))
    exposure.build(place.exposure, calibrating.SMALL, progress=False)
    os.environ["TSO_DATA"] = str(place.data)
    whole, out = Path(folder, "whole"), Path(folder, "out")

    def work(out=out, options=options):
        assert not cli.app(place.command(out, *options)[len(calibrating.TSO) :], standalone_mode=False)

    work(whole, ())  # in this process: what is loaded for it once the children have from their beginning
    gc.freeze()  # and need not look through again
    expected, longest = calibrating.products(whole), in_child(lambda: work(Path(folder, "again")))[1]
    assert calibrating.products(Path(folder, "again")) == expected

    rng, killed, finished, met, made = random.Random(seed), 0, 0, Counter(), {}
    while killed < kills:
        aimed = rng.random() < 0.2  # at the products, which are saved within moments
        begun = (lambda: _phase(place) == "products") if aimed else None
        hit, _ = in_child(work, rng.uniform(0, 0.15 * longest if aimed else longest), begun)
        killed += hit
        met[_phase(place)] += hit
        found = calibrating.products(out)
        assert found.items() <= expected.items(), "a bad file under a final name"
        calibrating.assert_whole(place)
        now = {name: (Path(out, name).stat().st_ino, Path(out, name).stat().st_mtime_ns) for name in found}
        assert made.items() <= now.items(), "a finished product was made again"
        made = now
        if hit and killed == kills:
            in_child(work)
        if not hit or killed == kills:
            calibrating.assert_finished(place, out, expected)
            atomic.remove_tree(out)
            made, finished = {}, finished + 1
    print(f"{killed} runs killed ({dict(met)}), {finished} finished after that, each of {longest:.1f} s")
    wanted = {"blocks", "tiles", "products"} if kills >= 20 else set()
    assert wanted <= set(met), f"phases that were met: {dict(met)}"


def _phase(place):
    """What a run was at: none of its results is there, blocks of a segment, its tiles, or its products."""
    from tso_helpers.files import atomic

    blocks, tiles = len(place.notes("block-")), len(place.notes("tile-"))
    if not blocks and not any("/ramps" in str(path) for path in atomic.finished(place.data)):
        return "before or between segments"
    if not place.notes("background"):
        return "blocks" if blocks < 2 else "background"
    stored = [path for path in atomic.finished(place.data) if path.suffix == ".data"]
    return "products" if tiles and tiles == len(stored) else "tiles"
