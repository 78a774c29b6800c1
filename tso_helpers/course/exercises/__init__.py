"""Exercises that answer back.

A lesson writes ``answer = None  # your code here`` and then ``tso.exercises.check("saturation-limit", answer, ...)``.
What else a checker needs (the arrays the lesson has just made, say) is passed by name. Checkers live in one module
per lesson, ``lesson_02.py`` and so on, and are registered with :func:`checker`; see CONTRIBUTING.md. Our own, because
nbgrader and otter grade what is handed in, while these name a learner's mistake in the cell, with no set-up at all.
"""

from tso_helpers.course.exercises.core import Verdict, Wrong, check, checker, close_to, registry

__all__ = ["Verdict", "Wrong", "check", "checker", "close_to", "registry"]
