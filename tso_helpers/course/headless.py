"""Execute a lesson without a browser, and know what happened in its kernel.

The kernel gets a start-up file of its own (through IPYTHONDIR), so a lesson needs no line for it. The start-up file

- counts the asserts that ran, by rewriting each ``assert`` of a cell into itself and a note of its line;
- records the kernel's peak memory and processor time after every cell;
- switches progress bars off, because a bar that is drawn only on the first run would change what is stored;
- on request runs code of the caller's first, and goes on after an assert that fails.

Any program that starts a kernel inherits this when its environment holds what `kernel_environment` returns:
nbclient here, nbval in the tests. (nbclient alone counts no asserts and measures no memory, nor does papermill.)
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
import math
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from ..files.process import peak_memory

LOG, GO_ON = "TSO_HEADLESS_LOG", "TSO_HEADLESS_GO_ON"
_STARTUP = "__import__('tso_helpers.course.headless', fromlist=['start']).start(get_ipython())\n"


@dataclass
class Report:
    """What one run of a notebook took, and which of its asserts ran.

    Attributes
    ----------
    seconds : float
        From start to end.
    processor : float
        Seconds of processor time, the kernel's own and that of what it started.
    peak_memory : int
        Bytes, the kernel's own process.
    asserts : dict
        (cell, line) to source of every assert that stands in the notebook.
    outcomes : dict
        (cell, line) to True (held) or False, for those that ran.
    error : str or None
        What ended the run, if anything did.
    """

    seconds: float = 0.0
    processor: float = 0.0  # seconds of processor time, the kernel's own and that of what it started
    peak_memory: int = 0  # bytes, the kernel's own process
    asserts: dict = field(default_factory=dict)  # (cell, line) -> source of every assert that stands in the notebook
    outcomes: dict = field(default_factory=dict)  # (cell, line) -> True (held) or False, for those that ran
    error: str | None = None

    @property
    def asserts_ran(self):
        """Number of asserts of the notebook that were executed at least once."""
        return sum(key in self.outcomes for key in self.asserts)


def _cell_name(tree):
    return hashlib.sha1(ast.dump(tree).encode()).hexdigest()[:12]


def asserts_in(notebook):
    """List every assert that stands in a notebook's code cells.

    A cell is named by a hash of its syntax, so that the kernel, which is not told cell numbers, gives it the same name.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    dict of (str, int) to str
        Source by cell and line.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            tree = ast.parse(TransformerManager().transform_cell(cell.source))
            found |= {
                (_cell_name(tree), node.lineno): ast.unparse(node)
                for node in ast.walk(tree)
                if isinstance(node, ast.Assert)
            }
    return found


class _NoteAsserts(ast.NodeTransformer):
    """Rewrites ``assert x`` so that it is noted; with `go_on` a failing one is noted too and execution goes on."""

    def __init__(self, go_on):
        self.go_on = go_on

    def visit_Module(self, node):
        self.cell = _cell_name(node)
        return ast.fix_missing_locations(self.generic_visit(node))

    def _note(self, node, held):
        call = (
            f"__import__('tso_helpers.course.headless', fromlist=['note']).note({self.cell!r}, {node.lineno}, {held})"
        )
        return ast.copy_location(ast.parse(call).body[0], node)

    def visit_Assert(self, node):
        if not self.go_on:
            return [node, self._note(node, True)]
        attempt = ast.parse("try:\n    pass\nexcept Exception:\n    pass\nelse:\n    pass").body[0]
        attempt.body, attempt.orelse = [node], [self._note(node, True)]
        attempt.handlers[0].body = [self._note(node, False)]
        return ast.copy_location(attempt, node)


def _log(**entry):
    with open(os.environ[LOG], "a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")


def note(cell, line, held):
    """Write down how a rewritten assert came out; called by it, in the kernel.

    Parameters
    ----------
    cell : str
    line : int
        Where it stands.
    held : bool
    """
    _log(cell=cell, line=line, held=held)


