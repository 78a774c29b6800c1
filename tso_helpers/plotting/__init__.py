"""Every figure of the lessons. Each function takes axes (or makes them) and returns them; `use_style` sets the look."""

from .bias import compare_profiles, plot_agreement, plot_levels, plot_reference_pixels
from .dark import plot_dark_ramps, plot_depth_change, plot_dilution
from .dq import plot_bits, plot_dq_map
from .frames import compare_frames, row_profiles, show_frame, show_mask
from .jump_detection import plot_outliers, plot_significance, plot_threshold_scan, show_stamps
from .jumps import plot_breakdown, plot_completeness, plot_jumps_per_integration
from .light_curve import compare_light_curves, plot_light_curve, plot_pulls
from .noise import compare_scatter, plot_against_half_width, plot_drift, plot_mask_stages, plot_power_spectrum
from .ramps import mark_flags, plot_linearity_ratio, plot_ramp
from .raw_spectra import plot_raw_spectra
from .slopes import plot_aperture_trade, plot_slope, plot_slope_estimates
from .stage1_map import stage1_map
from .style import COLOURS, use_style
from .target_acquisition import show_target_acquisition

__all__ = [
    "COLOURS",
    "compare_frames",
    "compare_light_curves",
    "compare_profiles",
    "compare_scatter",
    "mark_flags",
    "plot_against_half_width",
    "plot_agreement",
    "plot_aperture_trade",
    "plot_bits",
    "plot_breakdown",
    "plot_completeness",
    "plot_dark_ramps",
    "plot_depth_change",
    "plot_dilution",
    "plot_dq_map",
    "plot_drift",
    "plot_jumps_per_integration",
    "plot_levels",
    "plot_light_curve",
    "plot_linearity_ratio",
    "plot_mask_stages",
    "plot_outliers",
    "plot_power_spectrum",
    "plot_pulls",
    "plot_ramp",
    "plot_raw_spectra",
    "plot_reference_pixels",
    "plot_significance",
    "plot_slope",
    "plot_slope_estimates",
    "plot_threshold_scan",
    "row_profiles",
    "show_frame",
    "show_mask",
    "show_stamps",
    "show_target_acquisition",
    "stage1_map",
    "use_style",
]
