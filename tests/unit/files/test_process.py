"""What the system knows of this process, and how it deals with memory."""

import platform
import resource
import subprocess
import sys

import numpy as np
import pytest

from tso_helpers.files import process

SIZE = 64_000_000  # bytes


def handed_out(repeat):
    """Pages that the system hands out while an array is made and dropped again and again."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(repeat):
        np.ones(SIZE, dtype="u1")
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc can be told")
def test_freed_memory_is_used_again_within_the_context_only():
    each = handed_out(1)
    assert handed_out(10) > 8 * each
    with process.keep_freed_memory():
        handed_out(1)
        assert handed_out(10) < each
    assert handed_out(10) > 8 * each


def test_memory_is_given_back_at_the_end():
    code = (
        "import numpy as np, psutil\n"
        "from tso_helpers.files import process\n"
        "before = psutil.Process().memory_info().rss\n"
        "with process.keep_freed_memory():\n"
        f"    np.ones({10 * SIZE}, dtype='u1')\n"
        f"assert psutil.Process().memory_info().rss - before < {SIZE}\n"
        f"assert process.peak_memory() > {10 * SIZE}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
