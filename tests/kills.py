"""Kill a process at a random moment, for real, and look at what it leaves.

Each function below `in_child` is run in a process of its own (`run`), which forks the children that are killed: what
takes long, importing and preparing, is done once and before.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

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

    With `seconds`, it gets a SIGKILL that long after it was started, or after begun() has become true.
    """
    start = time.monotonic()
    child = os.fork()
    if not child:
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
        os.kill(child, signal.SIGKILL)
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
