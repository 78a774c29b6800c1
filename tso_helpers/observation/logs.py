"""The pipeline's log goes to a file; a lesson shows the two or three lines that matter.

A step that is run with ``Step.call`` prints some fifty lines, most of them its parameters. `to_file` sends them to a
file, for every later call in this process, and `lines` takes out what one wants to read.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import sysconfig
import tempfile
from datetime import datetime
from pathlib import Path

__all__ = ["current", "lines", "restore", "start", "to_file"]

#: What the pipeline's own log records begin with: time, logger, level.
_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - (?P<logger>\S+) - (?P<level>[A-Z]+) - (?P<text>.*)")
_START = re.compile(r"Step (?P<step>\w+) running with args")
#: A file with its folder, which differs from machine to machine; what is kept is the name.
_PATH = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\][^\n]*?([^/\\\n]+?\.(?:fits|asdf|json|[pir]map))\b")
#: Records that say nothing about the data, or never the same thing twice.
_UNINTERESTING = re.compile(
    r"Step \w+ (running with args|parameters are|done)|instance created|Results used|Saved model in"
    r"|execution time|elapsed|\bseconds\b|\bTime: \d",
    re.IGNORECASE,
)
_NEVER = logging.CRITICAL + 1

_KEPT = 20

_started: dict[Path, tuple[int, Path]] = {}
_config = None
_path: Path | None = None


def to_file(path) -> Path:
    """Send the pipeline's log to a file from now on, and nothing of it to the notebook or terminal.

    Python warnings raised inside installed packages go there too, as they do in a plain ``Step.call``; those raised
    in a cell, and our own, are shown as ever.

    Parameters
    ----------
    path : path
        Log file; its folder is created, and records are appended.

    Returns
    -------
    pathlib.Path
        The absolute path.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    global _path
    path = Path(path).resolve()
    if path == _path:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8"):
        pass
    restore()
    _apply(path)
    _path = path
    return path


def start(folder) -> Path:
    """Send the pipeline's log of this process to a new file in a folder, or to a temporary one if that is read-only.

    Parameters
    ----------
    folder : path-like
        Made if it isn't there. The oldest of more than 20 logs in it are deleted.

    Returns
    -------
    pathlib.Path
        The log file: one for each process and folder, whatever the number of calls.
    """
    folder = Path(folder).absolute()
    if folder in _started and _started[folder][0] == os.getpid():
        return to_file(_started[folder][1])
    stamp = f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # mkstemp makes the file itself, under a name that nobody can guess: no other session's log, no planted link
        handle, name = tempfile.mkstemp(prefix=f"pipeline-{stamp}-", suffix=".log", dir=folder)
        for old in sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        handle, name = tempfile.mkstemp(prefix=f"tso-pipeline-{stamp}-", suffix=".log")
    os.close(handle)
    _started[folder] = os.getpid(), Path(name)
    return to_file(name)


def restore() -> None:
    """Give the pipeline its own logging back: everything to the terminal."""
    global _config, _path
    if _config is not None:
        logging.getLogger("py.warnings").removeHandler(_show_own)
        _config.undo(_loggers())
    _config = _path = None


def current() -> Path | None:
    """Return the file that the pipeline logs to, or None when `to_file` was not called."""
    return _path


def lines(path=None, step=None, *, contains=None) -> list[str]:
    """Return what the latest run of a step logged, without times, logger names and folders.

    Parameters
    ----------
    path : path, optional
        Log file; by default the one that is being written.
    step : str
        The step, named as in `tso_helpers.detector1.STEPS` or by its class.
    contains : str or sequence of str, optional
        Only the records in which one of these words appears, whatever its case. Without it, all but the boilerplate
        (parameters, times, versions).

    Returns
    -------
    list of str
        One per record, in order.

    Raises
    ------
    ValueError
        If the log holds no run of that step; the message lists the steps that it holds.
    FileNotFoundError
        If there is no log.

    Examples
    --------
    >>> lines(step="saturation", contains="saturated pixels")  # doctest: +SKIP
    ['Detected 1406 saturated pixels']
    """
    path = _path if path is None else Path(path)
    if path is None or not path.is_file():
        raise FileNotFoundError(
            f"no pipeline log{f' {path}' if path else ''}: open an observation and run a step first"
        )
    records = _records(path.read_text(encoding="utf-8", errors="replace"))
    chosen = _latest_run(records, step, path)
    words = [contains] if isinstance(contains, str) else list(contains or [])
    return [
        _PATH.sub(r"\1", text)
        for text in chosen
        if not _UNINTERESTING.search(text) and (not words or any(word.lower() in text.lower() for word in words))
    ]


def _records(text: str) -> list[str]:
    """Return the message of every record; lines that continue one are left out, they list parameters."""
    return [found["text"] for line in text.splitlines() if (found := _RECORD.match(line))]


def _latest_run(records: list[str], step, path) -> list[str]:
    runs: dict[str, list[str]] = {}
    running: list[str] = []
    for text in records:
        if start := _START.match(text):
            name = start["step"].lower()
            running.append(name)
            runs[name] = []
        for name in running:
            runs[name].append(text)
        if running and re.match(rf"Step {running[-1]} (done|skipped)", text, re.IGNORECASE):
            running.pop()
    wanted = str(step).lower().replace("_", "")
    for name in (wanted, f"{wanted}step"):
        if name in runs:
            return runs[name]
    held = ", ".join(sorted(name.removesuffix("step") for name in runs)) or "no run of any step"
    raise ValueError(f"{path.name} holds no run of {step!r}; it holds {held}")


def _loggers() -> tuple[str, ...]:
    from jwst.stpipe import Step

    return Step.get_stpipe_loggers()


def _apply(path: Path) -> None:
    """Apply a logging configuration of stpipe's own: while one is applied, `Step.call` does not set up another.

    The configuration also records everything in memory, to be saved with each product; its level keeps that list
    empty, because it would grow with every call and carry times and folders into files that are meant to be equal.
    """
    global _config
    from stpipe import _log

    _config = _log.LogConfig([f"append:{path}"], level=logging.INFO, recording_level=_NEVER)
    _config.apply(_loggers())
    logging.getLogger("py.warnings").addHandler(_show_own)


class _ShowOwn(logging.Handler):
    """Show the Python warnings that were not raised inside an installed package, and our own."""

    _installed = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})

    def emit(self, record):
        text = record.getMessage()
        here = str(Path(__file__).parents[1]) + os.sep
        if text.startswith(here) or not text.startswith(self._installed):
            print(text, end="" if text.endswith("\n") else "\n", file=sys.stderr)


_show_own = _ShowOwn()
