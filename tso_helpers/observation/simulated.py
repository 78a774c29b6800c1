"""Open a simulated exposure. Nothing else that handles observations knows the simulation."""

from __future__ import annotations

from pathlib import Path

from ..files import crds_cache, level1b
from ..simulation import exposure
from ..simulation.recipe import Recipe
from ..simulation.truth import open_truth
from . import crds, published
from .opening import Observation, Source
from .places import scratch_folder

__all__ = ["open_folder", "open_recipe"]

RECIPES = {"simulated": Recipe(), "simulated-full": Recipe(integrations=(155, 155, 155), groups=70)}


def open_recipe(which, root, progress=True) -> Observation:
    """Open the exposure of a recipe, built if it isn't there.

    Parameters
    ----------
    which : str or Recipe
        ``"simulated"``, ``"simulated-full"``, or any recipe.
    root : path
        Where exposures are kept.
    progress : bool
        Show a progress bar while it is built.

    Returns
    -------
    Observation
        What is derived from it goes into its own folder.
    """
    recipe = which if isinstance(which, Recipe) else RECIPES[which]
    folder = Path(root) / f"simulated-{recipe.key}"
    exposure.build(folder, recipe, progress=progress)
    return _observe("simulated", folder, folder)


def open_folder(folder, files, root=None) -> Observation:
    """Open the simulated exposure to which a folder belongs; what is derived from it goes to the scratch folder.

    Parameters
    ----------
    folder : path
        The exposure's folder, or one below it.
    files : list of level1b.Uncal
        The files that were found in it.
    root : path, optional
        As for `open_observation`.

    Returns
    -------
    Observation

    Raises
    ------
    FileNotFoundError
        If the references or the truth that belong to the files are not there.
    ValueError
        If it was built by another version of the simulation, or its recipe is damaged beyond repair.
    OSError
        If the exposure is not as it was built.
    """
    home = check(folder)
    recipe = exposure.recipe_of(home)
    strangers = sorted(file.path.name for file in files if exposure.recipe_key(file.path) != recipe.key)
    if strangers:
        raise OSError(
            f"{strangers[0]} was made from another recipe than the exposure in {home} to which it should belong. "
            f"Delete the folder, then run {exposure.command(home)} with the options that it was built with"
        )
    return _observe(Path(folder).name, home, scratch_folder(home, root))


def check(folder) -> Path:
    """Return the folder of the simulated exposure to which a folder belongs, or say what is wrong with it.

    Raises
    ------
    FileNotFoundError, ValueError, OSError
        As `open_folder`.
    """
    home = _home(folder)
    exposure.recipe_of(home)
    if problems := exposure.problems(home, thorough=False):
        raise OSError(
            f"the simulated exposure in {home} is damaged: {'; '.join(problems[:3])}. {exposure.command(home)} makes "
            "what is damaged again"
        )
    return home


def _observe(name, folder, scratch) -> Observation:
    configuration = crds.simulated(folder / "crds")
    source = Source(name, folder, scratch, configuration, published.TRANSIT, open_truth(folder))
    return Observation(source, level1b.find(folder))


def _home(folder) -> Path:
    signs = (exposure.RECORD, exposure.NOTE, Path("crds", crds_cache.MARKER))
    for home in (Path(folder), *Path(folder).parents):
        if any((home / sign).is_file() for sign in signs):
            return home
    raise FileNotFoundError(
        f"the files in {folder} are simulated, but the reference files and the recipe that belong to them are neither "
        "there nor in a folder above: open the folder that `tso data` made, as a whole"
    )
