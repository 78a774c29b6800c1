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

_MODULES = (
    "archive",
    "detector1",
    "doctor",
    "dq",
    "exercises",
    "jumps",
    "light_curve",
    "logs",
    "observation",
    "one_over_f",
    "plotting",
    "products",
    "ramps",
    "simulation",
    "trace",
    "workspace",
)
_OBJECTS = {"open_observation": "observation", "Observation": "observation"}

__all__ = ["__version__", *_MODULES, *_OBJECTS]


def __getattr__(name):
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _OBJECTS:
        return getattr(import_module(f"{__name__}.{_OBJECTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__():
    return sorted(__all__)
