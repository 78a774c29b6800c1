"""What a worker needs, loaded when this is imported: for the process from which local workers are forked."""

from __future__ import annotations

import distributed  # noqa: F401

from .steps import load_steps

load_steps()
