"""The ``tso`` command: data, the environment for other programs, JupyterLab, a headless run, a check of the machine."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Lessons on calibrating JWST time-series observations: data, JupyterLab, headless runs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _folder(text):
    """The folder that an option names."""
    path = Path(text).expanduser()
    if not text.strip():
        raise typer.BadParameter("no folder is given: write one after it, or leave the option out")
    if path.is_file() or (path.is_symlink() and not path.exists()):
        raise typer.BadParameter(f"{path} is a file, or a link that leads nowhere: give a folder")
    return path


Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="DIR",
        parser=_folder,
        help="Folder of the exposure. Default: one per recipe, where the lessons look.",
    ),
]


def _say_what_is_wrong(command):
    """Let errors that are written for the reader end a command without a traceback."""

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        _speak_utf8()
        try:
            return command(*args, **kwargs)
        except typer.Exit:
            raise
        except (ValueError, OSError, RuntimeError) as error:
            if os.environ.get("TSO_TRACEBACK"):
                raise
            typer.echo(f"tso: {_in_words(error)}", err=True)
            raise typer.Exit(1) from None
        except (ImportError, MemoryError, SystemError):  # what too little memory looks like while modules load
            if not (short := _memory_problems()) or os.environ.get("TSO_TRACEBACK"):
                raise
            typer.echo("\n".join(["tso: there is too little memory for this", *short]), err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            typer.echo("\ntso: stopped; run the same again to go on", err=True)
            raise typer.Exit(130) from None

    return wrapped


def _in_words(error):
    """What an error says, without the system's number."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _speak_utf8():
    """Print every path as it is on disk, under LC_ALL=C too, where Python would stop at the first accent."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")


def _memory_problems():
    """What the doctor says about memory when it is too little, in lines."""
    from .course import doctor as machine

    return [f"  {check.found}; {check.advice}" for check in machine.memory_checks() if check.state == machine.BAD]


def _look_at_memory():
    """Warn of too little memory before anything large is loaded; refuse where even that would fail."""
    from .course import doctor as machine

    short = _memory_problems()
    if machine.unloadable():
        raise RuntimeError("\n".join(["there is too little memory to load the pipeline", *short]))
    if short:
        typer.echo("\n".join(["tso: warning: there may be too little memory for the lessons", *short]), err=True)


# --- tso data --------------------------------------------------------------------------------------------------


@app.command()
@_say_what_is_wrong
def data(
    out: Out = None,
    integrations: Annotated[str | None, typer.Option(metavar="N,N,N", help="Integrations of each segment.")] = None,
    groups: Annotated[int | None, typer.Option(help="Groups per integration, 2 to 70.")] = None,
    decimation: Annotated[
        int | None, typer.Option(help="Keep every how many of the 70 reads. Default: as many as the groups allow.")
    ] = None,
    detectors: Annotated[str | None, typer.Option(metavar="NAMES", help="NRS1,NRS2 or one of them.")] = None,
    columns: Annotated[str | None, typer.Option(metavar="START,STOP", help="Columns kept, zero-based.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.")] = None,
    without: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Effects to leave out: one_over_f,cosmic_rays,...; '?' lists them."),
    ] = None,
    plant: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Worked examples to plant; '?' lists them, '' plants none.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Threads. The result does not depend on it.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only look whether the exposure is there and whole.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete checkpoints and logs; with --fetch, those of the real data.")
    ] = False,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download the real observation from MAST (8.5 GB) instead.")
    ] = False,
):
    """Build the simulated exposure, or check it; or fetch the real one.

    Without options: the exposure of lesson size, where the lessons look for it. What is there and whole is kept, and an
    interrupted build goes on where it stopped. The same options always give the same data.

    \b
    Examples:
      tso data                                      lesson size
      tso data --out ramps --integrations 72,4,4 --groups 24 --seed 7
      tso data --out quiet --without one_over_f,cosmic_rays
      tso data --out full --integrations 155,155,155 --groups 70
      tso data --fetch --detectors NRS1             the real one
    """
    from .simulation.recipe import EFFECTS

    if check and prune:
        raise ValueError("--check only looks, --prune deletes: give one of them")
    if fetch:
        simulated = {"integrations": integrations, "groups": groups, "decimation": decimation, "columns": columns}
        simulated |= {"seed": seed, "without": without, "plant": plant, "workers": workers}
        _refuse_with_fetch([name for name, value in simulated.items() if value is not None])
        _fetch(out, _names(detectors, upper=True), check, prune)
        return
    if workers is not None and workers < 1:
        raise ValueError(f"--workers {workers}: give 1 or more")
    if "?" in (without, plant):
        from .simulation.examples import NAMES

        typer.echo("\n".join(EFFECTS if without == "?" else NAMES))
        return
    given = {
        "integrations": _integers(integrations, "--integrations"),
        "groups": groups,
        "decimation": decimation,
        "detectors": _names(detectors, upper=True),
        "columns": _integers(columns, "--columns"),
        "seed": seed,
        "without": _names(without),
        "plant": _names(plant),
    }
    given = {name: value for name, value in given.items() if value is not None}
    if prune and out is not None:  # whatever is in it
        _prune(out)
        return
    recipe, folder = _recipe(out, given)
    if prune:
        _prune(folder)
    elif check:
        _check_data(folder, recipe)
    else:
        _build(folder, recipe, workers)


def _recipe(out, given):
    """The recipe that was asked for, and its folder; with a folder alone, the recipe of the exposure in it."""
    from .observation import data_root
    from .simulation.exposure import Recipe, recipe_of

    recipe = Recipe(**given)
    if out is not None and not given:
        recipe = recipe_of(out) or recipe
    return recipe, out if out is not None else data_root() / f"simulated-{recipe.key}"


def _build(folder, recipe, workers):
    from .simulation.exposure import build

    start = time.monotonic()
    built = build(folder, recipe, workers=workers, thorough=True)
    took = f"built in {time.monotonic() - start:.0f} s" if built else "is there and whole"
    typer.echo(f"Simulated WASP-39b exposure in {folder}: {took}")
    typer.echo(f"  {_describe(recipe)}")
    typer.echo(
        f"  uncal files {_megabytes(folder / 'mastDownload'):.0f} MB, references {_megabytes(folder / 'crds'):.0f} MB"
    )
    typer.echo(f'For another program that calibrates these files: eval "$(tso env --out {shlex.quote(str(folder))})"')


def _check_data(folder, recipe):
    from .files import level1b
    from .simulation.exposure import is_complete, problems

    if not folder.is_dir():
        raise RuntimeError(f"there is no exposure in {folder}; `tso data` with the same options builds it")
    left = _leftovers(folder)
    if found := problems(folder):
        raise RuntimeError(
            f"{folder} is not whole: {'; '.join(found[:5])}{' ...' if len(found) > 5 else ''}. `tso data` with the "
            f"same options builds what is missing or damaged again{left and '. '}{left}"
        )
    if not is_complete(folder, recipe):
        raise RuntimeError(f"{folder} holds the exposure of another recipe: choose another folder with --out")
    typer.echo(f"{folder}: {len(level1b.paths(folder))} uncal files and the references are whole, by their checksums")
    typer.echo(f"  {_describe(recipe)}")
    if left:
        typer.echo(f"  {left}")


def _leftovers(folder):
    """Say what programs that were killed have left in a folder and its scratch folder; nothing if there is nothing."""
    from .files import atomic
    from .observation import scratch_folder

    found = [path for place in (folder, scratch_folder(folder)) for path in atomic.leftovers(place)]
    if not found:
        return ""
    return f"What programs that were killed have left ({len(found)}, {found[0]}) `tso data --prune` removes"


def _prune(folder):
    from .observation.opening import prune

    if freed := prune(folder):
        typer.echo(f"{folder}: {freed / 1e6:.0f} MB freed; a lesson computes what it needs again")
    else:
        typer.echo(f"{folder}: there was nothing to delete, 0 MB freed")


def _refuse_with_fetch(names):
    if names:
        raise ValueError(
            f"--{names[0]} shapes the simulated exposure; the real one is as it is. With --fetch go --out, "
            "--detectors, --check and --prune"
        )


def _fetch(out, detectors, check, prune):
    from . import observation
    from .observation import archive

    if prune:
        _prune(out or observation.mast_folder())
        return
    mast = archive.MastArchive(out or observation.mast_folder())
    products = mast.get_unique_product_list(_observations(mast))
    uncal = mast.filter_products(products, **archive.UNCAL)
    if len(uncal) == 0:
        raise RuntimeError(f"MAST lists {len(products)} files of the observation, and none of them is an uncal file")
    if detectors:
        endings = tuple(f"_{name.lower()}_uncal.fits" for name in detectors)
        uncal = uncal[[str(name).endswith(endings) for name in uncal["productFilename"]]]
    if len(uncal) == 0:
        raise ValueError("MAST lists no uncal file for these detectors; there are NRS1 and NRS2")
    typer.echo("\n".join(archive.summary(uncal, mast.folder).pformat(max_lines=-1, max_width=-1)))
    if not check:
        mast.download(uncal)
        typer.echo(f"All in {mast.folder}. To use them in the lessons: export TSO_OBSERVATION=mast")


def _observations(mast):
    from astroquery.exceptions import NoResultsWarning

    from .observation import archive

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoResultsWarning)  # the error below says more
        found = mast.query_criteria(**archive.CRITERIA)
    if len(found) == 0:
        criteria = ", ".join(f"{name} {value}" for name, value in archive.CRITERIA.items())
        raise RuntimeError(
            f"MAST finds no observation with {criteria}: it may be at work on its lists; try again later"
        )
    return found


# --- tso env ---------------------------------------------------------------------------------------------------


@app.command()
@_say_what_is_wrong
def env(out: Out = None):
    """Print the shell exports with which other programs calibrate a simulated exposure, offline.

    \b
    Example:
      eval "$(tso env --out ramps)"
      strun calwebb_detector1 ramps/mastDownload/JWST/*/*_04101_*-seg001_nrs1_uncal.fits
    """
    from .observation.opening import crds_exports

    folder = out if out is not None else _recipe(None, {})[1]
    if not (folder / "crds").is_dir():
        build = f"tso data --out {shlex.quote(str(folder))}" if out else "tso data"
        raise RuntimeError(f"no reference files in {folder / 'crds'}; build the exposure first: {build}")
    for name, value in crds_exports(folder).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


# --- tso calibrate ---------------------------------------------------------------------------------------------


@app.command()
@_say_what_is_wrong
def calibrate(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the products.")],
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the uncal files. Default: the observation in TSO_OBSERVATION."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    memory: Annotated[str, typer.Option(metavar="SIZE", help="Memory of each, such as 1.5GB.")] = "1.5GB",
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler that is running, tcp://host:8786.")
    ] = None,
    until: Annotated[
        str, typer.Option(metavar="STEP", help="The last step. Before ramp_fit the products are ramps.")
    ] = "gain_scale",
    one_over_f: Annotated[
        bool | None,
        typer.Option(
            "--one-over-f/--no-one-over-f",
            help="Remove 1/f noise group by group, before jump. Default: yes, unless clean_flicker_noise is done.",
        ),
    ] = None,
    clean_flicker_noise: Annotated[
        bool, typer.Option("--clean-flicker-noise", help="The pipeline's own 1/f correction, after jump.")
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="STEP.NAME=VALUE", help="A parameter: jump.rejection_threshold=10. Repeatable."),
    ] = None,
    skip: Annotated[list[str] | None, typer.Option(metavar="STEP", help="Leave out a step. Repeatable.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done, and what it needs.")] = False,
):
    """Take a whole observation through Stage 1 in bounded memory: rates per integration and per segment.

    The results are those of the pipeline's own steps, bit for bit. Products that are there and current are kept, and
    what was interrupted goes on where it stopped. Times, memory and counts stand in summary.json.

    \b
    Examples:
      tso calibrate --out rates
      tso calibrate --data mast --out rates --workers 2 --set jump.rejection_threshold=10
      tso calibrate --out raw --no-one-over-f --skip dark_current --dry-run
      tso calibrate --out ramps --until jump
      tso calibrate --out stock --clean-flicker-noise --set clean_flicker_noise.background_method=None
    """
    if workers > 1 and scheduler is None and not dry_run:
        from .detector1.run import start_early

        start_early()
    from .detector1.exposure import table
    from .observation import calibration, open_observation

    if one_over_f is None:
        one_over_f = not clean_flicker_noise
    left_out = [*(skip or ()), *([] if one_over_f else ["one_over_f"])]
    extra = ["clean_flicker_noise"] if clean_flicker_noise else []
    parameters, size = _parameters(set_ or ()), _size(memory)
    obs = open_observation(data)
    how = calibration.settings(obs, parameters, left_out, extra, until)
    if dry_run:
        jobs = calibration.plan(obs, out, how, workers=workers, memory=size)
        typer.echo("\n".join(_describe_jobs(jobs, workers)))
        return
    summary = calibration.calibrate(
        obs, out, how, workers=workers, memory=size, scheduler=scheduler, progress=sys.stderr.isatty()
    )
    typer.echo(table(summary))


def _parameters(given) -> dict[str, dict]:
    """Parameters of steps from ``step.name=value``; values are numbers, true or false where they look like it."""
    parameters = {}
    for text in given:
        name, equals, value = text.partition("=")
        step, dot, key = name.partition(".")
        if not (equals and dot and step and key):
            raise ValueError(f"--set {text}: give STEP.NAME=VALUE, such as jump.rejection_threshold=10")
        parameters.setdefault(step.strip(), {})[key.strip()] = _value(value.strip())
    return parameters


def _value(text):
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def _size(text) -> float:
    """Bytes from ``1.5GB``, ``800 MB`` or a plain number."""
    units = {"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "MIB": 2**20, "GIB": 2**30}
    number = text.strip().rstrip("BbGgIiKkMm ")
    unit = text.strip()[len(number) :].strip().upper()
    try:
        return float(number) * units[unit]
    except (ValueError, KeyError):
        raise ValueError(f"--memory {text}: give a size such as 1.5GB or 800MB") from None


def _describe_jobs(jobs, workers):
    from .detector1.exposure import disk_needed

    for job in jobs:
        plan = job.segment.plan
        if job.is_done:
            yield f"{job.name}: done, its products are current"
            continue
        yield (
            f"{job.name}: {' x '.join(map(str, plan.shape))}, {len(plan.blocks)} blocks of integrations, "
            f"{len(plan.tiles)} tiles of columns, about {plan.worker_bytes / 1e9:.2f} GB of memory a worker"
        )
    seconds = sum(job.segment.plan.seconds for job in jobs if not job.is_done) / workers
    yield (
        f"Workers: {workers}; disk at most {disk_needed(jobs) / 1e9:.2f} GB; about {seconds / 60:.1f} minutes if each "
        "has a processor of its own. Nothing was done (--dry-run)."
    )


# --- tso lab ---------------------------------------------------------------------------------------------------


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@_say_what_is_wrong
def lab(
    context: typer.Context,
    lesson: Annotated[str, typer.Option("--lesson", "-l", help="Number or name of the lesson to open.")] = "00",
    instructor: Annotated[
        bool, typer.Option("--instructor", help="With outputs and solutions, in a workspace of its own.")
    ] = False,
    reset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LESSON", help="Start this lesson afresh; your copy is put aside, not deleted. Repeatable."
        ),
    ] = None,
    workspace: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of your copies of the lessons.")] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser window.")] = True,
    port: Annotated[int | None, typer.Option(help="Port of the server.")] = None,
):
    """Open the lessons in JupyterLab.

    You work on copies in a workspace folder: without outputs and solutions, and never overwritten once you have changed
    them. The simulated exposure is built first if it is not there yet. Other options go on to `jupyter lab`.
    """
    from .course import workspace as places

    where = Path(workspace.expanduser() if workspace else places.default_workspace(instructor)).absolute()
    notebook = places.find_lesson(lesson)
    afresh = [places.find_lesson(name).stem for name in reset or ()]  # all of them before the first is touched
    _look_at_memory()
    if problem := places.record_problem(where):
        typer.echo(f"{problem}.\nIt is written again. A lesson that is not today's counts as yours and is kept.")
    for name in afresh:
        kept = places.reset(name, where, instructor=instructor)
        typer.echo(f"Lesson {name} is as new." + (f" Your copy is now {kept}" if kept else ""))
    _announce(places.prepare(where, instructor=instructor), where)
    _prepare_data()
    options = [
        f"--ServerApp.root_dir={where.resolve()}",
        f"--LabApp.default_url=/lab/tree/{notebook.name}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *([] if browser else ["--no-browser"]),
        *([f"--port={port}"] if port else []),
        *_as_root(),
        *context.args,
    ]
    _become([sys.executable, "-m", "jupyterlab", *options])


def _as_root():
    """JupyterLab refuses to run as root unless told; in a container there is often nobody else."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return []
    typer.echo("You are root, so JupyterLab is started with --allow-root.")
    return ["--allow-root"]


def _announce(done, where):
    from .course import workspace as places

    typer.echo(f"Your copies of the lessons are in {where}")
    for name, what in done.items():
        if what in (places.UPDATED, places.OUTDATED):
            typer.echo(f"  {name}: {what}")
    if places.OUTDATED in done.values():
        typer.echo("  To get a changed lesson: tso lab --reset LESSON (your copy is put aside)")


def _become(command):
    """Go on as JupyterLab, so that its signals and exit code are ours."""
    # Our settings (no question about news on a learner's first day) are looked for after the user's own folders.
    ours = Path(__file__).parent / "course" / "jupyter"
    settings = [*filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")]), str(ours)]
    sys.stdout.flush()
    os.execve(command[0], command, os.environ | {"JUPYTER_CONFIG_PATH": os.pathsep.join(settings)})


def _prepare_data():
    """Build the simulated exposure if it is the chosen one and not there yet."""
    if os.environ.get("TSO_OBSERVATION", "simulated").startswith("simulated"):
        from .observation import open_observation

        open_observation()


# --- tso run ---------------------------------------------------------------------------------------------------


@app.command()
@_say_what_is_wrong
def run(
    lesson: Annotated[
        list[str] | None, typer.Option("--lesson", "-l", metavar="LESSON", help="Only this lesson. Repeatable.")
    ] = None,
    save: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the executed notebooks here.")] = None,
    timeout: Annotated[float, typer.Option(help="Longest time that one cell may take, in seconds.")] = 600,
):
    """Execute the lessons without a browser, solutions included.

    Each runs in a kernel of its own, in a folder that is deleted afterwards. Ends with one line per lesson: time, peak
    memory of its kernel, how many of its asserts ran, and a note when it took longer than the minute that a lesson may
    take; --save keeps these lines as well. The exit code is 1 when a lesson failed.
    """
    from .course import headless
    from .course import workspace as places

    headless.whole_seconds(timeout)  # before anything is built
    chosen = [places.find_lesson(name) for name in lesson] if lesson else list(places.lessons().values())
    if save:
        _make_folder(save, "--save")
    _look_at_memory()
    _prepare_data()
    reports = {}
    with tempfile.TemporaryDirectory(prefix="tso-run-") as folder:
        places.prepare(Path(folder) / "lessons", instructor=True)
        for path in chosen:
            reports[path.stem] = _run_lesson(Path(folder) / "lessons" / path.name, save, timeout)
            if reports[path.stem].error:
                typer.echo(f"\n{path.stem} failed:\n{reports[path.stem].error}", err=True)
    summary = "\n".join(run_summary(reports))
    typer.echo(summary)
    if save:
        save.mkdir(parents=True, exist_ok=True)
        (save / "summary.txt").write_text(summary + "\n", encoding="utf-8")
    if any(report.error for report in reports.values()):
        raise typer.Exit(1)


def _run_lesson(path, save, timeout):
    import nbformat
    from tqdm.auto import tqdm

    from .course import headless
    from .files import atomic

    notebook = nbformat.read(path, as_version=4)
    with tqdm(total=len(notebook.cells), desc=path.stem, unit="cell", leave=False) as bar:
        report = headless.execute(
            notebook, path.parent, timeout=timeout, on_cell=lambda number: bar.update(number - bar.n)
        )
    if save:
        atomic.write_text(save / path.name, nbformat.writes(notebook) + "\n")
    return report


BUDGET = 60  #: Seconds that a lesson may take on two cores with nothing prepared but the exposure.


def run_summary(reports):
    """Return one line per lesson: whether it ran, its time beside the budget, its memory, and its asserts.

    Parameters
    ----------
    reports : dict of str to tso_helpers.course.headless.Report

    Returns
    -------
    list of str
    """
    width = max(map(len, reports))
    return [
        f"{name:{width}}  {'FAILED' if report.error else 'ok':6}  {report.seconds:6.1f} s  "
        f"{report.peak_memory / 1e9:5.2f} GB  {report.asserts_ran} of {len(report.asserts)} asserts ran"
        + (f", over the budget of {BUDGET} s" if report.seconds > BUDGET else "")
        for name, report in reports.items()
    ]


# --- tso doctor ------------------------------------------------------------------------------------------------


@app.command()
@_say_what_is_wrong
def doctor(
    network: Annotated[bool, typer.Option("--network/--offline", help="Also try whether MAST and CRDS answer.")] = True,
):
    """Check this machine: versions, memory, disk, write access, MAST and CRDS; and say what to do about each problem.

    The exit code is 1 when something keeps the lessons from running. A "note" does not. Nothing is created or changed.
    """
    from .course import doctor as machine

    worst = machine.GOOD
    for check in machine.checks(network=network):
        typer.echo(f"{check.state:8}{check.name:15}{check.found}")
        if check.advice:
            typer.echo(f"{'':8}{'':15}-> {check.advice}")
        worst = machine.BAD if machine.BAD in (worst, check.state) else worst
    if worst == machine.BAD:
        raise typer.Exit(1)


# --- small things ----------------------------------------------------------------------------------------------


def _make_folder(folder, option):
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{option} {folder}: the folder cannot be made ({error.strerror}); choose another") from error


def _integers(text, option):
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.replace(":", ",").split(","))
    except ValueError:
        raise ValueError(f"{option} {text!r}: give whole numbers with commas between them, like 72,4,4") from None


def _names(text, upper=False):
    if text is None:
        return None
    names = (part.strip() for part in text.split(","))
    return tuple(name.upper() if upper else name for name in names if name)


def _describe(recipe):
    segments = " + ".join(map(str, recipe.integrations))
    start, stop = recipe.columns
    left_out = f"; without {', '.join(sorted(recipe.without))}" if recipe.without else ""
    return (
        f"{' and '.join(recipe.detectors)}, {segments} integrations of {recipe.groups} groups "
        f"({recipe.group_time:.2f} s apart), columns {start} to {stop - 1}, seed {recipe.seed}{left_out}"
    )


def _megabytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    app()
