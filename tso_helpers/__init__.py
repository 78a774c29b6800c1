"""Helpers for the lessons on calibrating JWST time-series observations.

``import tso_helpers as tso`` is cheap: a submodule is imported when it is first used, so nothing here
imports the pipeline, touches the network or sets the environment. The usual beginning of a lesson is ::

    import tso_helpers as tso
    tso.plotting.use_style()
    obs = tso.open_observation()
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("tso-helpers")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

#: What lessons reach as ``tso.<name>``, and where it stands.
_MODULES = {
    **{name: name for name in ("dq", "instrument", "jumps", "light_curve", "one_over_f", "ramps", "rates")},
    **{name: name for name in ("spectra", "trace")},
    **{name: name for name in ("course", "detector1", "files", "observation", "plotting", "simulation")},
    "archive": "observation.archive",
    "doctor": "course.doctor",
    "exercises": "course.exercises",
    "explorer": "course.explorer",
    "full_size": "observation.full_size",
    "logs": "observation.logs",
    "products": "files.products",
    "workspace": "course.workspace",
}
_OBJECTS = {"open_observation": "observation", "Observation": "observation"}

__all__ = ["__version__", *_MODULES, *_OBJECTS]


def __getattr__(name):
    if name in _MODULES:
        return import_module(f"{__name__}.{_MODULES[name]}")
    if name in _OBJECTS:
        return getattr(import_module(f"{__name__}.{_OBJECTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__():
    return sorted(__all__)
