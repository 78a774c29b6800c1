"""The pipeline's log goes to a file; a lesson shows the two or three lines that matter.

A step that is run with ``Step.call`` prints some fifty lines, most of them its parameters. `to_file` sends them to a
file, for every later call in this process, and `lines` takes out what one wants to read.
"""

from __future__ import annotations

import contextlib
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
_FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
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
    global _config, _path
    path = Path(path).resolve()
    if path == _path and path.is_file():  # else somebody has deleted it
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8"):
        pass
    restore()
    _config = _configuration(path)
    _config.apply(_loggers())
    logging.getLogger("py.warnings").addHandler(_show_own)
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
        One per record, in order. The last says so if records could not be written.

    Raises
    ------
    ValueError
        If the log holds no run of that step; the message lists the steps that it holds, and says if records were lost.
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
    lost = _what_was_lost(path)
    words = [contains] if isinstance(contains, str) else list(contains or [])
    return [
        _PATH.sub(r"\1", text)
        for text in chosen
        if not _UNINTERESTING.search(text) and (not words or any(word.lower() in text.lower() for word in words))
    ] + ([lost] if lost else [])


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
    lost = _what_was_lost(path)
    held = ", ".join(sorted(name.removesuffix("step") for name in runs)) or "no run of any step"
    raise ValueError(f"{path.name} holds no run of {step!r}; it holds {held}{lost and '. '}{lost}")


def _what_was_lost(path) -> str:
    """Say that the last records did not get into a log; nothing if they did."""
    for handler in _config.handlers if _config is not None else ():
        if isinstance(handler, _ToFile) and handler.lost and Path(handler.baseFilename) == Path(path).resolve():
            return f"{handler.what_was_lost()}: make room on the disk with {path}, then run the step again"
    return ""


def _loggers() -> tuple[str, ...]:
    from jwst.stpipe import Step

    return Step.get_stpipe_loggers()


def _configuration(path: Path):
    """Return a logging configuration of stpipe's own: while one is applied, `Step.call` does not set up another.

    This is the one place that reaches into ``stpipe._log``, which is private: a new stpipe may change it, and
    tests/unit/observation/test_logs.py then says so. We rely on ``LogConfig(handlers, level=, recording_level=)``, its
    `apply`, `undo` and list of `handlers`, and on "null" as the name of a handler that does nothing.

    The configuration also records everything in memory, to be saved with each product; its level keeps that list
    empty, because it would grow with every call and carry times and folders into files that are meant to be equal.
    """
    from stpipe import _log

    config = _log.LogConfig(["null"], level=logging.INFO, recording_level=_NEVER)
    handler = _ToFile(path)
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter(_FORMAT))
    config.handlers.append(handler)
    return config


class _ToFile(logging.FileHandler):
    """Write records to a file; where that fails (a full disk), say so once, in one line, instead of a traceback each.

    As soon as there is room again records are written again, after one that says how many are missing.
    """

    def __init__(self, path):
        super().__init__(path, "a", encoding="utf-8", delay=True)
        self.lost, self.reason = 0, ""

    def emit(self, record):
        lost = self.lost
        try:
            super().emit(record)
        except OSError:  # the file could not be opened again
            self.handleError(record)
        if self.lost == lost:
            self.lost = 0

    def _open(self):
        stream = super()._open()
        if self.lost:  # after a record that may have been written in part
            record = logging.makeLogRecord({"name": __name__, "levelname": "WARNING", "msg": self.what_was_lost()})
            stream.write(f"\n{self.format(record)}\n")
        return stream

    def what_was_lost(self):
        """Say how many records are missing in the file, and why."""
        return f"{self.lost} records before this could not be written ({self.reason})"

    def handleError(self, record):
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._drop()
        self.lost += 1
        if self.lost == 1:
            self.reason = error.strerror or str(error)
            print(
                f"the pipeline's log {self.baseFilename} cannot be written ({self.reason}): the step goes on, but what "
                "it logs is lost. Make room, then run the step again to see its log",
                file=sys.stderr,
            )

    def _drop(self):
        """Close the stream without what it could not write; it is opened again for the next record."""
        stream, self.stream = self.stream, None
        with contextlib.suppress(OSError):  # closing tries to write once more
            if stream is not None:
                stream.close()


class _ShowOwn(logging.Handler):
    """Show the Python warnings that were not raised inside an installed package, and our own."""

    _installed = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})

    def emit(self, record):
        text = record.getMessage()
        here = str(Path(__file__).parents[1]) + os.sep
        if text.startswith(here) or not text.startswith(self._installed):
            print(text, end="" if text.endswith("\n") else "\n", file=sys.stderr)


_show_own = _ShowOwn()