def _no_progress_bars():
    import tqdm.notebook

    draw = tqdm.notebook.tqdm_notebook.__init__
    tqdm.notebook.tqdm_notebook.__init__ = lambda self, *args, **kw: draw(self, *args, **(kw | {"disable": True}))


def start(shell):
    """Set up the kernel; run by its start-up file.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
    """
    _no_progress_bars()
    if LOG in os.environ:
        shell.ast_transformers.append(_NoteAsserts(go_on=GO_ON in os.environ))
        shell.events.register("post_run_cell", lambda result: _log(peak=peak_memory(), processor=sum(os.times()[:4])))


def kernel_environment(folder, startup="", *, go_on=False, **variables):
    """Return the environment for a kernel whose start-up file and log lie in `folder`.

    Parameters
    ----------
    folder : path
        A folder for this run alone.
    startup : str, optional
        Python code that the kernel runs first. Should it fail, then no assert is noted, and the run counts as none.
    go_on : bool
        Note an assert that fails, and go on.
    **variables
        Further environment variables, such as TSO_DATA.

    Returns
    -------
    dict of str to str
    """
    folder = Path(folder)
    place = folder / "profile_default" / "startup"
    place.mkdir(parents=True, exist_ok=True)
    (place / "00-headless.py").write_text(f"{startup}\n{_STARTUP}", encoding="utf-8")
    ours = {"IPYTHONDIR": str(folder), LOG: str(folder / "log.jsonl"), "TQDM_DISABLE": "1"} | (
        {GO_ON: "1"} if go_on else {}
    )
    return os.environ | ours | {name: str(value) for name, value in variables.items()}


def read_log(path, report):
    """Add what a kernel has logged to a report.

    Parameters
    ----------
    path : pathlib.Path
        The kernel's log; it may be missing.
    report : Report
        Is changed.
    """
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "peak" in entry:
            report.peak_memory = max(report.peak_memory, entry["peak"])
            report.processor = max(report.processor, entry["processor"])
        else:
            key = entry["cell"], entry["line"]
            report.outcomes[key] = report.outcomes.get(key, True) and entry["held"]


def whole_seconds(timeout):
    """Return a time limit as nbclient takes it: whole seconds, rounded up.

    Parameters
    ----------
    timeout : float
        Seconds.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is not above 0 (nbclient takes -1 for "for ever").
    """
    if not 0 < timeout < math.inf:
        raise ValueError(f"a time limit of {timeout:g} s: give a number of seconds above 0, such as 600")
    return math.ceil(timeout)


def execute(notebook, cwd, *, startup="", go_on=False, timeout=600, on_cell=None, **variables):
    """Execute a notebook in a kernel of its own.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Executed in place: its outputs are replaced. Cells after one that raises are not run,
        but for `go_on`, where every cell is run.
    cwd : path
        Folder that the kernel runs in.
    startup : str, optional
        Python code that the kernel runs first.
    go_on : bool
        Record asserts and other errors, but never stop at one.
    timeout : float, optional
        Longest time that one cell may take, in seconds.
    on_cell : callable, optional
        Called with the number of each cell before it runs.
    **variables
        Environment variables for the kernel.

    Returns
    -------
    Report
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    limit = whole_seconds(timeout)
    report = Report(asserts=asserts_in(notebook))
    with tempfile.TemporaryDirectory(prefix="tso-kernel-") as folder:
        environment = kernel_environment(folder, startup, go_on=go_on, **variables)
        client = NotebookClient(
            notebook,
            timeout=limit,
            kernel_name="python3",
            allow_errors=go_on,
            record_timing=False,
            coalesce_streams=True,
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(cwd)}},
            on_cell_start=(lambda cell, cell_index: on_cell(cell_index)) if on_cell else None,
        )
        start = time.perf_counter()
        try:
            asyncio.run(client.async_execute(env=environment))  # closes its event loop, unlike client.execute
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as problem:
            report.error = str(problem)
        report.seconds = time.perf_counter() - start
        read_log(Path(folder) / "log.jsonl", report)
    return report
