"""Real processes that start at once: one interpreter has imported what is needed, and forks for each piece of code."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

_PARENT = """
import json, os, sys, traceback
for line in sys.stdin:
    order = json.loads(line)
    if "wait" in order:
        answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
    elif answer := os.fork():
        pass
    else:
        code = 0
        try:
            os.dup2(os.open(order["out"], os.O_WRONLY | os.O_CREAT), 1)
            os.dup2(1, 2)
            exec(order["code"], {})
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        os._exit(code)
    print(answer, flush=True)
"""


class Child:
    """One process."""

    def __init__(self, forked, code):
        descriptor, name = tempfile.mkstemp(dir=forked.folder)
        os.close(descriptor)
        self.out, self._ask = Path(name), forked.ask
        self.pid = self._ask({"code": code, "out": name})

    def kill(self):
        """End it as a power cut would; it may have ended already."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self):
        """Returns its exit code (negative: the signal) and what it printed."""
        return self._ask({"wait": self.pid}), self.out.read_text()


class Forked:
    """What forks; ``start`` returns a `Child`."""

    def __init__(self, folder, imports):
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-c", imports + "\n" + _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, order):
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def start(self, code):
        return Child(self, code)

    def run(self, code):
        """Exit code and output of a process that is left to its end."""
        return self.start(code).wait()


@contextlib.contextmanager
def forked(imports):
    """An interpreter that has executed `imports` and forks on demand."""
    with tempfile.TemporaryDirectory(prefix="tso-forked-") as folder:
        made = Forked(folder, imports)
        try:
            yield made
        finally:
            made._process.stdin.close()
            made._process.wait()
            made._process.stdout.close()
