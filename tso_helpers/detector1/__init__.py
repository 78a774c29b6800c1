"""Stage 1: its steps in order, and what applies them."""

from ..files.models import cut
from .exposure import Settings, calibrate
from .steps import STEPS, apply, check_parameters, load_steps, run, step_class, steps_until

__all__ = [
    "STEPS",
    "Settings",
    "apply",
    "calibrate",
    "check_parameters",
    "cut",
    "load_steps",
    "run",
    "step_class",
    "steps_until",
]
