"""Which exposure is calibrated, where its files are, and the ramp after any step."""

from .opening import NAMED, Observation, open_observation
from .places import data_root, mast_folder, scratch_folder

__all__ = ["NAMED", "Observation", "data_root", "mast_folder", "open_observation", "scratch_folder"]
