"""Stage 1 of exoTEDRF on raw files, to compare with; run by the Python of an environment that has it.

python exotedrf_stage1.py OUT UNCAL [UNCAL ...]

Every parameter has its default but for the threshold of saturation: that of `run_stage1`, None, is divided by 100 and
fails, so it is the 80 % of the full well that the step by itself has. For NIRSpec that means: no reference pixels,
dark before linearity, 1/f by column group by group, jumps looked for in time, and the ramps saved after every step.
"""

import sys
from importlib import import_module


def main(out, files):
    """Calibrate, and print the names of the products."""
    stage1 = import_module("exotedrf.stage1")  # by name, because it belongs to another environment than this project's
    products = stage1.run_stage1(files, mode="NIRSpec/G395H", saturation_threshold=80, root_dir=f"{out.rstrip('/')}/")
    print(*products, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
