"""The same computation as other machines do it: processor features and BLAS kernels switched off, one thread.

Results may differ between machines in the last bits, because numpy and OpenBLAS choose their loops by the processor
that they find. Each variant is a set of environment variables for a new process.
"""

from __future__ import annotations

import contextlib
import ctypes
import platform
from pathlib import Path

#: OpenBLAS kernels that every processor of that kind can run; the second is for where the first is in use already.
CORES = {"x86_64": ("Nehalem", "Prescott"), "AMD64": ("Nehalem", "Prescott"), "aarch64": ("ARMV8", "CORTEXA57")}


def beyond_baseline():
    """Names of the features that this processor has and numpy uses, beyond those that numpy was built to need."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]


def variants():
    """Environment variables of each variant, by name; those that this machine cannot vary are left out.

    Returns
    -------
    dict of str to dict
        ``"processor"``: numpy's baseline loops; ``"kernels"``: another OpenBLAS kernel; ``"thread"``: one BLAS thread;
        ``"all"``: all of them at once.
    """
    found = {}
    if features := beyond_baseline():
        found["processor"] = {"NPY_DISABLE_CPU_FEATURES": ",".join(features)}
    others = [core for core in CORES.get(platform.machine(), ()) if core.lower() not in map(str.lower, kernels())]
    if others:
        found["kernels"] = {"OPENBLAS_CORETYPE": others[0]}
    found["thread"] = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    found["all"] = {name: value for settings in found.values() for name, value in settings.items()}
    return found


def kernels():
    """Names of the kernels that the OpenBLAS libraries of this process use, numpy's and scipy's."""
    return sorted({name.decode() for name in _ask_openblas("get_corename", ctypes.c_char_p)})


def threads():
    """Largest number of threads that the OpenBLAS libraries in this process use; 0 where there are none."""
    return max(_ask_openblas("get_num_threads", ctypes.c_int), default=0)


def _ask_openblas(question, kind):
    import numpy
    import scipy.linalg  # noqa: F401 - loads scipy's own library

    folders = [Path(numpy.__file__).parents[1] / f"{name}.libs" for name in ("numpy", "scipy")]
    answers = []
    for library in (path for folder in folders for path in sorted(folder.glob("*openblas*"))):
        loaded = ctypes.CDLL(str(library))
        for name in (f"scipy_openblas_{question}64_", f"scipy_openblas_{question}"):
            with contextlib.suppress(AttributeError):
                function = getattr(loaded, name)
                function.restype = kind
                answers.append(function())
    return answers


if __name__ == "__main__":
    print("features beyond the baseline:", ", ".join(beyond_baseline()) or "none")
    print("OpenBLAS kernels:", ", ".join(kernels()) or "none found", "- threads:", threads())
    for name, settings in variants().items():
        print(f"{name:10}", " ".join(f"{key}={value}" for key, value in settings.items()))
