"""Stage 1: its steps in order, and what applies them."""

from ..files.models import cut
from .steps import STEPS, apply, check_parameters, load_steps, run, step_class, steps_until

__all__ = ["STEPS", "apply", "check_parameters", "cut", "load_steps", "run", "step_class", "steps_until"]
